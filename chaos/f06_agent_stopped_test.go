//go:build docker

package chaos

import (
	"syscall"
	"time"
)

// Fault: SIGSTOP to the agent of the master, and to nothing else: PostgreSQL goes
// on, and nobody renews.
//
// Promise: the guard holds the deadline by itself, and ends PostgreSQL and the
// agent (SPEC R5) before anybody else may be promoted. Then it says that nobody is
// left (SPEC E11), and the rest of the wait is over.
//
// Evidence: the old master acknowledges nothing once its authority must be over,
// T after the fault; the successor comes right after the release, at the latest with
// that deadline's grace.
var agentStopped = scenario{name: "f06-agent-stopped", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Agent(p.ctx)
	p.must(err)
	p.strike("SIGSTOP to the agent of %s", m.Name)
	p.must(m.Signal(id, syscall.SIGSTOP))
	next := p.successor()
	p.attested(next, p.Opts.TTL+p.grace()+2*time.Second)
	p.says(m, guardSpoke)
	p.silent(m, p.struck.Add(p.Opts.TTL+p.grace()))
	p.healed()
}}
