package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"msdha/internal/runtime/proc"
)

// stopGrace is what `docker stop` gives a node; above every system's own.
const stopGrace = 20 * time.Second

// deed is a fault: what begins it, and what ends it where it does not end by itself.
type deed struct{ begin, end func() error }

// deed finds what it needs to know, so that beginning takes no time.
func (p *play) deed(ctx context.Context) (deed, error) {
	m := p.from
	killed := func(id proc.ID, err error) (deed, error) {
		return deed{begin: func() error { return m.Signal(id, syscall.SIGKILL) }}, err
	}
	start := func() error { return m.Start(ctx) }
	switch p.cell.fault.name {
	case "kill":
		// The engine starts nothing again that was killed by its means.
		return deed{func() error { return m.Kill(ctx) }, start}, nil
	case "crash":
		// What ends by itself, as far as the engine can tell, it starts again.
		return killed(m.Guard(ctx))
	case "stop":
		return deed{func() error { return m.Stop(ctx, stopGrace) }, start}, nil
	case "switchover":
		return deed{begin: func() error { return p.switchover(ctx, m) }}, nil
	case "postmaster":
		return killed(m.Postmaster(ctx))
	case "agent":
		return killed(p.agent(ctx, m))
	case "partition":
		return deed{func() error { return m.Disconnect(ctx) }, func() error { return m.Reconnect(ctx) }}, nil
	case "pause":
		return deed{func() error { return m.Pause(ctx) }, func() error {
			// Long enough for whoever waits for three times its TTL to have done so.
			if err := sleep(ctx, time.Until(p.struck.Add(3*p.cell.system.ttl+aftermath))); err != nil {
				return err
			}
			return m.Unpause(ctx)
		}}, nil
	}
	return deed{}, fmt.Errorf("nobody knows how to play %s", p.cell.fault.name)
}
