package sim

import (
	"time"

	"msdha/internal/fsm"
)

// edge is where an actor's right would end if nothing renewed it: D of a node, F
// of a frontend. One occurrence follows it; what is exactly there finds the
// mistakes of a nanosecond that time drawn at random never would.
type edge struct {
	due    bool // the occurrence is on the agenda
	reach  bool // OnEdge was reached for this end
	passed uint8
}

// right is when the actor's authority, or its leave to forward, ends.
func (w *World) right(a *actor) int64 {
	switch {
	case !a.up:
		return forever
	case a.front != nil:
		return a.clock.true(a.front.until)
	case a.member.Backend.Phase() < fsm.PreStart:
		return forever
	}
	return a.clock.true(a.member.Backend.Authority())
}

// near is how long before the end OnEdge lies.
func (w *World) near(a *actor) int64 { return int64(w.ttl(a)) / 10 }

// followEdge makes sure that the end is followed.
func (w *World) followEdge(a *actor) {
	if end := w.right(a); !a.edge.due && end < forever {
		a.edge = edge{due: true}
		w.edgeAt(a, end-w.near(a))
	}
}

func (w *World) edgeAt(a *actor, at int64) {
	w.agenda.push(occurrence{at: max(at, w.now), kind: edgeNears, actor: a.index, gen: a.gen})
}

// edgeNears comes first a tenth of a TTL before the end, then a nanosecond
// before it, at it, and a nanosecond after it, when clients write.
func (w *World) edgeNears(o *occurrence) {
	a := &w.actors[o.actor]
	if o.gen != a.gen || !a.edge.due {
		return
	}
	e := &a.edge
	if e.passed > 0 {
		w.provoke(0)
		if e.passed++; e.passed > 2 {
			*e = edge{}
			w.sometimes(EdgeWrites)
			return
		}
		w.edgeAt(a, w.now+1)
		return
	}
	switch end := w.right(a); {
	case end >= forever:
		*e = edge{}
	case w.now < end-w.near(a): // it was renewed
		e.reach = false
		w.edgeAt(a, end-w.near(a))
	case w.now < end-1:
		if !e.reach {
			e.reach = true
			w.reachOwn(a, OnEdge)
		}
		w.edgeAt(a, end-1)
	default:
		e.passed = 1
		w.provoke(0)
		w.edgeAt(a, w.now+1)
	}
}

// provoke lets all clients write d from now: at the edges of what is checked.
func (w *World) provoke(d time.Duration) {
	for i := range w.clients {
		w.wakeClient(int32(i), d)
	}
}

// holdWrites stops a frontend between a check and the write after it: what it
// read from a client and may forward waits in its memory.
func (w *World) holdWrites(a *actor) {
	for i := range w.clients {
		c := &w.clients[i]
		if c.front != a.index || !c.session || c.holds || !w.mayForward(a) {
			continue
		}
		if w.sched.Calm || w.clientR.chance(500) {
			c.holds, c.heldAt = true, w.now
		}
	}
}

// finishWrites is what a frontend does first when it goes on.
func (w *World) finishWrites(a *actor) {
	for i := range w.clients {
		c := &w.clients[i]
		if c.front != a.index || !c.holds {
			continue
		}
		c.holds = false
		if !c.session {
			continue
		}
		if limit := w.shortest() - w.shortest()/1_000_000*fsm.DriftPPM; w.now-c.heldAt > int64(limit) {
			a.breaks(a5)
		}
		w.sometimes(UserBytes)
		w.forward(int32(i), c)
	}
}

// shortest and longest are the smallest and the largest TTL of any node.
func (w *World) shortest() time.Duration {
	t := max(w.sched.TTL, minTTL)
	if w.sched.Mixed > 0 {
		t = min(t, max(w.sched.Mixed, minTTL))
	}
	return t
}

func (w *World) longest() time.Duration { return max(w.sched.TTL, w.sched.Mixed, w.mostTTL) }
