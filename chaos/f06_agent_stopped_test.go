//go:build docker

package chaos

import "syscall"

// Fault: SIGSTOP to the agent of the master, and to nothing else: PostgreSQL goes
// on, and nobody renews.
//
// Promise: the guard holds the deadline by itself, and ends PostgreSQL and the
// agent (SPEC R5) before anybody else may be promoted.
//
// Evidence: the old master acknowledges nothing once its authority must be over,
// T after the fault; the successor comes within the bound of L1.
var agentStopped = scenario{name: "f06-agent-stopped", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Agent(p.ctx)
	p.must(err)
	p.strike("SIGSTOP to the agent of %s", m.Name)
	p.must(m.Signal(id, syscall.SIGSTOP))
	p.unattested(p.successor())
	p.silent(m, p.struck.Add(p.Opts.TTL+p.grace()))
	p.healed()
}}
