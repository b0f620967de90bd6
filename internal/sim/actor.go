package sim

import (
	"strconv"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// actor is a process that runs a machine: a node's agent or a frontend.
type actor struct {
	index  int32
	name   string // what traces call it, and where it is dialled
	key    string // what etcd calls it: two may have one name
	clock  clock
	up     bool
	gen    uint32 // counts lives: what was meant for an earlier one is dropped
	paused int    // SIGSTOPs in force
	queue  []occurrence

	member  *fsm.Member
	gateway *fsm.Gateway
	next    int64 // when the machine is to be woken
	wakes   uint64

	network
	edge     edge
	stick    time.Duration // its next transaction arrives so much later
	watch    watch
	cutOff   EtcdMember // that it talks to, if its member is cut off from the others
	requests int        // under way

	broken assumption // what it does not keep to
	rough  int64      // until then L2 promises nothing: a fault may cost it its authority
	rate   int64      // ppm at which its clock runs where no fault has it run otherwise
	held   int64      // until then some process of it was, or is, stopped
	dead   bool       // in the second phase: it stays down

	counts  [numMilestones]int // of its own milestones, over all its lives
	node    *node
	front   *front
	witness *witness
	kept    kept
}

// kept is the memory of an actor that was a node in one episode and a frontend
// in another.
type kept struct {
	node    *node
	member  *fsm.Member
	front   *front
	gateway *fsm.Gateway
}

func (w *World) resetActors(s *Schedule) {
	n := s.Nodes + s.Fronts + s.Witness
	for cap(w.actors) < n {
		w.actors = append(w.actors[:cap(w.actors)], actor{})
	}
	w.actors = w.actors[:n] // what an earlier, larger group has used is still there
	r := stream(s.Seed, forSchedule, 1)
	for i := range w.actors {
		a := &w.actors[i]
		a.empty(int32(i), i < s.Nodes, i >= s.Nodes+s.Fronts)
		a.clock = clock{offset: int64(time.Hour) + r.below(int64(1000*time.Hour)), ppm: s.drift(&r)}
		a.rate = a.clock.ppm
		if s.Calm {
			a.clock.offset = int64(i) * int64(s.Apart)
		}
		switch {
		case i < s.Nodes:
			a.name, a.key = nodeNames[i], nodeNames[i]
			if s.Twin && i == s.Nodes-1 {
				a.key = nodeNames[0]
			}
			w.newNode(a)
		case i < s.Nodes+s.Fronts:
			a.name = frontNames[i-s.Nodes]
			a.key = a.name
			w.newFront(a)
		default:
			a.name = witnessNames[i-s.Nodes-s.Fronts]
			a.key = a.name
			w.newWitness(a, i-s.Nodes-s.Fronts)
		}
		delay := r.between(0, 3*time.Second)
		if s.Calm {
			delay = time.Duration(i) * 10 * time.Millisecond
		}
		w.at(delay, occurrence{kind: nodeRestarts, actor: int32(i)})
	}
}

// empty makes the actor new, as a node or a frontend, and keeps the memory of
// what it was before.
func (a *actor) empty(index int32, isNode, isWitness bool) {
	k, items := a.kept, a.watch.items[:0]
	if a.node != nil {
		k.node, k.member = a.node, a.member
	} else if a.front != nil {
		k.front, k.gateway = a.front, a.gateway
	}
	*a = actor{index: index, queue: a.queue[:0], kept: k, cutOff: a.cutOff}
	a.watch.items = items
	switch {
	case isNode:
		a.node, a.member = k.node, k.member
	case !isWitness:
		a.front, a.gateway = k.front, k.gateway
	}
}

var nodeNames, frontNames, witnessNames = names("n"), names("f"), names("w")

func names(prefix string) (all [100]string) {
	for i := range all {
		all[i] = prefix + strconv.Itoa(i+1)
	}
	return all
}

func (w *World) local(a *actor) fsm.Instant { return a.clock.local(w.now) }

// handleAgent gives an agent what is meant for it; a stopped one gets it when
// it goes on, in the order of arrival.
func (w *World) handleAgent(o *occurrence) {
	a := &w.actors[o.actor]
	if o.gen != a.gen || !a.up {
		w.dropRPC(o)
		return
	}
	if a.paused > 0 {
		a.queue = append(a.queue, *o)
		return
	}
	w.perform(a, o)
}

func (w *World) perform(a *actor, o *occurrence) {
	switch o.kind {
	case wakeActor:
		if o.number == a.wakes {
			a.next = forever
			w.input(a, fsm.Tick)
		}
	case rpcReturns:
		w.rpcReturns(a, o)
	case rpcTimesOut:
		w.rpcTimesOut(a, o)
	case watchDelivers:
		w.watchDelivers(a, o)
	case watchIdle:
		w.watchIdle(a, o)
	case watchBreaks:
		if o.number == a.watch.number {
			w.endWatch(a, 0)
		}
	case stopAsked:
		w.input(a, fsm.StopRequested)
	case hookEnds:
		w.hookEnds(a, o)
	case childTells:
		w.begin(fsm.EventKind(o.number & 0xFF))
		w.ev.Op, w.ev.Outcome, w.ev.Code = fsm.Op(o.number>>8), kv.OK, int(o.slot)
		w.step(a)
	case startFails:
		w.begin(fsm.ChildStarted)
		w.ev.Op, w.ev.Outcome = fsm.Op(o.number), kv.Failed
		w.step(a)
	case streamOpens, streamEnds, engineEvent, inspectReturns, inspectTimesOut:
		w.handleEngine(a, o)
	case agentLosesGuard:
		w.input(a, fsm.GuardLost)
	}
}

// resume is SIGCONT: what came meanwhile is there before any timer fires, unless
// the runtime looks at its timers first.
func (w *World) resume(a *actor, first int) {
	if a.paused--; a.paused > 0 || !a.up {
		return
	}
	if a.front != nil {
		w.finishWrites(a)
	}
	if first == timersFirst {
		w.input(a, fsm.Tick)
	}
	queue := a.queue
	a.queue = nil
	for i := range queue {
		if o := &queue[i]; o.gen == a.gen && a.up {
			w.perform(a, o)
		} else {
			w.dropRPC(o)
		}
	}
	a.queue = queue[:0]
	if a.up {
		w.input(a, fsm.Tick)
	}
}

// rearm sets an actor's timers anew after its clock was changed.
func (w *World) rearm(a *actor) {
	w.schedule(a)
	if a.node != nil {
		w.wakeGuard(a)
	}
}

// begin prepares the world's one event.
func (w *World) begin(k fsm.EventKind) { w.ev = fsm.Event{Kind: k} }

// input gives an agent an event that says nothing but its kind.
func (w *World) input(a *actor, k fsm.EventKind) {
	w.begin(k)
	w.step(a)
}

// step is where the machine runs: the properties look at it before and after.
func (w *World) step(a *actor) {
	now := w.local(a)
	w.out.Reset()
	w.check.beforeStep(w, a, &w.ev)
	switch {
	case a.node != nil:
		a.member.Step(now, &w.ev, &w.out)
	case a.front != nil:
		a.gateway.Step(now, &w.ev, &w.out)
	default:
		a.witness.machine.Step(now, &w.ev, &w.out)
	}
	w.count(a)
	w.check.afterStep(w, a, &w.ev, now)
	if w.trace != nil {
		w.trace.step(w, a)
	}
	for i := range w.out.List {
		if !a.up {
			break // it was killed by one of its own effects
		}
		w.execute(a, &w.out.List[i], now)
	}
	w.schedule(a)
}

// count adds the step to the statistics and to the trajectory's hash.
func (w *World) count(a *actor) {
	h := w.hash ^ uint64(w.now)*0x9E3779B97F4A7C15
	h = h<<7 | h>>57
	h ^= uint64(a.index)<<56 | uint64(w.ev.Kind)<<48 | uint64(w.ev.Op)<<8 | uint64(w.ev.Outcome)
	for _, r := range w.out.Rows {
		if a.node != nil {
			w.stats.Backend[r]++
		} else {
			w.stats.Frontend[r]++
		}
		h = mix(h + uint64(r))
	}
	for i := range w.out.List {
		e := &w.out.List[i]
		h = mix(h ^ uint64(e.Kind)<<40 ^ uint64(e.Op) ^ uint64(e.Epoch)<<16 ^ uint64(e.Fence))
	}
	w.hash = h
	if a.witness != nil {
		return
	}
	if was, is := w.check.phaseBefore(a), a.phase(); was != is {
		w.course = mix(w.course ^ uint64(a.index)<<16 ^ uint64(is)<<8 ^ 1)
	}
}

// phase is where the actor's machine is.
func (a *actor) phase() fsm.Phase {
	if a.node != nil {
		return a.member.Backend.Phase()
	}
	return a.gateway.Frontend.Phase()
}

// schedule arms the actor's one timer.
func (w *World) schedule(a *actor) {
	if !a.up {
		return
	}
	next := fsm.Never
	switch {
	case a.node != nil:
		next = a.member.Next()
	case a.front != nil:
		next = a.gateway.Next()
	default:
		next = a.witness.machine.Next()
	}
	at := a.clock.true(next)
	if at == a.next || at >= forever {
		if at >= forever {
			a.wakes++
			a.next = forever
		}
		return
	}
	a.next = at
	a.wakes++
	w.agenda.push(occurrence{
		at: max(at, w.now), kind: wakeActor, actor: a.index, gen: a.gen, number: a.wakes,
	})
}

// execute carries one effect out.
func (w *World) execute(a *actor, e *fsm.Effect, now fsm.Instant) {
	switch e.Kind {
	case fsm.GrantLease, fsm.KeepAlive, fsm.RevokeLease, fsm.ListKeys,
		fsm.Register, fsm.Check, fsm.Publish, fsm.Bootstrap, fsm.Claim, fsm.Confirm, fsm.Release,
		fsm.ReadRoute, fsm.Show, fsm.Vote, fsm.Settle, fsm.Repay, fsm.Inquire, fsm.Attest:
		w.send(a, e, now)
	case fsm.WatchKeys:
		w.openWatch(a, e)
	case fsm.StopWatch:
		a.watch.open = false
	case fsm.Follow, fsm.Inspect:
		w.executeWitness(a, e, now)
	case fsm.Route, fsm.Unroute, fsm.Allow:
		w.executeFront(a, e)
	case fsm.Exit:
		w.agentExits(a)
	default:
		w.executeNode(a, e)
	}
}
