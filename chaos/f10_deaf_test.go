//go:build docker

package chaos

import "msdha/chaos/rig"

// Fault: etcd's packets do not reach the master; what it sends does reach etcd.
//
// Promise: a renewal whose answer never comes renews nothing (SPEC R2): it ends
// itself in time. What it sent until then may have kept its lease alive for
// another T, so the successor comes up to T later, unless the release arrives.
//
// Evidence: it acknowledges nothing later than T and the grace, and never under
// the old epoch after its successor's first.
var deaf = scenario{name: "f10-deaf", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("%s hears nothing from etcd, which hears it", m.Name)
	p.must(m.Filter(p.ctx, rig.DropFrom(p.Etcds...)))
	next := p.successor()
	p.silent(m, p.struck.Add(p.Opts.TTL+p.grace()))
	p.within("the next master is published", next.Published.Sub(p.struck),
		2*p.Opts.TTL+expiry+2*p.Opts.TTL+next.Published.Sub(next.Claimed))
	p.open(m)
	p.healed()
}}
