//go:build docker

package chaos

import (
	"time"

	"msdha/internal/evidence"
)

// Fault: none: an operator wants another master, and names it.
//
// Promise: the master ends as planned, the named slave succeeds without a wait
// (SPEC E6), and the old one comes back as a slave.
//
// Evidence: publication under the wanted name right after the old lock is gone;
// nothing acknowledged is missing.
var switchedOver = scenario{name: "switchover", tier: fast, play: func(p *play) {
	to := p.slave()
	p.strike("msdhactl switchover --to %s", to.Name)
	next := p.switchover(to.Name)
	if next.Node != to.Name {
		p.t.Errorf("%s reigns, want %s", next.Node, to.Name)
	}
	p.released(next)
	p.healed()
}}

// switchover asks for another master, the named one if there is a name, and waits
// for it.
func (p *play) switchover(to string) evidence.Reign {
	p.t.Helper()
	args := []string{"switchover"}
	if to != "" {
		args = append(args, "--to", to)
	}
	out, err := p.Ctl(p.ctx, args...)
	p.must(err)
	p.Say("    %s", lastLine(out))
	return p.successor()
}

// vacant asserts that nobody claims for that long.
func (p *play) vacant(d time.Duration) {
	p.t.Helper()
	p.vacantAfter(p.old, d)
}

// vacantAfter asserts the same after another reign than the one that the fault met.
func (p *play) vacantAfter(old evidence.Reign, d time.Duration) {
	p.t.Helper()
	p.pass(d)
	if next := p.Observer.Next(old.Epoch); next.Epoch != 0 {
		p.t.Errorf("%s claimed epoch %d, and nobody may", next.Node, next.Epoch)
	}
}
