//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// Fault: the volume of the master's data hangs: whoever writes to it waits in the
// kernel, where SIGKILL ends nothing. Later it goes on.
//
// Promise: after MSDHA_MONITOR_FAILURES looks that do not come back, a planned stop
// (SPEC N8), which ends nobody; G after its SIGKILL the node renews no longer, as if it
// were past D (SPEC R4; docs/SAFETY.md, S14). Nothing is released, since nobody knows
// that its processes are dead, so the successor waits for twice the TTL. When the
// volume goes on they die, and the node comes back as a slave.
//
// Evidence: publication of a successor within the looks, the stop timeout, G, the lease
// and the wait; processes of the old master that are there still, in uninterruptible
// sleep; its own words; no acknowledgement from it; the old master is a streaming
// standby at the end.
var volumeHangs = scenario{name: "f29-hung-volume", tier: full, options: onDisks, play: func(p *play) {
	m := p.master()
	p.strike("the volume of %s hangs", m.Name)
	p.must(p.HangDisk(p.ctx, m))
	hangs := time.Now()
	next := p.successor()
	p.waited(p.Observer.Reign(p.old.Epoch), next)
	p.within("the next master is published", next.Published.Sub(p.struck), looks*(lookEvery+lookLimit)+
		stopTimeout+p.grace()+p.Opts.TTL+expiry+2*p.Opts.TTL+next.Published.Sub(next.Claimed))
	p.pass(shortly)
	p.says(m, "SIGKILL ends nothing: it hangs in the kernel")
	stuck, err := m.Uninterruptible(p.ctx)
	p.must(err)
	if stuck == 0 {
		p.t.Errorf("no process of %s waits in the kernel: the fault is over too early", m.Name)
	}
	p.silent(m, hangs.Add(inFlight))
	p.Say("    the volume of %s goes on; %d processes wait for it", m.Name, stuck)
	p.must(p.ResumeDisk())
	p.healed()
	p.once(next)
}}

// onDisks is for who hurts the disk.
var onDisks = &rig.Options{Disks: true}
