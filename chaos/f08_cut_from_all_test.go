//go:build docker

package chaos

import (
	"slices"

	"msdha/chaos/rig"
)

// Fault: the master is cut off from etcd, from the other nodes and from the
// frontends. A client on its own side still reaches it.
//
// Promise: as if it were cut off from etcd alone; and what that client writes
// meanwhile is acknowledged by nobody, since replication is synchronous.
//
// Evidence: the writer straight to it gets no acknowledgement from the fault on;
// the successor comes within the bound of L1.
var cutFromAll = scenario{name: "f08-cut-from-all", tier: fast, play: func(p *play) {
	m := p.master()
	p.strike("%s is cut off from all but a client of its own", m.Name)
	p.must(m.Filter(p.ctx, rig.Drop(slices.Concat(p.Etcds, p.Others(m), p.Fronts)...)))
	p.ended(p.successor())
	p.silent(m, p.struck.Add(inFlight))
	p.open(m)
	p.healed()
}}
