package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// helper is what a guard starts once it has reaped its agent's tree: a process that
// gives back what the agent did not (SPEC E11). It ends with the container; what it
// had under way then arrives all the same.
type helper struct {
	machine fsm.Attestor
	lease   kv.LeaseID
	up      bool
	wakes   uint64
	paused  int // SIGSTOPs in force
	queue   []occurrence
	out     fsm.Effects
}

// helperStart is what executing the program anew takes.
const helperStart = 50 * time.Millisecond

func (w *World) startHelper(a *actor, lease kv.LeaseID) {
	d := helperStart
	if !w.sched.Calm {
		d = w.helpers.between(time.Millisecond, helperStart)
	}
	w.at(d, occurrence{kind: helperStarts, actor: a.index, gen: a.node.tree, number: uint64(lease)})
}

// handleHelper gives a helper what is meant for it; a stopped one gets it when it goes
// on, and one that is gone never.
func (w *World) handleHelper(o *occurrence) {
	a := &w.actors[o.actor]
	h := &a.node.helper
	switch {
	case o.gen != a.node.tree || !a.node.guardUp || !h.up && o.kind != helperStarts:
		w.dropRPC(o)
		return
	case h.paused > 0:
		h.queue = append(h.queue, *o)
		return
	}
	w.begin(fsm.Tick)
	switch o.kind {
	case helperStarts:
		if h.up {
			return
		}
		ttl := a.member.Backend.TTL()
		h.up, h.lease, h.queue = true, kv.LeaseID(o.number), h.queue[:0]
		h.machine = fsm.NewAttestor(
			fsm.Proof{Node: a.key, Incarnation: h.lease, By: a.key, How: kv.ByGuard},
			ttl/6, w.local(a).Add(ttl))
		w.note(a.name, "its guard's helper begins to give back what the agent left")
		w.reachOwn(a, OnHelper)
	case wakeHelper:
		if o.number != h.wakes {
			return
		}
	case rpcReturns, rpcTimesOut:
		r := &w.rpcs[o.slot]
		defer w.unref(o.slot)
		if r.replied || o.kind == rpcReturns && (a.fromEtcd.cuts > 0 || a.isolated > 0) {
			return
		}
		r.replied = true
		w.begin(r.kind.Answer())
		w.ev.Op, w.ev.Sent, w.ev.Outcome = r.op, r.sent, kv.Unknown
		if o.kind == rpcReturns {
			w.ev.Outcome, w.ev.Header, w.ev.Result = r.outcome, r.header, &r.result
		}
	}
	w.stepHelper(a)
}

func (w *World) stepHelper(a *actor) {
	h := &a.node.helper
	now := w.local(a)
	h.out.Reset()
	h.machine.Step(now, &w.ev, &h.out)
	for i := range h.out.List {
		w.sendFor(a, &h.out.List[i], &h.out, now, true)
	}
	if over, _ := h.machine.Done(); over {
		h.up = false
		w.note(a.name, "its guard's helper has ended")
		w.at(time.Millisecond, occurrence{kind: helperEnds, actor: a.index, gen: a.node.tree})
		return
	}
	h.wakes++
	if at := a.clock.true(h.machine.Next()); at < forever {
		w.agenda.push(occurrence{
			at: max(at, w.now), kind: wakeHelper, actor: a.index, gen: a.node.tree, number: h.wakes,
		})
	}
}

// resumeHelper is SIGCONT.
func (w *World) resumeHelper(a *actor) {
	h := &a.node.helper
	if h.paused--; h.paused > 0 {
		return
	}
	queue := h.queue
	h.queue = nil
	for i := range queue {
		w.handleHelper(&queue[i])
	}
	h.queue = queue[:0]
}

// endHelper is the helper's end with its container, or alone.
func (w *World) endHelper(a *actor) {
	h := &a.node.helper
	if h.up {
		w.sometimes(HelperFailed)
	}
	h.up = false
	for i := range h.queue {
		w.dropRPC(&h.queue[i])
	}
	h.queue = h.queue[:0]
}

// killHelper is SIGKILL to the helper; its guard waits for no other.
func (w *World) killHelper(a *actor) {
	if a.node.helper.up {
		w.endHelper(a)
		w.at(time.Millisecond, occurrence{kind: helperEnds, actor: a.index, gen: a.node.tree})
	}
}
