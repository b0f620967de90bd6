//go:build docker

package chaos

import "msdha/chaos/rig"

// Fault: `docker kill` of the master and of etcd's leader at the same time, as
// where they share a host.
//
// Promise: a failover, as in f03. Its budget is longer by etcd's election, and by
// what the new leader gives to every lease (SPEC L5).
//
// Evidence: publication in etcd; acknowledgements through both frontends; both
// containers come back.
var etcdLeaderAndMaster = scenario{
	name: "f15-etcd-leader-and-master-killed", tier: full,
	play: func(p *play) {
		m := p.master()
		leader, _ := p.follower()
		p.strike("docker kill %s and %s, which leads etcd", m.Name, leader.Name)
		p.together([]*rig.Member{leader, m}, (*rig.Member).Kill)
		next := p.successor()
		p.within("the next master is published", next.Published.Sub(p.struck),
			election+p.reelected()+next.Published.Sub(next.Claimed))
		p.must(leader.Start(p.ctx))
		p.must(m.Start(p.ctx))
		p.healed()
	},
}
