package sim

import (
	"slices"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// strikeNode is what can happen to a container and its processes.
func (w *World) strikeNode(a *actor, f *Fault) {
	n := a.node
	switch f.Kind {
	case SlowHook:
		n.slow[f.Arg] = f.Dur
	case FailHook:
		n.fails[f.Arg] = true
	case FailStart:
		n.noStart = true
	case StopChild:
		n.frozen++
	case StopGuard:
		n.guardPaused++
		w.check.guardStopped(w, a, f.Dur)
	case StopAll, Suspend, Freeze:
		if f.Kind == StopAll {
			w.engineTells(a, "pause")
		}
		n.frozen++
		n.guardPaused++
		n.helper.paused++
		w.check.guardStopped(w, a, f.Dur)
	case StopHelper:
		n.helper.paused++
	case KillHelper:
		w.killHelper(a)
	case Reboot:
		n.boots++
		w.killContainer(a, f.Dur)
	case KillChild:
		n.restFor = f.Dur
		w.mainEnds(a, 137)
	case Deaf:
		n.deaf = true
	case Unkillable:
		n.immortal = max(n.immortal, w.now+int64(f.Dur))
		if f.Dur > w.slack(a) {
			a.breaks(a2)
		}
	case KillAgent:
		w.agentDies(a)
	case KillGuard:
		w.killGuard(a)
	case KillAll:
		w.killContainer(a, f.Dur)
	case EngineRestart:
		w.engineStops(a.index)
	case NetworkEnds:
		w.networkEnds(a)
	case Recreate:
		w.killContainer(a, f.Dur)
		w.emptyDisk(a, n)
	case Rollback:
		w.killContainer(a, f.Dur)
		w.goesBack(n)
	}
}

// emptyDisk is a new container with a new volume.
func (w *World) emptyDisk(a *actor, n *node) {
	if !n.isDown {
		return
	}
	had := n.data != ""
	w.engineTells(a, "destroy")
	w.engines[a.index].container++
	n.held, n.data, n.master, n.isMaster = fsm.Held{}, "", "", false
	n.db.reset()
	if had {
		w.check.diskLost(w, a)
	}
	if !w.etcd.Get(kv.EpochKey).Present {
		w.forget()
	}
	if !w.etcd.Get(kv.Initialized).Present {
		w.emptied()
	}
}

// goesBack is a disk that comes back older than it was: an eighth of its log is missing.
func (w *World) goesBack(n *node) {
	if l := n.db.log.length(); w.sched.Log && n.isDown && l > 1 {
		n.db.log.copyUpTo(&n.db.log, l-max(1, l/8))
		w.check.broken |= a7
	}
}

// killContainer is SIGKILL to all of it at once.
func (w *World) killContainer(a *actor, back time.Duration) {
	if n := a.node; !n.isDown {
		n.quick = back
		n.guardUp = false
		w.killAllNow(a)
	}
}

// killAllNow is the end of a container: nothing is left of it.
func (w *World) killAllNow(a *actor) {
	n := a.node
	if a.up {
		a.up = false
		a.watch.open = false
		for i := range a.queue {
			w.dropRPC(&a.queue[i])
		}
		a.queue = a.queue[:0]
	}
	w.check.died(w, a)
	n.mainUp = false
	n.tree++ // what was to happen in it does not
	w.nodeEnds(a)
}

// unstop: a SIGSTOP is over with the processes that it stopped. What stops a
// whole machine is not.
func (w *World) unstop(a *actor) {
	w.active = slices.DeleteFunc(w.active, func(x activeFault) bool {
		if x.actor != a.index {
			return false
		}
		switch n := a.node; w.sched.Faults[x.fault].Kind {
		case StopAgent:
			a.paused--
		case StopChild:
			if n != nil {
				n.frozen--
			}
		case StopGuard:
			if n != nil {
				n.guardPaused--
			}
		case StopHelper:
			if n != nil {
				n.helper.paused--
			}
		case StopAll:
			a.paused--
			if n != nil {
				n.frozen--
				n.guardPaused--
				n.helper.paused--
			}
		default:
			return false
		}
		return true
	})
}

// killGuard: the agent sees its pipe closed, when it runs.
func (w *World) killGuard(a *actor) {
	n := a.node
	if !n.guardUp {
		return
	}
	n.guardUp = false
	if a.paused > 0 || !a.up {
		w.check.orphaned(a)
	}
	if !a.up {
		w.nodeEnds(a)
		return
	}
	w.at(time.Millisecond, w.ofAgent(a, agentLosesGuard, 0))
}

// thaw is SIGCONT to the child: first it does what it finds in its sockets.
func (w *World) thaw(a *actor) {
	n := a.node
	if n == nil {
		return
	}
	if n.frozen--; n.frozen > 0 {
		return
	}
	if n.accepts && len(n.parked) > 0 && w.traffic() {
		w.note(a.name, "its child finds %d writes in its sockets, and applies them", len(n.parked))
	}
	for i := range n.parked {
		if n.accepts {
			w.sometimes(ParkedBytes)
			w.apply(&n.parked[i])
		}
	}
	n.parked = n.parked[:0]
	if n.exitLater {
		n.exitLater = false
		w.mainEnds(a, n.exitStatus)
	}
}
