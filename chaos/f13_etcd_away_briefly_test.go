//go:build docker

package chaos

import "time"

// Fault: etcd loses its quorum for T/4, which is shorter than its election
// timeout, so that the leader stays; then all members stand still for T/2.
//
// Promise: nothing changes. The last round was at most T/3 before; a request that
// got no answer is given up after T/6 and repeated; so a round succeeds before D
// if etcd answers again after T/2 (SPEC R1, R2). Frontends ask every T/4 and give
// up T/6 later (SPEC X4).
//
// Evidence: the epoch stays, no container was restarted, idle sessions through
// both frontends stay, writers are served throughout.
var etcdAwayBriefly = scenario{name: "f13-etcd-away-briefly", tier: fast, play: func(p *play) {
	_, followers, err := p.EtcdLeader(p.ctx)
	p.must(err)
	check := p.undisturbed()
	p.strike("etcd's followers are stopped for T/4, then all members for T/2")
	thaw := p.freeze(followers...)
	p.pass(p.Opts.TTL / 4)
	thaw()
	p.pass(p.Opts.TTL)
	thaw = p.freeze(p.Etcds...)
	p.pass(p.Opts.TTL / 2)
	thaw()
	p.pass(2 * p.Opts.TTL)
	p.served(p.struck, time.Now())
	check()
}}
