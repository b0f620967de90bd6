//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// Fault: two of three members of etcd are paused for three times the TTL.
//
// Promise: nobody can ask anybody, and nobody needs to. Frontends close T(1-rho)
// after they sent their last confirmed read, the master fences itself at D and is
// dead at D + G (SPEC X4, R2, R4). The leader that has lost its quorum goes on
// acknowledging keepalives for some time: they prolong nothing. When the quorum is
// back, the leases of the dead have as long as etcd's new leader gives them; after
// that L1's bound holds.
//
// Evidence: no acknowledgement through a frontend from T after the fault on, none
// by the master's own port from T + G on; publication after the fault.
var etcdAway = scenario{name: "f14-etcd-away", tier: fast, play: func(p *play) {
	m := p.master()
	_, followers, err := p.EtcdLeader(p.ctx)
	p.must(err)
	p.strike("etcd loses its quorum: %s and %s are paused", followers[0].Name, followers[1].Name)
	p.together(followers, (*rig.Member).Pause)
	lost := time.Now() // at the latest
	p.until(3 * p.Opts.TTL)
	for _, f := range p.Fronts {
		if last := p.Clients.Ledger.Last(f.Name); last.After(lost.Add(p.Opts.TTL)) {
			p.t.Errorf("%s led to the master %.2f s after etcd had lost its quorum, want at most %v",
				f.Name, last.Sub(lost).Seconds(), p.Opts.TTL)
		}
	}
	p.silent(m, lost.Add(p.Opts.TTL+p.grace()))
	p.together(followers, (*rig.Member).Unpause)
	back := time.Now()
	next := p.successor()
	p.within("the next master is published", next.Published.Sub(back),
		election+p.reelected()+next.Published.Sub(next.Claimed))
	p.healed()
}}
