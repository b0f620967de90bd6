//go:build docker

package chaos

// Fault: `docker restart` of the master: it is back long before its lease would
// have ended.
//
// Promise: it ended as if stopped (SPEC E5), so nobody waits; the new incarnation
// is a slave of whoever reigns (SPEC N4). (The shell original stayed without a
// master in every such case.)
//
// Evidence: one claim, right after the release.
var restarted = scenario{name: "f21-restarted", tier: fast, play: func(p *play) {
	m := p.master()
	p.strike("docker restart %s", m.Name)
	p.must(m.Restart(p.ctx, stopGrace))
	next := p.successor()
	p.released(next)
	p.healed()
	p.once(next)
}}
