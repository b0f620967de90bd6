//go:build docker

package chaos

// Fault: an operator restarts one container after another, waiting until all is
// well in between: standbys first, the master last, then frontends.
//
// Promise: one failover, without a wait (SPEC E5). Restarting a standby moves
// nobody.
//
// Evidence: the epoch rises once; through at least one of the frontends writers
// are served but for that failover.
var rollingRestart = scenario{name: "rolling-restart", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("every container is restarted in turn, the master last")
	for _, s := range p.Others(m) {
		p.must(s.Restart(p.ctx, stopGrace))
		p.healed()
	}
	p.unmoved()
	p.must(m.Restart(p.ctx, stopGrace))
	next := p.successor()
	p.released(next)
	p.healed()
	for _, f := range p.Fronts {
		p.must(f.Restart(p.ctx, stopGrace))
		p.healed()
	}
	p.once(next)
}}
