//go:build docker

package chaos

import (
	"net/netip"
	"slices"

	"msdha/chaos/rig"
)

// Fault: all nodes die and come back with other addresses; their names resolve to
// nothing meanwhile.
//
// Promise: names are resolved afresh at every dial (SPEC C, MSDHA_ADDRESS): a node
// reigns at its new address, and frontends lead there.
//
// Evidence: acknowledgements through both frontends from a master whose address
// has changed.
var addressesChange = scenario{name: "f30-addresses-change", tier: full, play: func(p *play) {
	address := func(m *rig.Member) netip.Addr { return netip.MustParseAddr(m.IP()) }
	p.must(p.Locate(p.ctx))
	nodes := slices.Clone(p.Nodes)
	slices.SortFunc(nodes, func(a, b *rig.Member) int { return address(a).Compare(address(b)) })
	was := map[string]netip.Addr{}
	for _, n := range nodes {
		was[n.Name] = address(n)
	}
	p.strike("all nodes change their addresses")
	p.together(nodes, (*rig.Member).Kill)
	// Who starts gets the lowest address that is free, so each gets its neighbour's.
	for _, n := range append(nodes[1:], nodes[0]) {
		p.must(n.Start(p.ctx))
	}
	p.healed()
	p.must(p.Locate(p.ctx))
	if m := p.Node(p.Observer.Master().Node); address(m) == was[m.Name] {
		p.t.Errorf("the master %s is at %s as before: the fault did not happen", m.Name, m.IP())
	}
}}
