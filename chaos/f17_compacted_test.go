//go:build docker

package chaos

import (
	"time"

	"msdha/internal/runtime/store"
)

// Fault: the member of etcd that serves all watches stands still. Meanwhile the
// master is stopped, and etcd forgets all that was before now. Nobody's authority
// is in danger: rounds go to the other members. Only the news do not come.
//
// Promise: a silent watch is given up; etcd no longer has what it missed, so
// everybody lists and compares (SPEC R6, H5). The deletion is not missed; as the
// reign was released nobody waits then (E5).
//
// Evidence: nobody had claimed when etcd had compacted; the next claim comes
// within the patience of a watch; the third node's files name the new master;
// neither slave was restarted.
var compacted = scenario{name: "f17-compacted", tier: full, play: func(p *play) {
	leader, e := p.gather()
	m := p.master()
	p.strike("%s, which serves all watches, stands still; %s is stopped; etcd compacts", e.Name, m.Name)
	thaw := p.freeze(e)
	p.must(m.Stop(p.ctx, stopGrace))
	p.must(p.Compact(p.ctx, leader))
	if p.Observer.Reign(p.old.Epoch).Gone.IsZero() || p.Observer.Next(p.old.Epoch).Epoch != 0 {
		p.t.Errorf("etcd compacted before the reign was over, or after the next claim: the fault did not happen")
	}
	next := p.successor()
	p.within("the next master claims after the release",
		next.Claimed.Sub(p.Observer.Reign(p.old.Epoch).Gone), store.DefaultWatchIdle)
	p.pass(time.Second)
	for _, n := range p.Others(m) {
		p.follows(n, next.Node)
	}
	thaw()
	p.must(m.Start(p.ctx))
	p.healed()
	p.once(next)
}}
