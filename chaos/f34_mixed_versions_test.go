//go:build docker

package chaos

// Fault: an operator brings another version of the agent, slaves first, then by a
// switchover the master's (SPEC E6).
//
// Promise: one planned handover, no failover; agents of both versions understand
// each other meanwhile; nothing acknowledged is missing.
//
// Evidence: the epoch rises once, by the switchover; each node's word on its
// version; writers are served but for the handover.
var mixedVersions = scenario{
	name: "f34-mixed-versions", tier: full,
	play: func(p *play) {
		m := p.master()
		next := buildBackend(p.t, "-ldflags", "-X main.version="+nextVersion)
		p.strike("every backend is replaced by one of another version, %s last", m.Name)
		for _, s := range p.Others(m) {
			p.must(p.Replace(p.ctx, s, next, stopGrace))
			p.healed()
		}
		p.unmoved()
		reign := p.switchover("")
		p.healed()
		p.must(p.Replace(p.ctx, p.Node(m.Name), next, stopGrace))
		p.healed()
		p.once(reign)
		for _, n := range p.Nodes {
			p.says(n, nextVersion)
			p.must(p.Replace(p.ctx, n, "", stopGrace)) // other scenarios want what they know
			p.healed()
		}
	},
}

// nextVersion is what the other version calls itself.
const nextVersion = "v999-next"
