package fsm

import "msdha/internal/fsm/mutant"

// monitor asks the program, at intervals, whether it still works (SPEC N8), from the
// moment at which the node is promotable: also while it claims, and while it fences
// what reigned before, which can take minutes.
type monitor struct {
	op   Op
	due  Instant
	late Instant // when the hook should have been back for long: it hangs in the kernel
	bad  int     // failures in a row
}

// monitored is all of that but a promotion, whose hook may restart the program.
var monitored = span(Standby, Clearing) | in(Reigning)

// promotable begins the first interval.
func (b *Backend) promotable(now Instant, _ *Event, _ *Effects) { b.monitor.due = b.nextLook(now) }

func (b *Backend) nextLook(now Instant) Instant {
	if b.cfg.MonitorInterval == 0 || !b.cfg.Hooks.Has(HookMonitor) {
		return Never
	}
	return now.Add(b.cfg.MonitorInterval)
}

func (b *Backend) monitorAt() Instant {
	switch {
	case !monitored.has(b.phase):
		return Never
	case b.monitor.op != 0:
		return b.monitor.late
	}
	return b.monitor.due
}

// monitorDue: a hook that does not even die of SIGKILL, since the disk hangs, is a
// failure at each further interval. It is not run again beside itself.
func (b *Backend) monitorDue(now Instant) Signal {
	if b.monitor.op == 0 {
		return sigMonitorDue
	}
	b.monitor.bad++
	b.monitor.late = b.nextLook(now)
	return sigMonitorFailed
}

func (b *Backend) look(now Instant, _ *Event, out *Effects) {
	b.ops++
	b.monitor.op, b.monitor.due, b.monitor.late = b.ops, b.nextLook(now), Never
	if limit := b.cfg.HookTimeout[HookMonitor]; limit > 0 {
		b.monitor.late = b.nextLook(now.Add(limit))
	}
	e := out.add(RunHook)
	e.Op, e.Hook, e.Timeout, e.Env = b.ops, HookMonitor, b.cfg.HookTimeout[HookMonitor], b.HookEnv()
}

// receiveMonitor counts. A look that takes longer than the interval is followed by
// the next at once. One that fails during a promotion says nothing: what it found may
// be the restart. The reign's first look decides.
func (b *Backend) receiveMonitor(ev *Event) Signal {
	b.monitor.op = 0
	if ev.Absent || ev.Code == 0 {
		b.monitor.bad = 0
		return sigNone
	}
	if b.phase == Promoting {
		return sigNone
	}
	b.monitor.bad++
	if mutant.On(mutant.SickClaims) && b.phase != Standby && b.phase != Waiting && b.phase != Reigning {
		return sigNone
	}
	return sigMonitorFailed
}

// failsTooOften: that many failures in a row are a planned stop. Not under a pause,
// when nobody may succeed: the failures go on counting (SPEC E8).
func failsTooOften(b *Backend, _ *Event) bool {
	return b.monitor.bad >= max(1, b.cfg.MonitorFailures) && !b.paused()
}
