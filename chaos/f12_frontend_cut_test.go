//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// Fault: a frontend is cut off from etcd for three times the TTL.
//
// Promise: it leads on while it knows, at most T(1-rho) from the sending of its
// last confirmation, then cuts all sessions and closes; it opens again once its
// view is fresh (SPEC X4). The others go on.
//
// Evidence: no acknowledgement through it from T after the fault until the fault
// is over; acknowledgements through the other one throughout.
var frontendCut = scenario{name: "f12-frontend-cut", tier: fast, play: func(p *play) {
	f, other := p.Fronts[0], p.Fronts[1]
	p.fronts = []string{other.Name}
	p.strike("the frontend %s is cut off from etcd", f.Name)
	p.must(f.Filter(p.ctx, rig.Drop(p.Etcds...)))
	p.pass(3 * p.Opts.TTL)
	if last := p.Clients.Ledger.Last(f.Name); last.After(p.struck.Add(p.Opts.TTL)) {
		p.t.Errorf("%s led to the master %.2f s after it was cut off, want at most %v",
			f.Name, last.Sub(p.struck).Seconds(), p.Opts.TTL)
	}
	p.served(p.struck, time.Now())
	p.must(f.Unfilter(p.ctx))
	p.healed()
	p.unmoved()
}}
