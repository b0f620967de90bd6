//go:build docker

package chaos

// Fault: the volume of the master's data is full. PostgreSQL has log segments in
// reserve and does not mind yet.
//
// Promise: the monitor hook writes, and cannot: after MSDHA_MONITOR_FAILURES looks a
// planned stop (SPEC N8), long before clients get errors. The node comes back once
// there is room.
//
// Evidence: publication of a successor, who did not wait, within the looks and the
// stop timeout; acknowledgements through both frontends; the old master is a streaming
// standby again at the end.
var diskFull = scenario{name: "f29-disk-full", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("the volume of %s is full", m.Name)
	p.must(p.Fill(p.ctx, m))
	next := p.successor()
	p.released(next)
	p.within("the next master is published", next.Published.Sub(p.struck),
		looks*(lookEvery+lookLimit)+stopTimeout+next.Published.Sub(next.Claimed))
	p.pass(shortly)
	p.Say("    there is room again on %s", m.Name)
	p.must(p.Empty(p.ctx, m))
	p.healed()
}}
