package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// What an agent learns of the processes that it started.

func (b *Backend) receiveHook(now Instant, ev *Event) Signal {
	switch {
	case ev.Op == 0:
		return sigNone
	case ev.Op == b.lane.op:
		return b.receiveLane(now, ev)
	case ev.Op == b.monitor.op:
		return b.receiveMonitor(ev)
	case ev.Op != b.hookOp:
		return sigNone
	}
	b.hookOp = 0
	if ev.Hook == HookData && !ev.Absent {
		b.hasData = true
		b.infoDirty = b.infoDirty || b.data != ev.Output
		b.data = ev.Output
	}
	if ev.Absent || ev.Code == 0 || mutant.On(mutant.HookFailureIgnored) {
		return sigHookOK
	}
	return sigHookFailed
}

func (b *Backend) receiveStart(ev *Event) Signal {
	switch {
	case ev.Op != b.childOp || ev.Op == 0:
		return sigNone
	case ev.Outcome != kv.OK:
		b.child = false
		return sigChildFailed
	}
	return sigChildStarted
}
