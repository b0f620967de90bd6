//go:build docker

package chaos

import (
	"fmt"
	"strings"
	"time"

	"msdha/chaos/rig"
	"msdha/internal/evidence"
	"msdha/internal/fsm/kv"
)

// Bounds. A failover without proof of death takes until the lease has ended, at
// most T and half a second in which etcd notices, then twice the TTL (SPEC L1).
// What a machine that is busy with eight containers adds is no promise: noise is
// for what the bound does not name, the start of processes above all.
const (
	expiry = 500 * time.Millisecond
	noise  = 3 * time.Second
)

// How the rig's clusters are monitored, and how long promotion and planned stop may
// take.
const (
	promoteLimit = 10 * time.Second
	looks        = 3
	lookEvery    = 2 * time.Second
	lookLimit    = 5 * time.Second
	stopTimeout  = 8 * time.Second
)

// jitter is how much later than a claimant the observer may learn that a lock is
// gone.
const jitter = 500 * time.Millisecond

// inFlight is how long an acknowledgement may be under way.
const inFlight = time.Second

// grace is how long after the deadline a process may take to die (SPEC R4).
func (p *play) grace() time.Duration {
	if p.Opts.TTL >= 5*time.Second {
		return p.Opts.TTL / 2
	}
	return p.Opts.TTL / 4
}

// unattested asserts the bound of a failover in which nobody proves that the old
// master is dead.
func (p *play) unattested(next evidence.Reign) {
	p.t.Helper()
	p.within("the next master is published", next.Published.Sub(p.struck),
		p.Opts.TTL+expiry+2*p.Opts.TTL+next.Published.Sub(next.Claimed))
	p.waited(p.Observer.Reign(p.old.Epoch), next)
}

// ended asserts the same where the old master ends itself: its container is started
// anew, outside of what had cut it off, and may prove its end before the wait is over.
func (p *play) ended(next evidence.Reign) {
	p.t.Helper()
	if p.Observer.Reign(p.old.Epoch).Attested != kv.ByRestart {
		p.unattested(next)
		return
	}
	p.within("the next master is published", next.Published.Sub(p.struck),
		p.Opts.TTL+expiry+2*p.Opts.TTL+next.Published.Sub(next.Claimed))
}

// waited asserts that whoever claimed has waited for twice the TTL (SPEC E2).
func (p *play) waited(old, next evidence.Reign) {
	p.t.Helper()
	if took := next.Claimed.Sub(old.Gone); took < 2*p.Opts.TTL-jitter {
		p.t.Errorf("%s claimed %.2f s after the lock of %s was gone, want at least %v",
			next.Node, took.Seconds(), old.Node, 2*p.Opts.TTL)
	}
}

// released asserts that nobody waited: the old master proved its own end.
func (p *play) released(next evidence.Reign) {
	p.t.Helper()
	old := p.Observer.Reign(p.old.Epoch)
	p.within("the next master claims after the release", next.Claimed.Sub(old.Gone), 0)
}

// guardSpoke is what the log has when a guard's helper has released.
const guardSpoke = "released on behalf of the agent"

// attested asserts that nobody waited, because somebody knew that the old master was
// dead and said so in time for clients to be served within the limit. How long these
// were without a master depends on the hooks of PostgreSQL, too, which take long on a
// machine that is busy: it is measured, and held to the limit and what those took.
func (p *play) attested(next evidence.Reign, limit time.Duration) {
	p.t.Helper()
	old := p.Observer.Reign(p.old.Epoch)
	p.within("the old lock is gone", old.Gone.Sub(p.struck), limit)
	election := next.Claimed.Sub(old.Gone)
	if election >= 2*p.Opts.TTL-jitter {
		p.t.Errorf("%s claimed %.2f s after the lock was gone, as if it had to wait", next.Node, election.Seconds())
	}
	p.pass(shortly)
	var outage time.Duration
	for _, f := range p.fronts {
		outage = max(outage, p.Clients.Ledger.Gap(p.struck, time.Now(), f))
	}
	p.outages = append(p.outages, outage)
	hooks := election + next.Published.Sub(next.Claimed)
	p.Say("    no row was acknowledged for %.2f s: %.2f s until the lock was gone, %.2f s until the next master; "+
		"%.2f s are aimed at", outage.Seconds(), old.Gone.Sub(p.struck).Seconds(), hooks.Seconds(), limit.Seconds())
	p.within("a row is acknowledged again", outage, limit+hooks)
}

func (p *play) within(what string, took, bound time.Duration) {
	p.t.Helper()
	if took > bound+noise {
		p.t.Errorf("%s after %.2f s, want at most %.2f s and %v of noise", what, took.Seconds(), bound.Seconds(), noise)
	}
}

// silent asserts that the old master acknowledged nothing after that time, not
// even to the writer that asks it directly.
func (p *play) silent(m *rig.Member, since time.Time) {
	p.t.Helper()
	if last := p.Clients.Ledger.LastOf(int64(p.old.Epoch), m.Name); last.After(since) {
		p.t.Errorf("%s acknowledged a row %.2f s after the fault, want nothing after %.2f s",
			m.Name, last.Sub(p.struck).Seconds(), since.Sub(p.struck).Seconds())
	}
}

// unmoved asserts that the master is the same, and nobody stepped down.
func (p *play) unmoved() {
	p.t.Helper()
	if m := p.Observer.Master(); m.Epoch != p.old.Epoch {
		p.t.Errorf("the master is %s of epoch %d, want still %s of %d", m.Node, m.Epoch, p.old.Node, p.old.Epoch)
	}
}

// once asserts that this was the only failover.
func (p *play) once(next evidence.Reign) {
	p.t.Helper()
	if m := p.Observer.Master(); m.Epoch != next.Epoch {
		p.t.Errorf("the master is %s of epoch %d, want still %s of %d", m.Node, m.Epoch, next.Node, next.Epoch)
	}
}

// served asserts that clients were served all the time.
func (p *play) served(from, to time.Time) {
	p.t.Helper()
	for _, f := range p.fronts {
		if gap := p.Clients.Ledger.Gap(from, to, f); gap > noise {
			p.t.Errorf("no row was acknowledged through %s for %.2f s, want at most %v", f, gap.Seconds(), noise)
		}
	}
}

// says asserts that the node itself has said so since the fault.
func (p *play) says(m *rig.Member, text string) {
	p.t.Helper()
	log, err := m.Log(p.ctx, p.struck)
	p.must(err)
	if !strings.Contains(log, text) {
		p.t.Errorf("%s never says %q", m.Name, text)
	}
}

// comesToSay waits until the node itself has said so since the fault.
func (p *play) comesToSay(m *rig.Member, text string) {
	p.t.Helper()
	err := evidence.Await(p.ctx, settleLimit, func() string {
		log, err := m.Log(p.ctx, p.struck)
		p.must(err)
		if !strings.Contains(log, text) {
			return fmt.Sprintf("%s never says %q", m.Name, text)
		}
		return ""
	})
	p.must(err)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// unrestarted asserts that a container has been running all the time.
func (p *play) unrestarted(m *rig.Member) {
	p.t.Helper()
	n, err := m.Restarts(p.ctx)
	p.must(err)
	if n > 0 {
		p.t.Errorf("%s ended and was restarted %d times, want never", m.Name, n)
	}
}
