package explore

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// apply makes into the state after the action.
func (b *builder) apply(from *state, a action, into *state) {
	b.begin(from, into)
	if f := costs[a.kind]; f < numFaults {
		b.s.budget[f]--
	}
	b.perform(a)
	b.settle()
	b.forwards()
	b.forgetAdrift()
	b.trim()
}

func (b *builder) ownCalls(i int8) []call {
	if i == front0 {
		return b.front().calls[:]
	}
	return b.node(i).calls[:]
}

func (b *builder) perform(a action) {
	s := b.s
	switch a.kind {
	case tick:
		b.tickAll()
	case execute:
		b.execute(a.actor, a.arg)
	case delay, answer, mute:
		b.reply(a)
	case pauseAgent, pauseAll:
		b.pause(a)
	case crash:
		b.crash(a.actor)
	case restart:
		b.startNode(a.actor)
	case stop:
		b.input(a.actor, fsm.Event{Kind: fsm.StopRequested})
		b.catchUp(a.actor)
	case expire, expireSlow:
		b.expire(a)
	case elect:
		for i := range s.leases {
			if l := &s.leases[i]; l.id != 0 && !l.ghost {
				l.doomed = l.doomed || l.expiry <= s.now
				l.expiry = s.now.Add(ttl + election)
			}
		}
	case deleteMaster:
		b.delete(kv.Master)
	case deleteNode:
		b.delete(kv.NodeKey(nodeNames[a.actor]))
	}
}

func (b *builder) delete(k kv.Key) {
	b.s.deleted = true
	b.write(b.s.head().after([]kv.Op{{Kind: kv.OpDelete, Key: k}}))
	b.spread(-1)
}

// expire is the revocation of a lease being carried out.
func (b *builder) expire(a action) {
	l := &b.s.leases[a.arg]
	if a.kind == expire {
		if l.ghost {
			*l = lease{}
			return
		}
		b.revoke(l.id)
		b.spread(-1)
		return
	}
	b.s.deleted = true
	l.ghost, l.doomed = true, false
	b.write(b.s.head().without(l.id))
	b.spread(-1)
}

func (b *builder) pause(a action) {
	// It begins just before the next tick, in which nothing is late yet.
	until := b.s.now.Add(b.scope.in(int(a.arg) + 1))
	if a.actor == front0 {
		f := b.front()
		f.paused, f.resumes = true, until
		return
	}
	n := b.node(a.actor)
	n.resumes = until
	if n.paused = container; a.kind == pauseAgent {
		n.paused = agentOnly
	}
}

// reply ends a call for its sender.
func (b *builder) reply(a action) {
	c := &b.ownCalls(a.actor)[a.arg]
	was := *c
	r := was.reply
	if a.kind != answer {
		r = &reply{ev: b.unknown(was.kind, was.op, was.sent)}
		b.tell("%s is told that the outcome of %v is unknown", actorName(a.actor), was.kind)
	}
	if a.kind == delay {
		c.state = adrift
	} else {
		*c = call{}
	}
	if a.actor != front0 && b.s.nodes[a.actor].paused != nothing {
		*place(b.ownCalls(a.actor)) = call{
			state: executed, kind: was.kind, op: was.op, sent: was.sent, reply: r,
		}
		return
	}
	b.pushReply(a.actor, r)
	b.settle()
	b.catchUp(a.actor)
}

// spread lets the watches of those that had seen everything bring what was just
// written, or not yet: the others get it when they next do something.
func (b *builder) spread(except int8) {
	if b.written == 0 {
		return
	}
	for i := range int8(b.scope.Nodes) {
		if i != except && b.unseen(i) == 1 && b.choices.pick(2) == 1 {
			b.deliver(i)
		}
	}
	if b.scope.Eager > 0 && b.unseen(front0) == 1 && b.choices.pick(2) == 1 {
		b.deliver(front0)
	}
}

// unseen is how many revisions an actor's watch has still to bring; 0 while
// nobody is there to see them.
func (b *builder) unseen(i int8) int {
	s := b.s
	var at kv.Revision
	if i == front0 {
		if s.front == nil || s.front.watch == 0 || s.front.paused {
			return 0
		}
		at = s.front.g.View.Rev()
	} else {
		n := s.nodes[i]
		if !n.up || n.watch == 0 || n.paused != nothing {
			return 0
		}
		at = n.m.View.Rev()
	}
	return int(s.head().n - at)
}

// catchUp lets an actor's watch bring what it has still to bring, or a part.
func (b *builder) catchUp(i int8) {
	for range b.choices.pick(b.unseen(i) + 1) {
		if b.unseen(i) > 0 {
			b.deliver(i)
		}
	}
}

// catchUpAtTick does the same when time moves on: only so many may stay behind as
// the scope allows.
func (b *builder) catchUpAtTick(i int8) {
	if b.behind < b.scope.Lag {
		b.catchUp(i)
	}
	for b.behind == b.scope.Lag && b.unseen(i) > 0 {
		b.deliver(i)
	}
	if b.unseen(i) > 0 {
		b.behind++
	}
}

// deliver brings the next revision to a view.
func (b *builder) deliver(actor int8) {
	var at kv.Revision
	ev := fsm.Event{Kind: fsm.Watched, Outcome: kv.OK, Header: b.header()}
	if actor == front0 {
		at, ev.Op = b.s.front.g.View.Rev(), b.s.front.watch
	} else {
		at, ev.Op = b.s.nodes[actor].m.View.Rev(), b.s.nodes[actor].watch
	}
	for _, r := range b.s.log {
		if r.n > at {
			ev.Items = r.changed
			break
		}
	}
	b.tell("%s learns of revision %d", actorName(actor), ev.Items[0].Mod)
	b.input(actor, ev)
}

// trim forgets the revisions that every view has left behind.
func (b *builder) trim() {
	s := b.s
	oldest := s.head().n
	for _, n := range s.nodes[:b.scope.Nodes] {
		if n.up && n.watch != 0 {
			oldest = min(oldest, n.m.View.Rev())
		}
	}
	if s.front != nil && s.front.watch != 0 {
		oldest = min(oldest, s.front.g.View.Rev())
	}
	for len(s.log) > 1 && s.log[0].n < oldest {
		s.log = s.log[1:]
	}
}

// forgetAdrift drops calls that may arrive later but can change nothing any more:
// no revision comes twice, so a condition on one that does not hold never will.
func (b *builder) forgetAdrift() {
	for i, n := range b.s.nodes[:b.scope.Nodes] {
		for k := range n.calls {
			if c := &n.calls[k]; c.state == adrift && c.txn != nil && b.s.head().never(c.txn) {
				b.node(int8(i)).calls[k] = call{}
			}
		}
	}
}
