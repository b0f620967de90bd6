//go:build docker

package chaos

// Fault: `docker pause` of the master for three times the TTL, and a moment of
// its successor's reign; then it wakes.
//
// Promise: a successor as if it had died. When it wakes, its deadline is the first
// thing that happens to it (SPEC R3), and no frontend leads to it (SPEC X4).
//
// Evidence: no row is acknowledged under the old epoch after the successor's
// first, not even to the writer that asks the old master directly; it comes back
// as a slave. (To a client that asks directly this is no promise, however long the
// pause, but replication is synchronous here, and the standbys have left it.)
var paused = scenario{name: "f05-paused", tier: fast, play: func(p *play) {
	m := p.master()
	p.strike("docker pause %s for 3 TTLs", m.Name)
	p.must(m.Pause(p.ctx))
	next := p.successor()
	p.until(3 * p.Opts.TTL)
	p.pass(shortly)
	p.Say("    %s wakes", m.Name)
	p.must(m.Unpause(p.ctx))
	p.unattested(next)
	p.healed()
}}
