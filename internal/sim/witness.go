package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// witness is what an actor that is a witness has besides its machine.
type witness struct {
	cfg     fsm.WitnessConfig
	machine *fsm.Witness
	host    int32 // the node whose engine it follows
	stream  eventStream
	groups  [1]fsm.GroupKeys
}

// witnessTimeout is that of a witness's requests.
const witnessTimeout = 2 * time.Second

// witnessOf is the witness on a node's host, if there is one.
func (w *World) witnessOf(host int32) *actor {
	if int(host) >= w.sched.Witness || int(host) >= w.nodes {
		return nil
	}
	return &w.actors[w.nodes+w.sched.Fronts+int(host)]
}

func (w *World) fronts() []actor { return w.actors[w.nodes : w.nodes+w.sched.Fronts] }

func (w *World) newWitness(a *actor, host int) {
	a.witness = &witness{host: int32(host)}
	a.witness.cfg = fsm.WitnessConfig{
		Name: a.name, Boot: placeNames().boots[host%len(placeNames().boots)], Timeout: witnessTimeout,
	}
}

func (w *World) startWitness(a *actor) {
	a.gen++
	a.up, a.next, a.requests = true, forever, 0
	a.witness.machine = fsm.NewWitness(&a.witness.cfg)
	a.witness.stream.open = false
	w.note(a.name, "its witness starts")
	w.reachOwn(a, OnStart)
	w.input(a, fsm.Started)
}

// witnessDies ends the process; its engine goes on.
func (w *World) witnessDies(a *actor) {
	a.witness.stream.open = false
	w.unstop(a)
}

// executeWitness carries out what concerns the engine.
func (w *World) executeWitness(a *actor, e *fsm.Effect, now fsm.Instant) {
	switch e.Kind {
	case fsm.Follow:
		w.followEngine(a, e)
	case fsm.Inspect:
		w.inspect(a, e, now)
	}
}

// followEngine connects to the engine's events. Who is not answered in time tries again.
func (w *World) followEngine(a *actor, e *fsm.Effect) {
	w.number++
	s := &a.witness.stream
	t := w.engineTrouble(a.witness.host)
	*s = eventStream{op: e.Op, number: w.number}
	q := inquiry{op: e.Op, stream: s.number}
	if wait := w.engineDelay(&t); !t.down && wait < e.Timeout {
		s.open = true
		w.inquire(a, w.now+int64(wait), streamOpens, q)
		return
	}
	wait := e.Timeout
	if t.down { // refused
		wait = time.Millisecond
	}
	w.inquire(a, w.now+int64(wait), streamEnds, q)
}

// handleEngine is what the engine says reaching a witness.
func (w *World) handleEngine(a *actor, o *occurrence) {
	q := &w.inquiries[o.slot]
	switch o.kind {
	case streamOpens, streamEnds, engineEvent:
		if q.stream != a.witness.stream.number {
			return
		}
		if !a.witness.stream.open && o.kind != streamEnds {
			return // it broke before
		}
		w.begin([...]fsm.EventKind{fsm.Following, fsm.FollowEnded, fsm.ContainerEvent}[o.kind-streamOpens])
		w.ev.Op, w.ev.Container, w.ev.Action = q.op, q.container, q.action
	default:
		if q.answered {
			return
		}
		q.answered = true
		w.begin(fsm.Inspected)
		w.ev.Op, w.ev.Outcome = q.op, kv.Unknown
		if o.kind == inspectReturns {
			w.ev.Outcome, w.ev.Engine = q.outcome, &q.state
		}
	}
	w.step(a)
}

// mourned is E11: nothing is attested of an incarnation of which any process lives.
func (c *checker) mourned(w *World, a *actor) {
	for i := range w.out.List {
		e := &w.out.List[i]
		switch {
		case e.Kind == fsm.Inspect, e.Kind == fsm.Follow, e.Kind == fsm.ListKeys, e.Kind == fsm.Exit:
			continue
		case e.Kind == fsm.Attest:
			w.sometimes(WitnessAttests)
		}
		for j := range w.actors[:w.nodes] {
			n := &w.actors[j]
			if e.Lease != 0 && n.member.Backend.Lease() == e.Lease && (n.up || n.node.treeAlive()) {
				c.fail("E11", n, "%s attests the end of %s, of which processes live", a.name, n.name)
			}
		}
	}
	if n := a.witness.machine.Next(); n <= w.local(a) {
		c.fail("S21", nil, "%s wants to be woken in the past", a.name)
	}
}
