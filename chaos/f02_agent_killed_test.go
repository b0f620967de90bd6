//go:build docker

package chaos

import (
	"syscall"
	"time"
)

// Fault: SIGKILL to the agent of the master, and to nothing else.
//
// Promise: the guard kills PostgreSQL at once (SPEC R5), and when nobody is left its
// helper releases what the agent held (SPEC E11): nobody waits. Clients are without a
// master for at most 2 s, whatever T is.
//
// Evidence: the writer straight to the old master is refused long before the
// lease ends; one claim, right after the release; how long no row was acknowledged
// through a frontend.
var agentKilled = scenario{name: "f02-agent-killed", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Agent(p.ctx)
	p.must(err)
	p.strike("SIGKILL to the agent of %s", m.Name)
	p.must(m.Signal(id, syscall.SIGKILL))
	next := p.successor()
	p.attested(next, 2*time.Second)
	p.says(m, guardSpoke)
	p.silent(m, p.struck.Add(noise))
	p.healed()
}}
