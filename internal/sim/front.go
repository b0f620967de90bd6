package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// front is the data path of a frontend.
type front struct {
	cfg   fsm.FrontendConfig
	open  bool // the port is open
	node  int32
	epoch kv.Epoch
	until fsm.Instant
	// newest is the epoch that this life of the frontend routed to last.
	newest kv.Epoch
	route  uint64 // counts routes: a session belongs to one
}

// client connects to one frontend and writes now and then.
type client struct {
	front   int32
	session bool
	route   uint64
	node    int32
	tree    uint32 // container that it reached
	epoch   kv.Epoch
	kernel  []write // written, not sent yet: the link is cut
	holds   bool    // the frontend was stopped between check and write
	heldAt  int64
	due     int64
}

// write is one byte range, tagged where it was forwarded.
type write struct {
	client int32
	node   int32
	tree   uint32
	route  uint64
	life   uint32 // of the frontend's process
	epoch  kv.Epoch
}

func (w *World) newFront(a *actor) {
	if a.front == nil {
		a.front = new(front)
	}
	*a.front = front{}
	a.node, a.member = nil, nil
	a.front.cfg = fsm.FrontendConfig{Name: a.name, TTL: w.sched.FrontTTL}
	if int(a.index) > w.nodes {
		a.front.cfg.StartPatience = 30 * time.Second // all but the first give up
	}
	if a.gateway == nil {
		a.gateway = fsm.NewGateway(&a.front.cfg)
	}
	a.gateway.Reset(&a.front.cfg)
}

func (w *World) startFront(a *actor) {
	a.gen++
	a.up, a.next, a.watch.open = true, forever, false
	a.front.open, a.front.until, a.front.newest, a.edge, a.requests = false, 0, 0, edge{}, 0
	a.gateway.Reset(&a.front.cfg)
	if w.trace != nil {
		w.trace.begins(a)
	}
	w.reachOwn(a, OnStart)
	w.input(a, fsm.Started)
}

func (w *World) executeFront(a *actor, e *fsm.Effect) {
	f := a.front
	switch e.Kind {
	case fsm.Route:
		w.check.routes(w, a, e)
		w.check.opened(w, a, e)
		w.check.forgets(w, a, e)
		w.endSessions(a, true)
		f.open, f.epoch, f.node = true, e.Epoch, -1
		for i := range w.actors[:w.nodes] {
			if w.actors[i].name == e.Address {
				f.node = int32(i)
			}
		}
		w.reachOwn(a, OnRoute)
	case fsm.Unroute:
		w.lastWrites(a)
		f.open = false
		w.endSessions(a, true)
	case fsm.Allow:
		f.until = e.Until
		w.check.allowed(w, a, nil)
		w.reachOwn(a, OnRenewal)
		w.followEdge(a)
	}
}

// lastWrites are those that race with the end of a route, and win.
func (w *World) lastWrites(a *actor) {
	for i := range w.clients {
		if c := &w.clients[i]; c.front == a.index {
			w.clientWrites(int32(i), c)
			w.wakeClient(int32(i), 1)
		}
	}
}

// endSessions ends every session of a frontend. A route that ends resets them,
// buffers included (SPEC X3); a process that dies leaves what it has written to
// its kernel, which goes on trying.
func (w *World) endSessions(a *actor, reset bool) {
	a.front.route++
	for i := range w.clients {
		if c := &w.clients[i]; c.front == a.index {
			if c.session && w.traffic() {
				w.tellEnd(int32(i), c, reset)
			}
			c.session, c.holds = false, false
			if reset && !mutant.On(mutant.NoLinger) {
				c.kernel = c.kernel[:0]
			}
		}
	}
}

func (w *World) resetClients(s *Schedule) {
	w.clients = w.clients[:0]
	if s.Fronts == 0 {
		return
	}
	for i := range s.Clients {
		c := client{front: int32(s.Nodes + i%s.Fronts)}
		if i < cap(w.clients) {
			c.kernel = w.clients[:i+1][i].kernel[:0]
		}
		w.clients = append(w.clients, c)
		w.wakeClient(int32(i), w.clientR.between(0, time.Second))
	}
}

func (w *World) wakeClient(i int32, d time.Duration) {
	at := w.now + int64(d)
	w.clients[i].due = at
	w.agenda.push(occurrence{at: at, kind: clientWakes, slot: i, number: uint64(at)})
}

// clientWakes writes through the frontend: what the data path lets through is
// tagged and sent on.
func (w *World) clientWakes(o *occurrence) {
	c := &w.clients[o.slot]
	if c.due != int64(o.number) {
		return
	}
	w.wakeClient(o.slot, w.clientR.between(50*time.Millisecond, 700*time.Millisecond))
	w.clientWrites(o.slot, c)
}

// clientWrites sends a byte through the frontend, which looks at its clock
// before it connects, and before it writes.
func (w *World) clientWrites(i int32, c *client) {
	a := &w.actors[c.front]
	f := a.front
	if !a.up || a.paused > 0 {
		return
	}
	if !c.session {
		if !f.open || f.node < 0 || !w.mayForward(a) {
			if w.traffic() {
				w.tell(i, "refused, the port is closed")
			}
			return
		}
		n := w.actors[f.node].node
		if w.severed(c.front, f.node) || !n.mainUp {
			if w.traffic() {
				w.tell(i, "cannot connect to %s", w.actors[f.node].name)
			}
			return
		}
		c.session, c.route, c.node, c.tree, c.epoch = true, f.route, f.node, n.tree, f.epoch
	}
	if !w.mayForward(a) {
		return
	}
	w.forward(i, c)
}

// mayForward is the check in the data path, before every write (SPEC X4).
func (w *World) mayForward(a *actor) bool { return w.local(a) < a.front.until }

func (w *World) forward(i int32, c *client) {
	w.stats.Forwarded++
	b := write{i, c.node, c.tree, c.route, w.actors[c.front].gen, c.epoch}
	w.check.forwarded(w, &b)
	if w.severed(c.front, c.node) {
		if w.traffic() {
			w.tell(i, "writes to %s stay in the kernel's buffers", w.actors[c.node].name)
		}
		c.kernel = append(c.kernel, b)
		return
	}
	w.deliver(&b)
}

// severed reports whether a frontend and a node cannot reach each other.
func (w *World) severed(front, node int32) bool {
	return w.actors[front].isolated > 0 || w.actors[node].isolated > 0
}

// deliver is bytes leaving the frontend's machine.
func (w *World) deliver(b *write) {
	w.check.moved(w, b)
	w.at(w.transit(), occurrence{
		kind: bytesArrive, actor: b.node, slot: b.client, gen: b.tree, number: uint64(b.epoch),
	})
}

// flush is TCP sending on what it kept while the link was cut.
func (w *World) flush(c *client) {
	kept := c.kernel
	c.kernel = c.kernel[:0]
	for i := range kept {
		if b := kept[i]; w.severed(c.front, b.node) {
			c.kernel = append(c.kernel, b)
		} else {
			w.sometimes(KeptBytes)
			w.deliver(&b)
		}
	}
}

// bytesArrive: a child that takes writes applies them. A frozen one finds them
// in its sockets when it goes on.
func (w *World) bytesArrive(o *occurrence) {
	n := w.actors[o.actor].node
	if o.gen != n.tree || !n.accepts || !(n.mainUp || n.rest) {
		if w.traffic() && w.clients[o.slot].session {
			w.tell(o.slot, "writes to %s are not taken", w.actors[o.actor].name)
		}
		return
	}
	b := write{client: o.slot, node: o.actor, tree: o.gen, epoch: kv.Epoch(o.number)}
	if n.frozen > 0 {
		if w.traffic() && w.clients[o.slot].session {
			w.tell(o.slot, "writes wait in the sockets of %s, which is stopped", w.actors[o.actor].name)
		}
		n.parked = append(n.parked, b)
		return
	}
	w.apply(&b)
}

func (w *World) apply(b *write) {
	w.stats.Written++
	if c := &w.clients[b.client]; w.traffic() && c.session && c.node == b.node && c.epoch == b.epoch {
		w.tell(b.client, "writes are applied by %s, epoch %d", w.actors[b.node].name, b.epoch)
	}
	w.check.applied(w, b)
}
