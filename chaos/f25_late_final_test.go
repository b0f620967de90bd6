//go:build docker

package chaos

import (
	"syscall"
	"time"
)

// Fault: a standby's replay is stuck (SIGSTOP) when the master is killed, so that it
// cannot say how far its data reaches.
//
// Promise: of three members two must say so (SPEC E7): nobody is promoted until it
// can. Then the one that reaches further reigns, at once.
//
// Evidence: nobody reigns for 2 T after the wait; publication after the replay goes
// on; nothing acknowledged is missing. (With more members than Q, SPEC's T of standing
// back is all that a late one costs: the simulator and internal/runtime have those.)
var lateFinal = scenario{name: "f25-late-final", tier: full, play: func(p *play) {
	m, late := p.master(), p.slave()
	replay, err := late.Replay(p.ctx)
	p.must(err)
	p.strike("the replay of %s is stuck; docker kill %s", late.Name, m.Name)
	p.must(late.Signal(replay, syscall.SIGSTOP))
	p.pass(shortly) // what comes now is received and not replayed
	p.must(m.Kill(p.ctx))
	p.vacant(p.Opts.TTL + expiry + 4*p.Opts.TTL)
	began := time.Now()
	p.must(late.Signal(replay, syscall.SIGCONT))
	next := p.successor()
	p.within("the next master is published after the late final", next.Published.Sub(began),
		lookLimit+p.Opts.TTL+next.Published.Sub(next.Claimed))
	p.must(m.Start(p.ctx))
	p.healed()
}}
