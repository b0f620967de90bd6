//go:build docker

package chaos

import "msdha/chaos/rig"

// Fault: power is lost: every container, etcd's too, dies at once, and all are
// started again.
//
// Promise: a group comes back by itself (SPEC N1): nobody needs a master in order
// to be ready. Old keys are waited for, then twice the TTL.
//
// Evidence: publication in etcd, acknowledgements through both frontends.
var allRestarted = scenario{name: "all-restarted", tier: full, play: func(p *play) {
	p.strike("power is lost, and comes back")
	p.together(p.everything(), (*rig.Member).Kill)
	for _, m := range p.everything() { // in their first order, in which they get their addresses again
		p.must(m.Start(p.ctx))
	}
	p.healed()
	if m := p.Observer.Master(); m.Epoch <= p.old.Epoch {
		p.t.Errorf("the master is %s of epoch %d, want a later one than %d", m.Node, m.Epoch, p.old.Epoch)
	}
}}
