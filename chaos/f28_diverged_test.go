//go:build docker

package chaos

import (
	"strings"
	"time"

	"msdha/chaos/rig"
)

// Fault: the master is cut off from everybody but its own clients, one of whom does
// not wait for standbys: his writes reach that disk and no other. It is killed, and
// comes back when a successor reigns.
//
// Promise: what it has too much was acknowledged to nobody who waits. It never serves
// it: it is rewound, or clones (SPEC P1), and streams.
//
// Evidence: its own words on how it joined; that client's row is on no node at the
// end; nothing that was acknowledged to the others is missing.
var diverged = scenario{name: "f28-diverged", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("%s is cut off from all but its own clients, is killed, and comes back", m.Name)
	p.must(m.SQL(p.ctx, "create table if not exists too_much (at timestamptz)"))
	p.must(m.Filter(p.ctx, rig.Drop(append(p.Others(m), p.Etcds...)...)))
	p.must(m.SQL(p.ctx, "set synchronous_commit = local; insert into too_much values (now())"))
	p.must(m.Kill(p.ctx))
	p.successor()
	p.pass(shortly)
	began := time.Now()
	p.must(m.Start(p.ctx))
	p.healed()
	log, err := m.Log(p.ctx, began)
	p.must(err)
	if !strings.Contains(log, "rewind to") && !strings.Contains(log, ": clone") {
		p.t.Errorf("%s does not say that it was rewound or cloned", m.Name)
	}
	for _, n := range p.Nodes {
		p.must(n.SQL(p.ctx, "select 1 / (case when exists (select from too_much) then 0 else 1 end)"))
	}
}}
