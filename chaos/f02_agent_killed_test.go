//go:build docker

package chaos

import "syscall"

// Fault: SIGKILL to the agent of the master, and to nothing else.
//
// Promise: the guard kills PostgreSQL at once (SPEC R5). Nobody has released, so
// the others wait for the lease and twice the TTL (SPEC E2).
//
// Evidence: the writer straight to the old master is refused long before the
// lease ends; the successor comes within the bound of L1.
var agentKilled = scenario{name: "f02-agent-killed", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Agent(p.ctx)
	p.must(err)
	p.strike("SIGKILL to the agent of %s", m.Name)
	p.must(m.Signal(id, syscall.SIGKILL))
	next := p.successor()
	p.unattested(next)
	p.silent(m, p.struck.Add(noise))
	p.healed()
}}
