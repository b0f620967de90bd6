//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// Fault: a standby is cut off from the master's log, then the other standby and the
// master are killed for good: what is left lacks acknowledged rows.
//
// Promise: it is not promoted, for of the finals that are needed only its own is
// there (SPEC E7), and says so. An operator who accepts the loss promotes it.
//
// Evidence: nobody reigns for 4 T; the node's own words; then it is published; rows
// are missing that only the dead had; these come back as its slaves.
var lagging = scenario{name: "f26-lagging", tier: full, mayLose: "an operator accepted it", play: func(p *play) {
	m := p.master()
	behind, other := p.Others(m)[0], p.Others(m)[1]
	p.strike("%s is cut off from %s; then that and %s are killed", behind.Name, m.Name, other.Name)
	p.must(behind.Filter(p.ctx, rig.Drop(m, other)))
	p.pass(shortly) // acknowledged by way of the other
	p.must(other.Kill(p.ctx))
	p.must(m.Kill(p.ctx))
	p.open(behind)
	p.vacant(4 * p.Opts.TTL)
	p.says(behind, "too few finals are not higher than its own")
	began := time.Now()
	out, err := p.Ctl(p.ctx, "promote", behind.Name, "--accept-data-loss")
	p.must(err)
	p.Say("    %s", lastLine(out))
	next := p.successor()
	if next.Node != behind.Name {
		p.t.Errorf("%s reigns, want %s", next.Node, behind.Name)
	}
	p.within("the operator's choice is published", next.Published.Sub(began), next.Published.Sub(next.Claimed))
	p.must(m.Start(p.ctx))
	p.must(other.Start(p.ctx))
	p.healed()
}}
