//go:build docker

package chaos

import (
	"slices"
	"time"

	"msdha/chaos/rig"
)

// Fault: every node and every frontend loses 5 % of all packets, each way, for
// ten minutes.
//
// Promise: a round that fails is repeated at once over another connection (SPEC
// R1), so nobody steps down. Without the repeat there would be a false step-down
// every 4 hours at T = 3 s.
//
// Evidence: the epoch stays; no container was restarted; writers are served through
// both frontends throughout; the filters' counters show that packets were lost.
var lossy = scenario{name: "loss-of-5-percent", tier: full, beside: true, play: func(p *play) {
	p.strike("all lose 5 %% of their packets for %v", lossLasts)
	for _, m := range slices.Concat(p.Nodes, p.Fronts) {
		p.must(m.Filter(p.ctx, rig.Lose(5)))
	}
	p.pass(lossLasts)
	p.unmoved()
	p.served(p.struck, time.Now())
	for _, m := range slices.Concat(p.Nodes, p.Fronts) {
		dropped, err := m.Dropped(p.ctx)
		p.must(err)
		if dropped == 0 {
			p.t.Errorf("%s lost no packet: the fault did not happen", m.Name)
		}
		p.must(m.Unfilter(p.ctx))
		p.unrestarted(m)
	}
}}

const lossLasts = 10 * time.Minute
