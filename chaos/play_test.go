//go:build docker

package chaos

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"testing"
	"time"

	"msdha/chaos/rig"
	"msdha/internal/evidence"
)

// play is a scenario under way.
type play struct {
	*rig.Cluster
	t    *testing.T
	ctx  context.Context
	name string

	old    evidence.Reign // that the fault met
	struck time.Time
	result rig.Result
	fronts []string // through which clients are to be served all the time
	reg    *rig.Register

	outages []time.Duration // of the rounds of a scenario that is played again and again
	mayLose string          // why acknowledged rows may be missing afterwards
}

func (p *play) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// begin waits for a steady cluster.
func (p *play) begin() {
	p.t.Helper()
	p.must(p.Steady(p.ctx, settleLimit))
	p.old = p.Observer.Master()
	for _, f := range p.Fronts {
		p.fronts = append(p.fronts, f.Name)
	}
	var err error
	p.reg, err = p.StartRegister(p.ctx, uint64(crc32.ChecksumIEEE([]byte(p.name))))
	p.must(err)
	p.t.Cleanup(p.reg.Stop)
	p.pass(time.Second)
}

// renewRegister begins another history: one of twenty minutes takes long to check.
func (p *play) renewRegister(n uint64) {
	p.t.Helper()
	p.reg.Stop()
	p.result.Outage = 0
	var err error
	p.reg, err = p.StartRegister(p.ctx, uint64(crc32.ChecksumIEEE([]byte(p.name)))<<16+n)
	p.must(err)
	p.t.Cleanup(p.reg.Stop)
}

const settleLimit = 90 * time.Second

// pass lets the fault last, or the clients work.
func (p *play) pass(d time.Duration) {
	p.t.Helper()
	select {
	case <-p.ctx.Done():
		p.t.Fatal(p.ctx.Err())
	case <-time.After(d):
	}
}

// until lets the fault last that long from its beginning.
func (p *play) until(d time.Duration) {
	p.t.Helper()
	p.pass(time.Until(p.struck.Add(d)))
}

// shortly is long enough for a new master to have been busy.
const shortly = 2 * time.Second

// master is the node that the fault is to meet.
func (p *play) master() *rig.Member { return p.Node(p.old.Node) }

// slave is one that is not the master.
func (p *play) slave() *rig.Member { return p.Others(p.master())[0] }

// strike notes when the fault begins, and what it is.
func (p *play) strike(format string, args ...any) {
	p.Heading(p.name + ": " + fmt.Sprintf(format, args...))
	p.struck = time.Now()
}

// successor waits for the next published master.
func (p *play) successor() evidence.Reign {
	p.t.Helper()
	next, err := p.Observer.AwaitOther(p.ctx, p.old.Epoch, settleLimit)
	p.must(err)
	return next
}

// claimed waits for the next lock, published or not.
func (p *play) claimed() evidence.Reign {
	p.t.Helper()
	deadline := time.Now().Add(settleLimit)
	for {
		if next := p.Observer.Next(p.old.Epoch); next.Epoch != 0 {
			return next
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("nobody claimed within %v", settleLimit)
		}
		p.pass(time.Millisecond)
	}
}

// open ends the filter of a member. If that was restarted meanwhile, the filter
// is gone with its network namespace.
func (p *play) open(m *rig.Member) {
	p.t.Helper()
	if err := m.Unfilter(p.ctx); !errors.Is(err, rig.ErrNotRunning) {
		p.must(err)
	}
}

// together does the same to all at once.
func (p *play) together(all []*rig.Member, do func(*rig.Member, context.Context) error) {
	p.t.Helper()
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, m := range all {
		wait.Go(func() { errs[i] = do(m, p.ctx) })
	}
	wait.Wait()
	p.must(errors.Join(errs...))
}

// everything is every container.
func (p *play) everything() []*rig.Member { return slices.Concat(p.Etcds, p.Nodes, p.Fronts) }

// idleSession opens a session through a frontend that says nothing. The result
// waits until it is cut, and says when that was.
func (p *play) idleSession(f *rig.Member) func() time.Time {
	p.t.Helper()
	c, err := f.Dial(p.ctx)
	p.must(err)
	ended := make(chan time.Time, 1)
	go func() {
		_, _ = c.Read(make([]byte, 1)) // PostgreSQL is silent until it is asked
		ended <- time.Now()
		_ = c.Close()
	}()
	return func() time.Time {
		p.t.Helper()
		select {
		case at := <-ended:
			return at
		case <-time.After(settleLimit):
			p.t.Fatalf("an idle session through %s was still open after %v", f.Name, settleLimit)
			return time.Time{}
		}
	}
}

// healed waits until all is as it was, but for who is master.
func (p *play) healed() {
	p.t.Helper()
	p.must(p.Steady(p.ctx, settleLimit))
}

// judge holds what clients saw against what is promised in every scenario, and
// notes the figures: never two masters, registers linearizable, every recording
// the machine's own doing.
func (p *play) judge() {
	p.t.Helper()
	p.healed()
	v, err := p.Judge(p.ctx, p.reg)
	p.must(err)
	p.result.Verdict = v
	p.measure()
	if v.TwoMasters > 0 {
		p.t.Errorf("two masters: %d acknowledgements of an old epoch after a later one: %s", v.TwoMasters, v.Detail)
	}
	if v.Lost > 0 && p.mayLose == "" {
		p.t.Errorf("%d acknowledged rows are missing: %s", v.Lost, v.Detail)
	}
	if !v.Sound {
		p.t.Errorf("the register is not linearizable: %s", v.Detail)
	}
	p.Say("%s", p.result.Line())
}

// measure splits the outage (as internal/demo does).
func (p *play) measure() {
	r := &p.result
	r.From, r.To = p.old.Node, p.old.Node
	for _, f := range p.fronts {
		r.Outage = max(r.Outage, p.Clients.Ledger.Gap(p.struck, time.Now(), f))
	}
	next := p.Observer.NextPublished(p.old.Epoch)
	if next.Epoch == 0 {
		return
	}
	old := p.Observer.Reign(p.old.Epoch)
	r.To = next.Node
	if old.Gone.IsZero() {
		return // etcd was restored: it knows nothing of that reign
	}
	r.Detection, r.Wait = old.Gone.Sub(p.struck), next.Claimed.Sub(old.Gone)
	r.Hook = next.Published.Sub(next.Claimed)
	for _, f := range p.fronts {
		r.Routing = max(r.Routing, p.Clients.Ledger.First(p.struck, int64(p.old.Epoch), f).Sub(next.Published))
	}
}
