//go:build docker

package chaos

import "time"

// Fault: an operator pauses the group; then the master is killed.
//
// Promise: nobody is promoted until the operator resumes (SPEC E8), and then at
// once, for the wait is long over.
//
// Evidence: nobody reigns for 5 T; a slave's own words; publication after resume.
var pausedGroup = scenario{name: "f33-paused-group", tier: full, play: func(p *play) {
	m := p.master()
	_, err := p.Ctl(p.ctx, "pause")
	p.must(err)
	p.strike("docker kill %s in a paused group", m.Name)
	p.must(m.Kill(p.ctx))
	p.vacant(5 * p.Opts.TTL)
	p.says(p.slave(), "the group is paused")
	began := time.Now()
	_, err = p.Ctl(p.ctx, "resume")
	p.must(err)
	next := p.successor()
	p.within("the next master is published after resume", next.Published.Sub(began), next.Published.Sub(next.Claimed))
	p.must(m.Start(p.ctx))
	p.healed()
}}
