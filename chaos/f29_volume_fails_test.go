//go:build docker

package chaos

// Fault: the file system of the master's data meets an error, as when a sector cannot
// be read, and is read-only from then on.
//
// Promise: PostgreSQL cannot write its log, so its node ends (SPEC N5), or the monitor
// hook cannot write, which is a planned stop (SPEC N8): whichever is first, the tree is
// dead and the reign released. The node does not come back on such a volume, and does
// once it is mended.
//
// Evidence: publication of a successor, who did not wait, within the looks and the stop
// timeout; the old master's own words; acknowledgements through both frontends; it is a
// streaming standby again at the end.
var volumeFails = scenario{name: "f29-volume-fails", tier: full, options: onDisks, play: func(p *play) {
	m := p.master()
	p.strike("the volume of %s fails, and is read-only", m.Name)
	p.must(p.FailDisk(m))
	next := p.successor()
	p.released(next)
	p.within("the next master is published", next.Published.Sub(p.struck),
		looks*(lookEvery+lookLimit)+stopTimeout+next.Published.Sub(next.Claimed))
	p.pass(shortly)
	p.comesToSay(m, "cannot use MSDHA_STATE_DIR")
	p.must(m.Stop(p.ctx, stopGrace))
	p.Say("    the volume of %s is mended", m.Name)
	p.must(p.RepairDisk(p.ctx, m))
	p.must(m.Start(p.ctx))
	p.healed()
	p.once(next)
}}
