//go:build docker

package chaos

import "msdha/chaos/rig"

// Fault: what the master sends does not reach etcd; etcd's packets reach it.
//
// Promise: as if it were cut off both ways.
//
// Evidence: it acknowledges nothing later than T and the grace; the successor
// comes within the bound of L1.
var mute = scenario{name: "f10-mute", tier: full, play: func(p *play) {
	p.strike("etcd hears nothing from %s, which hears it", p.master().Name)
	p.unheard(rig.DropTo(p.Etcds...))
}}
