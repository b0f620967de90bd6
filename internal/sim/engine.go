package sim

import (
	"fmt"
	"sync"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// engine is the container engine of a node's host. It knows the node's container, and
// the one whose network that has, if it has one's. What it says of them is true; but it may be late, say nothing, be
// restarted, or be another one than the container's.
type engine struct {
	container  int  // how many containers there were before the present one
	life       int  // … and lives of it: each has a PID namespace of its own
	restarting bool // the policy is going to start it again
	last       int64
}

// eventStream is a witness's connection to its engine's events.
type eventStream struct {
	op     fsm.Op
	open   bool
	number uint64 // of the connection: what was under way in an earlier one is lost
}

// inquiry is something that a witness was told by its engine, or is going to be.
type inquiry struct {
	op        fsm.Op
	container string
	action    string
	stream    uint64
	outcome   kv.Outcome
	state     fsm.ContainerState
	answered  bool
}

// nodesApart is how far the kernels of one machine are from each other.
const nodesApart = 16

type placeIDs struct {
	boots, pids, networks [64]string
	containers, roots     [64][16]string
}

// placeNames are ids of hosts, containers and PID namespaces, made once.
var placeNames = sync.OnceValue(func() *placeIDs {
	t := &placeIDs{}
	for i := range t.boots {
		t.boots[i], t.pids[i] = fmt.Sprintf("boot%d", i+1), fmt.Sprintf("pid:[%d]", 4026531836+i)
		t.networks[i] = fmt.Sprintf("network%d", i+1)
		for j := range t.containers[i] {
			t.containers[i][j] = fmt.Sprintf("container%d.%d", i+1, j+1)
			t.roots[i][j] = fmt.Sprintf("root%d.%d", i+1, j+1)
		}
	}
	return t
})

// place is where a node's processes are. Cloned machines have containers of the same
// ids, and each a boot of its own. In every fourth group without calm one node shares
// its host's PID namespace, which is to be left out. In every third the containers are
// told by files, and so in those that have another's network: there it is the other's.
func (w *World) place(a *actor) kv.Place {
	t, e := placeNames(), &w.engines[a.index]
	p := kv.Place{
		Container: w.containerOf(a), Boot: t.boots[(int(a.index)+a.node.boots*nodesApart)%len(t.boots)],
		PIDNamespace: t.pids[e.life%len(t.pids)],
	}
	if w.sched.Joined {
		p.Container = w.networkOf(a)
	}
	if w.sched.Joined || !w.sched.Calm && w.sched.Seed%3 == 0 {
		p.Root = w.rootOf(a)
	}
	if w.sched.Shared || w.sharesPIDs(a) {
		p.PIDNamespace = ""
	}
	return p
}

func (w *World) sharesPIDs(a *actor) bool {
	return !w.sched.Calm && w.sched.Seed%4 == 0 && a.index == 0
}

// containerOf is the id of a node's container.
func (w *World) containerOf(a *actor) string {
	if mutant.On(mutant.WitnessByName) {
		return a.key
	}
	ids := &placeNames().containers[w.host(a)]
	return ids[w.engines[a.index].container%len(ids)]
}

// networkOf is the id of the container that has the network of a node's, if another has.
func (w *World) networkOf(a *actor) string { return placeNames().networks[w.host(a)] }

// rootOf is the file system that a node's container alone has.
func (w *World) rootOf(a *actor) string {
	roots := &placeNames().roots[w.host(a)]
	return roots[w.engines[a.index].container%len(roots)]
}

// host is what a node's machine counts its containers by: clones do it alike.
func (w *World) host(a *actor) int {
	if w.sched.Clones {
		return 0
	}
	return int(a.index) % len(placeNames().boots)
}

func (w *World) resetEngines(s *Schedule) {
	w.engines = w.engines[:0]
	for range s.Nodes {
		w.engines = append(w.engines, engine{})
	}
	w.inquiries, w.engineR = w.inquiries[:0], stream(s.Seed, forEngine, 0)
}

// engineTrouble is what is wrong with the engine of a host now.
type engineTrouble struct {
	until   int64 // it answers nobody until then
	down    bool  // it does not run
	slow    bool
	forgets bool // the witness asks another engine, that does not know the container
	ended   bool // the container with the network
}

func (w *World) engineTrouble(host int32) (t engineTrouble) {
	for _, x := range w.active {
		if x.actor != host {
			continue
		}
		switch w.sched.Faults[x.fault].Kind {
		case EngineSilent, Suspend, Freeze:
			t.until = max(t.until, x.until)
		case EngineRestart:
			t.down = true
		case EngineSlow:
			t.slow = true
		case EngineOther:
			t.forgets = true
		case NetworkEnds:
			t.ended = true
		}
	}
	return t
}

// engineDelay is one way between a witness and its engine.
func (w *World) engineDelay(t *engineTrouble) time.Duration {
	d := 2 * time.Millisecond
	if !w.sched.Calm {
		d = w.engineR.between(100*time.Microsecond, 20*time.Millisecond)
		if w.engineR.chance(30) {
			d += w.engineR.between(0, time.Second)
		}
	}
	if t.slow {
		d += w.engineR.between(0, w.sched.TTL)
	}
	if t.until > w.now {
		d += time.Duration(t.until - w.now)
	}
	return d
}

// engineTells has the engine of a host tell its witness of an event.
func (w *World) engineTells(a *actor, action string) { w.engineTellsOf(a, w.containerOf(a), action) }

func (w *World) engineTellsOf(a *actor, container, action string) {
	wit := w.witnessOf(a.index)
	if wit == nil || !wit.up || !wit.witness.stream.open {
		return
	}
	e, t := &w.engines[a.index], w.engineTrouble(a.index)
	if t.down || t.forgets {
		return
	}
	e.last = max(e.last, w.now+int64(w.engineDelay(&t))) // in order
	w.inquire(wit, e.last, engineEvent, inquiry{
		op: wit.witness.stream.op, stream: wit.witness.stream.number, container: container, action: action,
	})
}

// networkEnds: the container ends whose network a node has.
func (w *World) networkEnds(a *actor) {
	if w.sched.Joined {
		w.engineTellsOf(a, w.networkOf(a), "die")
	}
}

func (w *World) inquire(wit *actor, at int64, k occurrenceKind, q inquiry) {
	w.inquiries = append(w.inquiries, q)
	w.agenda.push(occurrence{
		at: at, kind: k, actor: wit.index, gen: wit.gen, slot: int32(len(w.inquiries) - 1),
	})
}

// engineStops: an engine that ends breaks its streams; what it had not told is lost.
func (w *World) engineStops(host int32) {
	if wit := w.witnessOf(host); wit != nil && wit.up && wit.witness.stream.open {
		s := &wit.witness.stream
		s.open = false
		w.inquire(wit, w.now+int64(time.Millisecond), streamEnds, inquiry{op: s.op, stream: s.number})
		w.sometimes(EventsLost)
	}
}

// inspect answers a witness's question, unless the engine is silent for too long.
func (w *World) inspect(wit *actor, e *fsm.Effect, now fsm.Instant) {
	host := wit.witness.host
	t := w.engineTrouble(host)
	q := inquiry{op: e.Op, container: e.Container, outcome: kv.Unknown}
	limit := wit.clock.true(now.Add(e.Timeout))
	asked := w.now + int64(w.engineDelay(&t))
	if t.down {
		asked = limit // it is not there: the outcome is the same
	}
	w.inquire(wit, limit, inspectTimesOut, q)
	if asked < limit {
		o := occurrence{
			at: asked, kind: engineLooks, actor: wit.index, gen: wit.gen, slot: int32(len(w.inquiries) - 1),
		}
		w.agenda.push(o)
	} else {
		w.sometimes(EngineMute)
	}
}

// engineLooks is the moment that the answer tells of.
func (w *World) engineLooks(o *occurrence) {
	wit, q := &w.actors[o.actor], &w.inquiries[o.slot]
	t := w.engineTrouble(wit.witness.host)
	if o.gen != wit.gen || t.down || t.until > w.now {
		return
	}
	q.outcome, q.state = kv.OK, w.containerState(wit.witness.host, q.container, &t)
	back := *o
	back.at, back.kind = w.now+int64(w.engineDelay(&t)), inspectReturns
	w.agenda.push(back)
}

// containerState is what the engine says, which is true.
func (w *World) containerState(host int32, container string, t *engineTrouble) (s fsm.ContainerState) {
	a := &w.actors[host]
	n, e := a.node, &w.engines[host]
	switch {
	case t.forgets:
		return s
	case w.sched.Joined && container == w.networkOf(a):
		s = fsm.ContainerState{Known: true, Status: "running", Running: true, PID: 2000 + int(host), Root: container}
		if t.ended {
			s.Status, s.Running, s.PID = "exited", false, 0
			w.sometimes(OtherEnded)
		}
		return s
	case container != w.containerOf(a):
		return s
	}
	s.Known, s.SharesPIDs, s.PID, s.Root = true, w.sharesPIDs(a), 1000+int(host), w.rootOf(a)
	switch {
	case !n.isDown && w.stoppedWhole(a):
		s.Status, s.Running, s.Paused = "paused", true, true
		w.sometimes(PausedSeen)
	case !n.isDown:
		s.Status, s.Running = "running", true
	case e.restarting:
		s.Status, s.Running, s.Restarting, s.PID = "restarting", true, true, 0
	default:
		s.Status, s.PID = "exited", 0
	}
	return s
}

// stoppedWhole: docker pause stops all that is in a container.
func (w *World) stoppedWhole(a *actor) bool {
	for _, x := range w.active {
		if x.actor == a.index && w.sched.Faults[x.fault].Kind == StopAll {
			return true
		}
	}
	return false
}
