//go:build docker

package chaos

import (
	"syscall"
	"time"
)

// Fault: the master is killed, and PostgreSQL hangs on whoever claims, as soon as it
// has claimed (SIGSTOP to the postmaster).
//
// Promise: a master hook that fails or takes too long ends the claimant like any node
// (SPEC E10); it releases, and somebody else claims without a wait.
//
// Evidence: the first claim is never published; the next one is, within the hook's
// limit and the stop timeout; never an acknowledgement under an older epoch after a
// newer one's; nothing acknowledged is missing.
var promotionFails = scenario{name: "f23-promotion-fails", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("docker kill %s, and SIGSTOP to the postmaster of whoever claims", m.Name)
	p.must(m.Kill(p.ctx))
	failed := p.claimed()
	hung := p.Node(failed.Node)
	id, err := hung.Postmaster(p.ctx)
	p.must(err)
	p.must(hung.Signal(id, syscall.SIGSTOP))
	began := time.Now()
	p.Say("    the PostgreSQL of %s hangs", hung.Name)
	p.must(m.Start(p.ctx)) // or two of three could not say how far their data reaches
	next, err := p.Observer.AwaitOther(p.ctx, failed.Epoch, settleLimit)
	p.must(err)
	if failed = p.Observer.Reign(failed.Epoch); !failed.Published.IsZero() {
		p.t.Errorf("%s of epoch %d was promoted although its PostgreSQL hung", failed.Node, failed.Epoch)
	}
	p.within("the next master is published", next.Published.Sub(began),
		promoteLimit+stopTimeout+p.Opts.TTL+next.Published.Sub(next.Claimed))
	p.healed()
}}
