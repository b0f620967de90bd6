//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// Fault: the master is cut off from one standby, later from both; etcd is fine.
//
// Promise: that is no reason to end a reign. One standby is enough for a
// synchronous commit (`ANY 1`); without any, commits wait, and go on afterwards.
//
// Evidence: the epoch stays; acknowledgements go on with one standby and stop
// without, and come again.
var cutFromStandbys = scenario{name: "f09-cut-from-standbys", tier: full, play: func(p *play) {
	m, standbys := p.master(), p.Others(p.master())
	p.strike("%s is cut off from %s, then from %s too", m.Name, standbys[0].Name, standbys[1].Name)
	p.must(m.Filter(p.ctx, rig.Drop(standbys[0])))
	p.pass(2 * p.Opts.TTL)
	p.served(p.struck, time.Now())
	p.must(m.Filter(p.ctx, rig.Drop(standbys...)))
	p.pass(inFlight)
	alone := time.Now()
	p.pass(p.Opts.TTL)
	if last := p.Clients.Ledger.Last(); last.After(alone) {
		p.t.Errorf("a row was acknowledged %.2f s after the last standby was cut off, want none",
			last.Sub(alone).Seconds())
	}
	p.must(m.Unfilter(p.ctx))
	p.healed()
	p.unmoved()
}}
