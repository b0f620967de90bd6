//go:build docker

package chaos

// Fault: `docker kill` of the master: everything in the container dies at once,
// and nobody starts it again until the successor reigns.
//
// Promise: a successor within T + 0.5 s + 2T and its hooks (SPEC L1).
//
// Evidence: publication in etcd; acknowledgements through both frontends; the
// old one comes back as a slave.
var containerKilled = scenario{name: "f03-container-killed", tier: fast, play: func(p *play) {
	m := p.master()
	p.strike("docker kill %s", m.Name)
	p.must(m.Kill(p.ctx))
	p.unattested(p.successor())
	p.must(m.Start(p.ctx))
	p.healed()
}}
