//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
	"msdha/internal/fsm/kv"
)

var (
	withWitness    = &rig.Options{Witness: true}
	withWitnessT10 = &rig.Options{Witness: true, TTL: 10 * time.Second}
)

// Fault: `docker kill` of the master, which the engine does not start again. A witness
// follows the engine.
//
// Promise: the witness has the engine's word and writes the release (SPEC E11): nobody
// waits. Clients are without a master for at most 2 s, whatever T is.
//
// Evidence: _epoch says who attested; the lock is gone long before its lease would end;
// one claim; how long no row was acknowledged; the old master comes back as a slave.
var killedWithWitness = scenario{name: "f03-witness", tier: full, options: withWitness, play: func(p *play) {
	m := p.master()
	p.strike("docker kill %s, whose engine has a witness", m.Name)
	p.must(m.Kill(p.ctx))
	next := p.successor()
	p.attested(next, 2*time.Second)
	if how := p.Observer.Reign(p.old.Epoch).Attested; how != kv.ByWitness {
		p.t.Errorf("the end of epoch %d is known from %s, want the witness", p.old.Epoch, how)
	}
	p.must(m.Start(p.ctx))
	p.healed()
	p.once(next)
}}

// Fault: the machine of the master is lost, and with it the witness: both are killed,
// the witness first.
//
// Promise: a witness that is not there is no worse than none: the whole wait (SPEC E2).
// When it is back it attests nothing of those who live.
//
// Evidence: as for f03-container-killed; nobody steps down once it is back.
var killedWithItsWitness = scenario{name: "f03-witness-lost", tier: full, options: withWitness, play: func(p *play) {
	m := p.master()
	p.strike("docker kill of the witness, and of %s", m.Name)
	p.must(p.Witness.Kill(p.ctx))
	p.must(m.Kill(p.ctx))
	next := p.successor()
	p.unattested(next)
	p.must(m.Start(p.ctx))
	p.must(p.Witness.Start(p.ctx))
	p.healed()
	p.pass(p.Opts.TTL)
	p.once(next)
}}

// with is the scenario under other circumstances.
func (s scenario) with(o *rig.Options) scenario {
	s.options = o
	return s
}
