//go:build docker

package chaos

// Fault: the master's container is killed, and its successor's as soon as it has
// claimed the lock.
//
// Promise: of three members two must say how far their data reaches (SPEC E7), so the
// third is not promoted alone, whatever it has. When the first is back, one of the two
// reigns at once: the wait has long been over.
//
// Evidence: nobody claims for 4 T; publication after the first is back; never an
// acknowledgement under an older epoch after a newer one's; nothing acknowledged is
// missing after two failures in a row.
var killedAgain = scenario{name: "f24-killed-again", tier: full, play: func(p *play) {
	first := p.master()
	p.strike("docker kill %s, and its successor at its claim", first.Name)
	p.must(first.Kill(p.ctx))
	claimed := p.claimed()
	second := p.Node(claimed.Node)
	p.Say("    docker kill %s", second.Name)
	p.must(second.Kill(p.ctx))
	p.vacantAfter(claimed, p.Opts.TTL+4*p.Opts.TTL)
	p.must(first.Start(p.ctx))
	third, err := p.Observer.AwaitOther(p.ctx, claimed.Epoch, settleLimit)
	p.must(err)
	p.waited(p.Observer.Reign(p.old.Epoch), claimed)
	p.waited(p.Observer.Reign(claimed.Epoch), third)
	p.must(second.Start(p.ctx))
	p.healed()
}}
