//go:build docker

package chaos

import "time"

// Fault: `etcdctl del --prefix` of all keys of the group, while a master reigns.
//
// Promise: whoever finds that its keys are gone ends at once (SPEC R1). An absent
// _epoch is no release: it is waited for, twice the TTL (E2), and epochs rise all
// the same (E4). The member list is gone, too, and who remembers that there was one
// claims nothing before an operator has confirmed it (K4).
//
// Evidence: nobody claims before that, and a later epoch is published right after it;
// the writer straight to the old master is refused within the grace.
var etcdEmptied = scenario{name: "f18-etcd-emptied", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("all keys of the group are deleted")
	p.must(p.Wipe(p.ctx))
	p.vacant(5 * p.Opts.TTL)
	p.says(p.slave(), "members confirm")
	confirmed := time.Now()
	p.members("confirm", "n1", "n2", "n3", "--k", "1")
	next := p.successor()
	p.silent(m, p.struck.Add(p.grace()+inFlight))
	p.within("the next master is published after that", next.Published.Sub(confirmed),
		next.Published.Sub(next.Claimed))
	if wait := next.Claimed.Sub(p.struck); wait < 2*p.Opts.TTL {
		p.t.Errorf("%s claimed %.2f s after the keys were deleted, want at least %v",
			next.Node, wait.Seconds(), 2*p.Opts.TTL)
	}
	p.healed()
}}
