//go:build docker

package chaos

import "time"

// Fault: the network of a standby is gone for three times the TTL.
//
// Promise: nobody's role changes (SPEC L2). The standby ends itself when its
// authority is over, and comes back.
//
// Evidence: the epoch stays; writers are served throughout; the engine's count of
// restarts.
var standbyCut = scenario{name: "f11-standby-cut", tier: full, play: func(p *play) {
	s := p.slave()
	before, err := s.Restarts(p.ctx)
	p.must(err)
	p.strike("the network of the standby %s is gone", s.Name)
	p.must(s.Disconnect(p.ctx))
	p.pass(3 * p.Opts.TTL)
	p.served(p.struck, time.Now())
	after, err := s.Restarts(p.ctx)
	p.must(err)
	if after == before {
		p.t.Errorf("%s did not end itself within %v", s.Name, 3*p.Opts.TTL)
	}
	p.must(s.Reconnect(p.ctx))
	p.healed()
	p.unmoved()
}}
