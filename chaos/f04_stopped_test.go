//go:build docker

package chaos

import "time"

// Fault: `docker stop` of the master, with a grace above its stop timeout.
//
// Promise: it ends PostgreSQL, releases and gives its keys back (SPEC R4, E5):
// nobody waits; exit code 0.
//
// Evidence: the next claim comes right after the old lock is gone; the engine's
// word on the exit code.
var stopped = scenario{name: "f04-stopped", tier: fast, play: func(p *play) {
	m := p.master()
	p.strike("docker stop %s", m.Name)
	p.must(m.Stop(p.ctx, stopGrace))
	p.released(p.successor())
	state, err := m.State(p.ctx)
	p.must(err)
	if state.ExitCode != 0 {
		p.t.Errorf("%s ended with exit code %d, want 0", m.Name, state.ExitCode)
	}
	p.must(m.Start(p.ctx))
	p.healed()
}}

// stopGrace is above MSDHA_STOP_TIMEOUT.
const stopGrace = 20 * time.Second
