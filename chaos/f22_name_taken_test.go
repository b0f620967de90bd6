//go:build docker

package chaos

import (
	"strings"
	"time"
)

// Fault: somebody starts a second node under the master's name.
//
// Promise: a live incarnation's key is never overwritten (SPEC N3): the newcomer
// waits for its lease to end, and exits with 78, naming the lease.
//
// Evidence: the epoch stays, writers are served throughout; exit code and log of
// the newcomer.
var nameTaken = scenario{name: "f22-name-taken", tier: full, play: func(p *play) {
	m := p.master()
	p.strike("a second node comes under the name of %s", m.Name)
	twin, err := p.Newcomer(p.ctx, "twin", m.Name)
	p.must(err)
	code, log, err := twin.Outcome(p.ctx)
	p.must(err)
	if code != 78 || !strings.Contains(log, "lease") {
		p.t.Errorf("the newcomer ended with exit code %d, want 78 and the lease in its log:\n%s", code, log)
	}
	p.must(twin.Remove(p.ctx))
	p.served(p.struck, time.Now())
	p.unmoved()
}}
