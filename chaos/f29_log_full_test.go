//go:build docker

package chaos

// Fault: the volume of the master's data is full, and PostgreSQL needs a new
// segment of its log.
//
// Promise: PostgreSQL cannot go on, so its node ends (SPEC N5), and somebody else
// reigns; the node comes back once there is room.
//
// Evidence: publication in etcd; acknowledgements through both frontends; the old
// master is a streaming standby again at the end.
var logFull = scenario{name: "f29-log-full", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("the volume of %s is full", m.Name)
	p.must(p.Fill(p.ctx, m))
	p.NewLogSegment(p.ctx, m)
	p.successor()
	p.pass(shortly)
	p.Say("    there is room again on %s", m.Name)
	p.must(p.Empty(p.ctx, m))
	p.healed()
}}
