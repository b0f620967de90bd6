//go:build docker

package chaos

import "syscall"

// Fault: SIGSTOP to every process of the master's PostgreSQL, and to nothing else.
//
// Promise: the agent and its lease are well, so only the monitor hook notices
// (SPEC N8): after MSDHA_MONITOR_FAILURES looks that time out, a planned stop, whose
// grace is in vain; then the tree is killed and the reign released (SPEC E5).
//
// Evidence: publication of a successor, who did not wait, within the looks and the
// stop timeout; never two masters; nothing acknowledged is missing.
var databaseStopped = scenario{name: "f07-database-stopped", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("SIGSTOP to the PostgreSQL of %s", m.Name)
	all, err := m.Database(p.ctx)
	p.must(err)
	for _, id := range all {
		_ = m.Signal(id, syscall.SIGSTOP) // a session may have ended meanwhile
	}
	next := p.successor()
	p.released(next)
	p.within("the next master is published", next.Published.Sub(p.struck),
		looks*(lookEvery+lookLimit)+stopTimeout+next.Published.Sub(next.Claimed))
	p.healed()
}}
