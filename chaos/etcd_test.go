//go:build docker

package chaos

import (
	"context"
	"io"
	"slices"
	"syscall"
	"time"

	"msdha/chaos/rig"
	"msdha/internal/runtime/proc"
)

// etcd's own times, by its defaults. A follower that hears nothing starts an
// election after 1 to 2 s; where two start at the same time nobody may win, and it
// takes that once more. A new leader lets leases live for their whole TTL again,
// and for an election timeout.
const (
	election  = 2 * 2 * time.Second
	extension = time.Second
)

// reelected is the bound of a failover in which nobody proves that the old master
// is dead, from when etcd chose a new leader.
func (p *play) reelected() time.Duration { return p.Opts.TTL + extension + expiry + 2*p.Opts.TTL }

// follower is a member of etcd that does not lead.
func (p *play) follower() (leader, follower *rig.Member) {
	p.t.Helper()
	leader, followers, err := p.EtcdLeader(p.ctx)
	p.must(err)
	return leader, followers[0]
}

// unheard puts that filter before the master, through which nothing of what it
// sends reaches etcd. The master ends itself when its authority is over, and the
// successor comes as if it had died.
func (p *play) unheard(filter rig.Rule) {
	p.t.Helper()
	m := p.master()
	p.must(m.Filter(p.ctx, filter))
	p.ended(p.successor())
	p.silent(m, p.struck.Add(p.Opts.TTL+p.grace()))
	p.open(m)
	p.healed()
}

// gather makes all nodes and frontends talk to one member of etcd that does not
// lead, though they are connected to the others, too.
func (p *play) gather() (leader, at *rig.Member) {
	p.t.Helper()
	leader, at = p.follower()
	p.must(p.Gather(p.ctx, at))
	p.healed()
	p.pass(p.Opts.TTL) // the others' connections are there again
	// With one member to ask, an election of etcd's ends a reign. That is no part of
	// the fault, which is to come.
	p.old = p.Observer.Master()
	return leader, at
}

// unnoticed hurts the member of etcd that everybody talks to for so many TTLs.
// Nobody takes notice, and clients are served throughout.
func (p *play) unnoticed(what string, ttls int, hurt, heal func(*rig.Member, context.Context) error) {
	p.t.Helper()
	_, e := p.gather()
	check := p.undisturbed()
	p.strike("%s, which everybody talks to, %s", e.Name, what)
	p.must(hurt(e, p.ctx))
	p.pass(time.Duration(ttls) * p.Opts.TTL)
	p.must(heal(e, p.ctx))
	p.served(p.struck, time.Now())
	p.healed()
	check()
}

// freeze stops the first process of each member at the same time, more precisely
// than the engine could, until the result is called.
func (p *play) freeze(members ...*rig.Member) (thaw func()) {
	p.t.Helper()
	ids := make([]proc.ID, len(members))
	for i, m := range members {
		var err error
		ids[i], err = m.Guard(p.ctx)
		p.must(err)
	}
	signal := func(s syscall.Signal) {
		for i, m := range members {
			p.must(m.Signal(ids[i], s))
		}
	}
	signal(syscall.SIGSTOP)
	return func() { signal(syscall.SIGCONT) }
}

// undisturbed looks from now on whether anybody takes notice. The result asserts
// that nobody did: the master is the same, no node or frontend has ended, and no
// session through a frontend was cut.
func (p *play) undisturbed() (check func()) {
	p.t.Helper()
	all := slices.Concat(p.Nodes, p.Fronts)
	began := make([]string, len(all))
	for i, m := range all {
		state, err := m.State(p.ctx)
		p.must(err)
		began[i] = state.StartedAt
	}
	cut := make(chan string, len(p.Fronts))
	var open []io.Closer
	for _, f := range p.Fronts {
		c, err := f.Dial(p.ctx)
		p.must(err)
		open = append(open, c)
		go func() {
			_, _ = c.Read(make([]byte, 1)) // PostgreSQL is silent until it is asked
			cut <- f.Name
		}()
	}
	return func() {
		p.t.Helper()
		p.unmoved()
		for i, m := range all {
			state, err := m.State(p.ctx)
			p.must(err)
			if state.StartedAt != began[i] {
				p.t.Errorf("%s ended and was started again, want it to run all the time", m.Name)
			}
		}
		for len(cut) > 0 {
			p.t.Errorf("an idle session through %s was cut, want it to stay", <-cut)
		}
		for _, c := range open {
			_ = c.Close()
		}
	}
}

// follows asserts that the node's files name that master (SPEC H6).
func (p *play) follows(n *rig.Member, master string) {
	p.t.Helper()
	got, err := n.Exec(p.ctx, "", "cat", "/run/msdha/current_master")
	p.must(err)
	if got != master && got != master+"\n" {
		p.t.Errorf("current_master of %s is %q, want %q", n.Name, got, master)
	}
}
