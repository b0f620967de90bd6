package sim

import (
	"time"

	"msdha/internal/fsm/kv"
)

// target is whom a fault hits, as an index into actors; -1 for nobody.
func (w *World) target(f *Fault) int32 {
	if f.Who != Master {
		return int32(f.Who)
	}
	return w.holder
}

// strike lets a fault begin. What has an end gets its time.
func (w *World) strike(i int) {
	f := &w.sched.Faults[i]
	t := w.target(f)
	if t < 0 || int(t) >= len(w.actors) {
		return
	}
	a := &w.actors[t]
	w.stats.Faults[f.Kind]++
	w.trouble(f.Dur)
	w.hash = mix(w.hash ^ uint64(f.Kind)<<8 ^ uint64(t))
	if w.trace != nil {
		w.note(a.name, "FAULT %s", w.sched.faultText(f))
	}
	w.because("an operator", "")
	if a.node != nil {
		w.strikeNode(a, f)
	}
	w.strikeLink(a, f)
	w.strikeEtcd(a, f)
	switch f.Kind {
	case Lossy, Delay, LagWatch, CutTo, CutFrom, Cut, CutAll, StopAgent, StopChild, StopGuard, StopAll:
		w.at(f.Dur, occurrence{kind: faultEnds, slot: int32(i), actor: t, gen: a.gen})
	}
}

func (w *World) strikeLink(a *actor, f *Fault) {
	switch f.Kind {
	case Lossy:
		a.toEtcd.loss, a.fromEtcd.loss = 500, 500
	case Delay:
		a.slow = true
		w.trouble(f.Dur + 2*w.sched.TTL)
	case Stick:
		a.stick = f.Dur
	case LagWatch:
		a.lag = f.Dur
		w.trouble(3 * f.Dur)
	case CutTo:
		a.toEtcd.cuts++
	case CutFrom:
		a.fromEtcd.cuts++
	case Cut:
		a.toEtcd.cuts++
		a.fromEtcd.cuts++
	case CutAll:
		a.isolated++
	case BreakWatch:
		w.breakWatch(a, 0)
	case StopAgent:
		a.paused++
		if a.node != nil && !a.node.guardUp {
			w.check.orphaned(w, a)
		}
	case Stop:
		if a.up {
			if a.node != nil {
				a.node.quick = f.Dur
			}
			w.at(0, w.ofAgent(a, stopAsked, 0))
		}
	case KillAgent:
		if a.front != nil && a.up {
			w.agentDies(a)
			w.restartIn(a)
		}
	}
}

func (w *World) strikeNode(a *actor, f *Fault) {
	n := a.node
	switch f.Kind {
	case SlowHook:
		n.slow[f.Arg] = f.Dur
	case FailHook:
		n.fails[f.Arg] = true
	case StopChild:
		n.frozen++
	case StopGuard:
		n.guardPaused++
		w.check.guardStopped(w, a, f.Dur)
	case StopAll:
		n.frozen++
		n.guardPaused++
		a.paused++
		w.check.guardStopped(w, a, f.Dur)
	case KillChild:
		n.restFor = f.Dur
		w.mainEnds(a, 137)
	case Deaf:
		n.deaf = true
	case KillAgent:
		w.agentDies(a)
	case KillGuard:
		w.killGuard(a)
	case KillAll:
		if !n.isDown {
			n.quick = f.Dur
			n.guardUp = false
			w.killAllNow(a)
		}
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
	n.mainUp = false
	n.tree++ // what was to happen in it does not
	w.nodeEnds(a)
}

// killGuard: the agent sees its pipe closed, when it runs.
func (w *World) killGuard(a *actor) {
	n := a.node
	if !n.guardUp {
		return
	}
	n.guardUp = false
	if a.paused > 0 || !a.up {
		w.check.orphaned(w, a)
	}
	if !a.up {
		w.nodeEnds(a)
		return
	}
	w.at(time.Millisecond, w.ofAgent(a, agentLosesGuard, 0))
}

func (w *World) strikeEtcd(a *actor, f *Fault) {
	e := w.etcd
	switch f.Kind {
	case Compact:
		e.Compact(e.Header().Rev)
		for i := range w.actors { // a watch that breaks now may resume too late
			if w.links.chance(500) {
				w.breakWatch(&w.actors[i], 0)
			}
		}
	case LeaderGone:
		w.leaderBack = max(w.leaderBack, w.now+int64(f.Dur))
		w.agenda.push(occurrence{at: w.leaderBack, kind: leaderReturns})
		for i := range w.actors { // WithRequireLeader: a member notices after a while
			w.breakWatch(&w.actors[i], w.noticeTime())
		}
	case DeleteNode:
		e.DeleteKey(kv.NodeKey(a.name))
	case DeleteMaster:
		e.DeleteKey(kv.Master)
	case DeleteEpoch:
		e.DeleteKey(kv.EpochKey)
	case Wipe:
		e.Wipe()
	default:
		return
	}
	w.check.afterChange(w)
	w.notifyWatches()
}

// noticeTime is how long a member takes to find that there is no leader.
func (w *World) noticeTime() time.Duration {
	if w.sched.Calm {
		return 0
	}
	return w.links.between(0, 3*electionTime)
}

// relent ends a fault.
func (w *World) relent(i int, o *occurrence) {
	f, a := &w.sched.Faults[i], &w.actors[o.actor]
	if w.trace != nil {
		w.note(a.name, "fault over: %s", faultNames[f.Kind])
	}
	switch f.Kind {
	case Lossy:
		a.toEtcd.loss, a.fromEtcd.loss = 0, 0
	case Delay:
		a.slow = false
	case LagWatch:
		a.lag = 0
	case CutTo:
		a.toEtcd.cuts--
	case CutFrom:
		a.fromEtcd.cuts--
	case Cut:
		a.toEtcd.cuts--
		a.fromEtcd.cuts--
	case CutAll:
		a.isolated--
	case StopChild:
		w.thaw(a)
	case StopAgent:
		w.resume(a)
	case StopGuard:
		w.resumeGuard(a)
	case StopAll:
		w.thaw(a)
		w.resume(a)
		w.resumeGuard(a)
	}
	w.repairLinks()
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
