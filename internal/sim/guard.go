package sim

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// guardEvent gives the guard what the agent sends; a stopped guard reads it
// when it goes on, and only the last deadlines count.
func (w *World) guardEvent(a *actor, ev fsm.GuardEvent) {
	n := a.node
	if !n.guardUp || n.guardPaused > 0 {
		return
	}
	w.guardActs(a, n.guard.Step(w.local(a), ev))
}

func (w *World) handleGuard(o *occurrence) {
	a := &w.actors[o.actor]
	n := a.node
	if o.gen != n.tree || !n.guardUp {
		return
	}
	if n.guardPaused > 0 {
		n.guardQueue = append(n.guardQueue, *o)
		return
	}
	ev := fsm.GuardEvent{Kind: fsm.GuardTick}
	switch o.kind {
	case wakeGuard:
		if o.number != n.guardWakes {
			return
		}
	case guardHears:
		ev.Kind = fsm.GuardAgentGone
	case treeDiesByGuard:
		if mutant.On(mutant.AttestMainEnd) {
			n.mainUp, n.accepts = false, n.rest
		} else {
			w.killAll(a)
		}
		ev.Kind = fsm.GuardTreeGone
	case helperEnds:
		ev.Kind = fsm.GuardAttested
	}
	w.guardActs(a, n.guard.Step(w.local(a), ev))
}

// resumeGuard is SIGCONT to the guard: it reads the pipe, then looks at the
// clock, though its machine fires deadlines first in any case.
func (w *World) resumeGuard(a *actor) {
	n := a.node
	if n == nil {
		return
	}
	if n.guardPaused--; n.guardPaused > 0 || !n.guardUp {
		return
	}
	queue := n.guardQueue
	n.guardQueue = nil
	if a.up {
		w.guardEvent(a, fsm.GuardEvent{Kind: fsm.GuardArmed, Fence: n.fence, Kill: n.kill})
	}
	w.tellGuard(a, n.told)
	for i := range queue {
		w.handleGuard(&queue[i])
	}
	n.guardQueue = queue[:0]
	w.guardEvent(a, fsm.GuardEvent{Kind: fsm.GuardTick})
}

func (w *World) guardActs(a *actor, act fsm.GuardActions) {
	n := a.node
	if act.FenceChild {
		w.note(a.name, "its guard sends the fence signal")
		w.signalChild(a, true)
	}
	if act.KillAgent {
		if a.up {
			w.sometimes(AgentKilled)
			w.note(a.name, "its guard kills agent and tree: D and the grace have passed")
		} else if n.treeAlive() {
			w.note(a.name, "its guard kills what is left: the agent is gone")
		}
		if !mutant.On(mutant.ChildBeforeAgent) {
			w.agentDies(a)
		}
	}
	if act.KillTree {
		w.at(w.killDelay(n), occurrence{kind: treeDiesByGuard, actor: a.index, gen: n.tree})
	}
	if act.Attest {
		w.startHelper(a, act.Lease)
	}
	if act.Exit {
		w.agentDies(a) // only a planted bug has left it alive
		w.nodeEnds(a)
		return
	}
	w.wakeGuard(a)
}

// tellGuard is the agent naming its incarnation, or saying goodbye.
func (w *World) tellGuard(a *actor, lease kv.LeaseID) {
	a.node.told = lease
	w.guardEvent(a, fsm.GuardEvent{Kind: fsm.GuardToldLease, Lease: lease, Limit: a.member.Backend.TTL()})
}

// wakeGuard arms the guard's one timer.
func (w *World) wakeGuard(a *actor) {
	n := a.node
	if at := a.clock.true(n.guard.Next()); n.guardUp && at < forever {
		n.guardWakes++
		w.agenda.push(occurrence{
			at: max(at, w.now), kind: wakeGuard, actor: a.index, gen: n.tree, number: n.guardWakes,
		})
	}
}
