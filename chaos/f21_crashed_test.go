//go:build docker

package chaos

import (
	"syscall"
	"time"
)

// Fault: the container of the master dies, and its restart policy starts it again
// at once, long before the lease has ended. (SIGKILL to its first process from the
// engine's machine: after `docker kill` engines keep no restart policy.)
//
// Promise: the container's new life knows that the earlier one is over, by its PID
// namespace (SPEC N3), and says so before anything else (SPEC E11): 2 s after the
// restart clients have a master, whatever T is.
//
// Evidence: when the engine started the container again; one claim, right after the
// release; acknowledgements through both frontends.
var crashed = scenario{name: "f21-crashed", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Guard(p.ctx)
	p.must(err)
	p.strike("SIGKILL to the first process of %s, which is restarted", m.Name)
	p.must(m.Signal(id, syscall.SIGKILL))
	next := p.successor()
	state, err := m.State(p.ctx)
	p.must(err)
	began, err := time.Parse(time.RFC3339Nano, state.StartedAt)
	p.must(err)
	p.attested(next, began.Sub(p.struck)+2*time.Second)
	p.says(m, `"to":"Attesting"`)
	p.healed()
}}
