//go:build docker

package chaos

import "msdha/chaos/rig"

// Fault: the master is cut off from etcd, both ways and without a word, but not
// from its clients nor from its standbys.
//
// Promise: it ends itself when its authority is over (SPEC R2, R4), before anybody
// else is promoted. It may serve until then.
//
// Evidence: it acknowledges nothing later than T and the grace, not even directly;
// the successor comes within the bound of L1.
var cutFromEtcd = scenario{name: "f08-cut-from-etcd", tier: fast, play: func(p *play) {
	p.strike("%s is cut off from etcd", p.master().Name)
	p.unheard(rig.Drop(p.Etcds...))
}}
