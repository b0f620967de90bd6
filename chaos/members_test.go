//go:build docker

package chaos

// Fault: none: an operator lets the group grow from three nodes to five and shrink
// again, the master being killed while there are five.
//
// Promise: at no step is a row lost that was acknowledged: a new member is asked at
// elections before commits may rely on it, and one that leaves no longer counts for
// commits before elections do without it (SPEC P3).
//
// Evidence: msdhactl's word that each step is settled; nothing acknowledged is
// missing, also after the failover among five.
var scaled = scenario{name: "members-3-5-3", tier: full, options: ownCluster, play: func(p *play) {
	p.strike("two nodes join, the master is killed, two leave")
	for _, name := range []string{"n4", "n5"} {
		_, err := p.Join(p.ctx, name)
		p.must(err)
		p.healed()
		p.members("add", name)
	}
	p.members("set-k", "2")
	p.pass(shortly)
	m := p.Node(p.Observer.Master().Node)
	p.must(m.Kill(p.ctx))
	p.successor()
	p.must(m.Start(p.ctx))
	p.healed()
	p.members("set-k", "1")
	left := 0
	for _, n := range p.Others(p.Node(p.Observer.Master().Node)) {
		if left < 2 {
			p.members("remove", n.Name)
			p.must(p.Leave(p.ctx, n, stopGrace))
			left++
			p.healed()
		}
	}
}}

func (p *play) members(args ...string) {
	p.t.Helper()
	out, err := p.Ctl(p.ctx, append([]string{"members"}, args...)...)
	p.must(err)
	p.Say("    members %v: %s", args, lastLine(out))
}
