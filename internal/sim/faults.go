package sim

import (
	"slices"
	"time"
)

// target is whom a fault hits, as an index into actors; -1 for nobody.
func (w *World) target(f *Fault) int32 {
	if f.Who != Master {
		return int32(f.Who)
	}
	return w.holder
}

// lasts reports whether a kind of fault has an end of its own.
func lasts(k FaultKind) bool {
	switch k {
	case Lossy, Delay, Clog, Unsure, Refuse, LagWatch, StaleMember, StaleLeader, CutTo, CutFrom, Cut, CutAll,
		Skew, StopAgent, StopChild, StopGuard, StopAll, Suspend, Freeze, Corrupt, Forge,
		Apart, Narrow, Sick, Pause, StopHelper, EngineSilent, EngineSlow, EngineRestart, EngineOther,
		NetworkEnds:
		return true
	}
	return false
}

// strike lets a fault begin. What has an end gets its time.
func (w *World) strike(i int) {
	f := &w.sched.Faults[i]
	t := w.target(f)
	if t < 0 || int(t) >= len(w.actors) || w.final {
		return
	}
	a := &w.actors[t]
	w.stats.Faults[f.Kind]++
	if f.Kind == KillAgent {
		w.trouble(0) // it starts again when it can
	} else {
		w.trouble(f.Dur)
	}
	w.hash = mix(w.hash ^ uint64(f.Kind)<<8 ^ uint64(t))
	w.course = mix(w.course ^ uint64(f.Kind)<<8 ^ uint64(t))
	if w.trace != nil {
		w.note(a.name, "FAULT %s", w.sched.faultText(f))
	}
	w.because("an operator", "")
	w.roughen(a, f)
	if lasts(f.Kind) {
		w.active = append(w.active, activeFault{int32(i), t, w.now + int64(f.Dur)})
		w.at(f.Dur, occurrence{kind: faultEnds, slot: int32(i), actor: t})
		w.rewire(a)
	}
	if a.node != nil {
		w.strikeNode(a, f)
	}
	w.strikeActor(a, f)
	w.strikeEtcd(a, f)
	w.operate(a, f)
}

// relent ends a fault, unless it ended before.
func (w *World) relent(i int) {
	at := slices.IndexFunc(w.active, func(x activeFault) bool { return int(x.fault) == i })
	if at < 0 {
		return
	}
	a := &w.actors[w.active[at].actor]
	if w.final && !w.inCore(a) {
		return // it stays
	}
	w.end(at)
}

// end is the end of a fault that lasts.
func (w *World) end(at int) {
	x := w.active[at]
	f, a := &w.sched.Faults[x.fault], &w.actors[x.actor]
	w.active = slices.Delete(w.active, at, at+1)
	if w.trace != nil {
		w.note(a.name, "fault over: %s", faultNames[f.Kind])
	}
	w.rewire(a)
	w.because("an operator", "")
	switch f.Kind {
	case Skew:
		a.clock.run(w.now, a.rate)
		w.rearm(a)
	case StopChild:
		w.thaw(a)
	case StopAgent:
		w.resume(a, f.Arg)
	case StopGuard:
		w.resumeGuard(a)
	case StopHelper:
		if a.node != nil {
			w.resumeHelper(a)
		}
	case Freeze:
		a.clock.lost(x.until-int64(f.Dur), w.now)
		w.wakeUp(a, f.Arg)
		w.rearm(a)
	case StopAll, Suspend:
		w.wakeUp(a, f.Arg)
	case Corrupt, Forge:
		w.tidyUp(a, f)
	case Pause:
		w.unpause()
	}
	w.repairLinks()
}

// wakeUp is SIGCONT to all of a node: which of its processes runs first is the
// scheduler's choice.
func (w *World) wakeUp(a *actor, first int) {
	w.thaw(a)
	if first == guardFirst {
		w.resumeGuard(a)
	}
	w.resume(a, first)
	if first != guardFirst {
		w.resumeGuard(a)
	}
	if a.node != nil {
		w.resumeHelper(a)
	}
}

// strikeActor is what can happen to nodes and frontends alike.
func (w *World) strikeActor(a *actor, f *Fault) {
	switch f.Kind {
	case Delay:
		w.trouble(f.Dur + 2*w.sched.TTL)
	case StaleLeader:
		w.etcd.CutOff(&a.cutOff)
	case StaleMember:
		w.etcd.CutOff(&a.cutOff)
		a.watch.stale = a.watch.open
		w.trouble(3 * f.Dur)
	case LagWatch:
		w.trouble(3 * f.Dur)
	case Stick:
		a.stick = f.Dur
	case BreakWatch:
		w.breakWatch(a, 0)
	case Skew:
		a.clock.run(w.now, int64(f.Arg))
		w.rearm(a)
		if driftBreaks(int64(f.Arg)) {
			a.breaks(a1)
		}
	case Freeze:
		a.breaks(a1) // its clock stands still
		w.pause(a)
	case StopAgent, StopAll, Suspend:
		w.pause(a)
	case Stop:
		if a.up {
			if a.node != nil {
				a.node.quick = f.Dur
			}
			w.at(0, w.ofAgent(a, stopAsked, 0))
		}
	case KillAgent, KillAll, Recreate, Rollback, Reboot:
		if a.node == nil && a.up {
			w.agentDies(a)
			if a.witness != nil {
				w.at(f.Dur, occurrence{kind: nodeRestarts, actor: a.index})
				return
			}
			w.restartIn(a)
		}
	}
}

// pause is SIGSTOP to an agent or a frontend.
func (w *World) pause(a *actor) {
	a.paused++
	if a.front != nil {
		w.holdWrites(a)
	} else if a.node != nil && !a.node.guardUp {
		w.check.orphaned(a)
	}
}

// roughen notes until when a fault may cost a node its authority (L2). Short
// pauses, one at a time, and whatever concerns hooks and watches must not.
func (w *World) roughen(a *actor, f *Fault) {
	until := w.now + int64(f.Dur)
	switch f.Kind {
	case StopAgent, StopAll, Suspend, Freeze, StopChild, StopGuard:
		before := a.held
		a.held = max(a.held, until)
		if f.Kind == StopChild || f.Kind == StopGuard ||
			f.Kind == StopAgent && f.Dur < w.ttl(a)/4 && before < w.now-int64(w.ttl(a)) {
			return
		}
	case CutTo, CutFrom, Cut:
		// What is lost is repeated at once (SPEC R1). That suffices where messages
		// are as fast as they should be.
		before := a.held
		a.held = max(a.held, until)
		if w.sched.Calm && f.Dur < w.ttl(a)*2/5 && max(before, a.rough) < w.now-int64(w.ttl(a)) {
			return
		}
	case BreakWatch, Compact, SlowHook, FailHook, FailStart, LagWatch, Backup, Stop, Deaf, Apart, Narrow, Sick,
		AddMember, RemoveMember, RaiseK, LowerK, Pause, Switchover, Reinit, ForcePromote,
		KillHelper, StopHelper, EngineSilent, EngineSlow, EngineRestart, EngineOther,
		NetworkEnds:
		return
	case LeaderGone, RestartEtcd, Restore, Wipe, DeleteMaster, DeleteEpoch, DeleteNode, Corrupt, RevokeLease, Forge:
		for i := range w.actors {
			w.actors[i].rough = max(w.actors[i].rough, until+int64(2*electionTime))
		}
		return
	case KillChild, KillAgent, KillGuard, KillAll, Recreate, Rollback, Reboot:
		until = w.now // Dur is how long it stays down
	case Delay, Stick:
		until += int64(w.sched.TTL)
	case Unkillable:
		a.held = max(a.held, until)
	}
	a.rough = max(a.rough, until)
}

// ttl is what a node or a frontend was told to ask for.
func (w *World) ttl(a *actor) time.Duration {
	if a.node != nil {
		return a.node.cfg.TTL
	}
	return w.sched.FrontTTL
}
