//go:build docker

package chaos

import (
	"syscall"
	"time"
)

// Fault: SIGKILL to PostgreSQL's first process on the master, and to nothing else.
//
// Promise: the agent sees the end of its main process, kills and awaits the rest
// of the tree, and releases (SPEC N5, E5): nobody waits for twice the TTL. Clients are
// without a master for at most 1.5 s, whatever T is.
//
// Evidence: the next claim comes right after the old lock is gone; no row is
// acknowledged under the old epoch afterwards.
var postgresKilled = scenario{name: "f01-postgres-killed", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Postmaster(p.ctx)
	p.must(err)
	p.strike("SIGKILL to the postmaster of %s", m.Name)
	p.must(m.Signal(id, syscall.SIGKILL))
	p.attested(p.successor(), 1500*time.Millisecond)
	p.healed()
}}
