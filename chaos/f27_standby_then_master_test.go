//go:build docker

package chaos

// Fault: a standby is killed; the group goes on with the other one; then the master
// is killed, too.
//
// Promise: the one that is left is not promoted, although it has everything: it
// cannot know (SPEC E7). When the first is back, they know, and one of them reigns
// at once: the wait has long been over.
//
// Evidence: nobody reigns for 4 T; publication within the bound from when the first
// is ready; nothing acknowledged is missing.
var standbyThenMaster = scenario{name: "f27-standby-then-master", tier: full, play: func(p *play) {
	m := p.master()
	first, left := p.Others(m)[0], p.Others(m)[1]
	p.strike("docker kill %s, and after a while %s", first.Name, m.Name)
	p.must(first.Kill(p.ctx))
	p.pass(shortly)
	p.must(m.Kill(p.ctx))
	p.vacant(p.Opts.TTL + 4*p.Opts.TTL)
	p.says(left, "too few finals are not higher than its own")
	p.must(first.Start(p.ctx))
	p.successor()
	p.must(m.Start(p.ctx))
	p.healed()
}}
