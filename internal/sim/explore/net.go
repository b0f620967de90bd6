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
	numHits
)

var hitNames = [numHits]string{"", "lost", "unanswered", "late"}

// round serves a request at the instant of its sending, unless it is hit.
func (b *builder) round(actor int8, calls []call, e *fsm.Effect) {
	hit := hitNone
	if b.whom == actor && e.Kind != fsm.GrantLease && e.Kind != fsm.ListKeys {
		hit, b.did = b.hit, true
	}
	var r reply
	if hit == hitLost {
		r.ev = b.unknown(e.Kind, e.Op, b.s.now)
	} else {
		b.serve(actor, &r, e)
	}
	switch hit {
	case hitUnsaid:
		r.ev = b.unknown(e.Kind, e.Op, b.s.now)
	case hitLate:
		kept := r
		*place(calls) = call{state: executed, kind: e.Kind, op: e.Op, sent: b.s.now, reply: &kept}
		return
	}
	b.pushReply(actor, &r)
}

// unknown is a request whose time is over.
func (b *builder) unknown(k fsm.EffectKind, op fsm.Op, at fsm.Instant) fsm.Event {
	return fsm.Event{Kind: answers(k), Op: op, Sent: at, Outcome: kv.Unknown}
}

func answers(k fsm.EffectKind) fsm.EventKind {
	switch k {
	case fsm.GrantLease:
		return fsm.Granted
	case fsm.KeepAlive:
		return fsm.KeptAlive
	case fsm.RevokeLease:
		return fsm.Revoked
	case fsm.ListKeys:
		return fsm.Listed
	}
	return fsm.TxnDone
}

// serve executes a request that writes no key.
func (b *builder) serve(actor int8, r *reply, e *fsm.Effect) {
	s := b.s
	r.ev = fsm.Event{Kind: answers(e.Kind), Op: e.Op, Sent: s.now, Outcome: kv.OK, Header: b.header()}
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

// execute is etcd carrying out a call.
func (b *builder) execute(actor int8, c *call) {
	r := &reply{ev: fsm.Event{Kind: answers(c.kind), Op: c.op, Sent: c.sent, Outcome: kv.OK}}
	if c.kind == fsm.RevokeLease {
		if !b.revoke(c.lease) {
			r.ev.Outcome = kv.LeaseGone
		}
	} else {
		b.transact(c, r)
	}
	r.ev.Header = b.header()
	b.tell("etcd executes %v of %s: %v", c.kind, nodeNames[actor], verdict(r))
	if c.state == adrift {
		*c = call{}
		return
	}
	c.state, c.reply, c.txn = executed, r, nil
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

func (b *builder) transact(c *call, r *reply) {
	head := b.s.head()
	t := c.txn
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
	log := make([]*revision, 0, len(b.s.log)+1)
	b.s.log = append(append(log, b.s.log...), r)
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
