//go:build docker

package chaos

import (
	"context"
	"time"

	"msdha/chaos/rig"
)

// Fault: an operator restarts etcd's members one by one, each as soon as the one
// before answers.
//
// Promise: there is a quorum all the time, and a leader that is stopped hands
// over: nobody notices (SPEC R1, X4).
//
// Evidence: the epoch stays, no container was restarted, idle sessions stay,
// writers are served throughout.
var etcdRolling = scenario{name: "etcd-rolling-restart", tier: full, play: func(p *play) {
	check := p.undisturbed()
	p.strike("etcd's members are restarted one by one")
	p.restartEtcd()
	p.served(p.struck, time.Now())
	p.healed()
	check()
}}

func (p *play) restartEtcd() {
	p.t.Helper()
	for _, e := range p.Etcds {
		p.must(e.Restart(p.ctx, stopGrace))
		p.must(p.AwaitEtcd(p.ctx, e))
	}
}

// Fault: `docker restart` of all members of etcd at once.
//
// Promise: if etcd answers again within T/2 nothing changes (f13). It may take
// longer, as the members elect a leader: then whoever could not renew has ended,
// and the service is back within the bound of f14 from when etcd answers.
//
// Evidence: acknowledgements through both frontends; the outage of each.
var etcdRestarted = scenario{name: "etcd-restarted", tier: full, play: func(p *play) {
	p.strike("all members of etcd are restarted at once")
	p.together(p.Etcds, func(m *rig.Member, ctx context.Context) error { return m.Restart(ctx, stopGrace) })
	for _, e := range p.Etcds {
		p.must(p.AwaitEtcd(p.ctx, e))
	}
	away := time.Since(p.struck)
	p.pass(2 * p.Opts.TTL) // who could not renew has ended
	p.healed()
	p.Say("    etcd was away for at most %.2f s", away.Seconds())
	for _, f := range p.fronts {
		p.within("service is back through "+f, p.Clients.Ledger.Gap(p.struck, time.Now(), f), away+p.reelected())
	}
}}
