package sim

import (
	"time"

	"msdha/internal/fsm"
)

// coreHeals begins the second phase: a node and a frontend are healed, and etcd;
// everything else that is broken stays broken, and nothing more breaks. What is
// promised for the end (L1 to L6) must come true with that.
func (w *World) coreHeals() {
	r := stream(w.sched.Seed, forSchedule, 0)
	w.core = [2]int32{int32(r.below(int64(w.nodes - w.sched.Observers))), -1}
	if w.sched.Twin && w.nodes > 2 { // one that nobody can keep the name from
		w.core[0] = 1 + int32(r.below(int64(w.nodes-2)))
	}
	if fronts := w.sched.Fronts; fronts > 0 {
		w.core[1] = int32(w.nodes) + int32(r.below(int64(fronts)))
	}
	w.final = true
	w.sometimes(CoreHealed)
	for i := 0; i < len(w.active); {
		x := w.active[i]
		k := w.sched.Faults[x.fault].Kind
		if w.inCore(&w.actors[x.actor]) || k == Corrupt || k == Forge || k == Pause {
			w.end(i)
		} else {
			i++
		}
	}
	for i := range w.actors {
		a := &w.actors[i]
		switch {
		case w.inCore(a):
			w.note(a.name, "heals")
			if a.node != nil {
				w.healNode(a)
			}
		case !a.up && (a.node == nil || a.node.isDown):
			a.dead = true
			w.note(a.name, "stays down")
		default:
			w.forever(a)
		}
	}
	if w.leaderBack > w.now {
		w.leaderBack, w.downUntil = w.now, w.now
		w.leaderReturns(&occurrence{at: w.now})
	}
	w.repairLinks()
}

// forever makes what lasts on an actor last for good.
func (w *World) forever(a *actor) {
	for i := range w.active {
		x := &w.active[i]
		if x.actor != a.index {
			continue
		}
		x.until = forever
		a.rough = forever
		switch w.sched.Faults[x.fault].Kind {
		case StopAgent, StopChild, StopGuard, StopAll, Suspend, Freeze:
			a.held = forever
			a.breaks(a2)
		}
		w.sometimes(FaultStays)
	}
	w.rewire(a)
}

func (w *World) inCore(a *actor) bool { return a.index == w.core[0] || a.index == w.core[1] }

// healNode: nothing that was wrong with a node's programs is any more.
func (w *World) healNode(a *actor) {
	n := a.node
	n.slow, n.fails = [len(n.slow)]time.Duration{}, [len(n.fails)]bool{}
	n.noStart, n.deaf, n.immortal = false, false, 0
	if n.hook != 0 && n.hangs {
		n.hangs = false
		if n.hook == fsm.HookMaster && w.sched.Log {
			n.promotion.third = 0
			w.promoteIn(a, 0)
		} else {
			w.endHookIn(a, 0, 0)
		}
	}
	for _, j := range [...]*job{&n.lane, &n.probe} {
		if j.op != 0 && j.hangs {
			j.hangs, j.rest = false, 0
			w.jobIn(a, j, 0)
		}
	}
}

// impaired reports whether something is wrong with an actor that stays so.
func (w *World) impaired(a *actor) bool {
	if a.dead || a.node != nil && (a.node.hook != 0 && a.node.hangs || a.node.deaf) {
		return true
	}
	for _, x := range w.active {
		if x.actor == a.index {
			return true
		}
	}
	return false
}
