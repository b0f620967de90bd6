package explore

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// netFault is what befalls a round of renewal, or a frontend's reading.
type netFault uint8

const (
	hitNone   netFault = iota
	hitLost            // the requests never arrive
	hitUnsaid          // they are executed, the replies are lost
	hitLate            // the replies come later in the same tick
)

var hitNames = [...]string{"", "it never arrives", "its reply is lost", "its reply is late"}

// hit chooses what befalls a round. A late reply matters to those only who may
// do something else meanwhile.
func (b *builder) hit(kinds int) netFault {
	if b.s.budget[drops] == 0 {
		return hitNone
	}
	f := netFault(b.choices.pick(kinds))
	if f != hitNone {
		b.s.budget[drops]--
	}
	return f
}

// promptly serves a request that no fault meets.
func (b *builder) promptly(actor int8, e *fsm.Effect) {
	b.fate = hitNone
	b.round(actor, nil, e)
}

// round serves a request at the instant of its sending, unless it is hit.
func (b *builder) round(actor int8, calls []call, e *fsm.Effect) {
	b.push(actor, b.unknown(e.Kind, e.Op, b.s.now))
	in := &b.queue[b.queued-1]
	if b.fate != hitLost {
		b.serve(actor, in, e)
	}
	if b.fate != hitNone {
		b.tell("%v of %s: %s", e.Kind, actorName(actor), hitNames[b.fate])
	}
	switch b.fate {
	case hitUnsaid:
		in.ev = b.unknown(e.Kind, e.Op, b.s.now)
	case hitLate:
		b.queued--
		late := &reply{ev: in.ev}
		if in.ev.Kind == fsm.TxnDone {
			late.res = in.res
		}
		*place(calls) = call{state: executed, kind: e.Kind, op: e.Op, sent: b.s.now, reply: late}
	}
}

// unknown is a request whose time is over.
func (b *builder) unknown(k fsm.EffectKind, op fsm.Op, at fsm.Instant) fsm.Event {
	return fsm.Event{Kind: k.Answer(), Op: op, Sent: at, Outcome: kv.Unknown}
}

// serve executes a request that writes no key.
func (b *builder) serve(actor int8, r *input, e *fsm.Effect) {
	s := b.s
	r.ev = fsm.Event{Kind: e.Kind.Answer(), Op: e.Op, Sent: s.now, Outcome: kv.OK, Header: b.header()}
	switch e.Kind {
	case fsm.GrantLease:
		r.ev.Lease, r.ev.TTL = b.grant(actor), ttl
	case fsm.KeepAlive:
		r.ev.TTL = ttl
		switch l := s.leaseOf(e.Lease); {
		case l == nil:
			r.ev.Outcome = kv.LeaseGone
		case l.ghost:
		case l.expiry <= s.now: // etcd answers after the revocation only
			r.ev = b.unknown(e.Kind, e.Op, s.now)
		default:
			l.expiry = s.now.Add(ttl)
		}
	case fsm.ListKeys:
		r.ev.Items = s.head().items
	default:
		b.read(&b.out.Txns[e.Txn], &r.res)
		r.ev.Result = &r.res
	}
}

func (b *builder) grant(owner int8) kv.LeaseID {
	b.s.last++
	for i := range b.s.leases {
		if l := &b.s.leases[i]; l.id == 0 {
			*l = lease{id: b.s.last, owner: owner, expiry: b.s.now.Add(ttl)}
			return l.id
		}
	}
	panic("cannot grant another lease: the state has no place for it")
}

func (b *builder) read(t *kv.Txn, r *kv.Result) {
	head := b.s.head()
	*r = kv.Result{Succeeded: head.holds(t)}
	for i, k := range t.Read[:t.NRead] {
		r.Items[i] = head.get(k)
	}
}

// place is a free place for a call. A round has two requests, there is one
// other, and what is adrift costs the budget.
func place(calls []call) *call {
	for i := range calls {
		if calls[i].state == free {
			return &calls[i]
		}
	}
	panic("cannot send another request: the state has no place for it")
}

// send puts a request that matters on its way.
func (b *builder) send(i int8, calls []call, e *fsm.Effect) {
	if e.Op == 0 { // a planted bug sends without waiting for a reply
		b.revoke(e.Lease)
		return
	}
	c := place(calls)
	*c = call{state: sent, kind: e.Kind, op: e.Op, sent: b.s.now, lease: e.Lease}
	if e.Kind.IsTxn() {
		c.txn = new(kv.Txn)
		*c.txn = b.out.Txns[e.Txn]
	}
	b.tell("%s sends %v", nodeNames[i], e.Kind)
}

// execute is etcd carrying out a call. Its reply comes at once, or once the
// sender's view has shown what it did; everything later is a fault.
func (b *builder) execute(actor int8, k uint8) {
	c := &b.node(actor).calls[k]
	was := *c
	r := &reply{ev: fsm.Event{Kind: was.kind.Answer(), Op: was.op, Sent: was.sent, Outcome: kv.OK}}
	c.state, c.reply, c.txn = executed, r, nil
	if was.state == adrift {
		*c = call{}
	}
	if was.kind == fsm.RevokeLease {
		if !b.revoke(was.lease) {
			r.ev.Outcome = kv.LeaseGone
		}
	} else {
		b.transact(was.txn, r)
	}
	r.ev.Header = b.header()
	b.tell("etcd executes %v of %s: %v", was.kind, nodeNames[actor], verdict(r))
	n := b.s.nodes[actor]
	if was.state == adrift {
		b.spread(-1)
		return
	}
	if n.paused != nothing {
		b.spread(actor)
		return
	}
	b.spread(actor)
	b.answered(actor, k)
}

// answered lets the reply to a call that was just executed arrive: at once, or
// after the watch has brought what it wrote, or, at a price, later than that.
func (b *builder) answered(actor int8, k uint8) {
	n := b.node(actor)
	own := b.written == b.s.head().n && n.watch != 0 && n.m.View.Rev()+1 == b.written
	late := b.s.budget[drops] > 0
	switch way := b.choices.pick(1 + boolBit(own) + boolBit(late)); {
	case way == 0:
	case own && way == 1:
		b.deliver(actor)
	default:
		b.s.budget[drops]--
		b.tell("the reply is late")
		return
	}
	r := n.calls[k].reply
	n.calls[k] = call{}
	b.pushReply(actor, r)
	b.settle()
	b.catchUp(actor)
}

func verdict(r *reply) string {
	switch {
	case r.ev.Outcome != kv.OK:
		return r.ev.Outcome.String()
	case r.ev.Kind == fsm.TxnDone && !r.res.Succeeded:
		return "its conditions do not hold"
	}
	return "done"
}

func (b *builder) transact(t *kv.Txn, r *reply) {
	head := b.s.head()
	if head.holds(t) {
		for i := range t.Then[:t.NThen] {
			if l := t.Then[i].Lease; t.Then[i].Kind == kv.OpPut && l != 0 {
				if at := b.s.leaseOf(l); at == nil || at.ghost {
					r.ev.Outcome = kv.LeaseGone
					return
				}
			}
		}
		b.write(head.after(t.Then[:t.NThen]))
		r.res.Succeeded = true
	}
	head = b.s.head()
	for i, k := range t.Read[:t.NRead] {
		r.res.Items[i] = head.get(k)
	}
}

// write makes a revision the newest.
func (b *builder) write(r *revision) {
	if r == b.s.head() {
		return
	}
	if b.same != nil {
		r = b.same(b.s.head(), r)
	}
	log := make([]*revision, 0, len(b.s.log)+1)
	b.s.log = append(append(log, b.s.log...), r)
	b.written = r.n
	b.wrote(r)
}

// revoke ends a lease and its keys. It reports whether there was one.
func (b *builder) revoke(id kv.LeaseID) bool {
	l := b.s.leaseOf(id)
	if l == nil || l.ghost {
		return false
	}
	*l = lease{}
	b.write(b.s.head().without(id))
	return true
}
