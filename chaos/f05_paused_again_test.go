//go:build docker

package chaos

// Fault: f05-paused, fifty times in a row (MSDHA_CHAOS_ROUNDS): the fault in which
// Patroni 3.0.2 lost thousands of rows in 7 of 16 runs.
//
// Promise: the same each time; nothing that was acknowledged is missing at the end.
//
// Evidence: as there, judged after every round.
var pausedAgain = scenario{name: "f05-paused-again", tier: long, play: func(p *play) {
	rounds := int(number("MSDHA_CHAOS_ROUNDS", 50))
	for i := range rounds {
		p.old = p.Observer.Master()
		m := p.master()
		p.strike("round %d of %d: docker pause %s for 3 TTLs", i+1, rounds, m.Name)
		p.must(m.Pause(p.ctx))
		next := p.successor()
		p.until(3 * p.Opts.TTL)
		p.pass(shortly)
		p.must(m.Unpause(p.ctx))
		p.unattested(next)
		if i < rounds-1 {
			p.judge()
			p.renewRegister(uint64(i))
		}
	}
}}
