package explore

import (
	"msdha/internal/fsm/kv"
)

// node writes down one node, its leases and its keys.
func (c *canon) node(i int8) {
	s := c.s
	n := s.nodes[i]
	c.calls, c.watch = n.calls[:], n.watch
	c.Num(int64(boolBit(n.up)<<0 | boolBit(n.tree)<<1 | boolBit(n.asked)<<2 | boolBit(n.killing)<<3 |
		boolBit(n.news)<<4 | boolBit(n.stopped && n.hook != 0)<<5 | boolBit(n.confirmed && n.up)<<6 |
		boolBit(n.hook != 0)<<7 | int(n.paused)<<8))
	c.Epoch(n.role)
	if n.killing {
		c.Due(n.killBy)
	}
	if n.paused != nothing {
		c.Due(n.resumes)
	}
	if n.hook != 0 {
		c.Due(n.hookBy)
	}
	if n.up {
		n.m.Canon(c)
		n.guard.Canon(c)
		if c.scope.Grace > 0 {
			c.Due(n.kill)
		}
	}
	if s.budget[restarts] > 0 {
		c.Epoch(n.held.Epoch)
	}
	for k := range n.calls {
		c.call(&n.calls[k])
	}
	for k := range s.leases {
		if l := &s.leases[k]; l.id != 0 && l.owner == i {
			c.Lease(l.id)
			c.Due(l.expiry)
			c.Flag(l.doomed)
			c.Flag(l.ghost)
		}
	}
	c.Num(-7) // leases end, keys begin
	c.key(kv.NodeKey(nodeNames[i]))
	c.key(kv.NodeInfo(nodeNames[i]))
}

func boolBit(on bool) int {
	if on {
		return 1
	}
	return 0
}

// key writes down a key as the hindmost view has it; what happened since then
// follows with the revisions.
func (c *canon) key(k kv.Key) {
	if i, ok := find(c.s.log[0].items, k); ok {
		c.item(&c.s.log[0].items[i])
	} else {
		c.Num(-8)
	}
}

func (c *canon) item(it *kv.Item) {
	c.Num(int64(it.Key.Kind))
	c.Node(it.Key.Name)
	c.Flag(it.Present)
	if !it.Present {
		c.Rev(it.Mod)
		return
	}
	c.Rev(it.Create)
	c.Rev(it.Mod)
	c.Lease(it.Lease)
	c.record(&it.Record)
}

// record leaves out what the scope's records have in common: addresses, TTLs,
// versions.
func (c *canon) record(r *kv.Record) {
	c.Text(r.State)
	if r.Node != "" {
		c.Node(r.Node)
		c.Lease(r.Incarnation)
		c.Epoch(r.Epoch)
		c.Flag(r.Released)
	}
}

func (c *canon) call(k *call) {
	c.Num(int64(k.state))
	if k.state == free {
		return
	}
	c.Num(int64(k.kind))
	c.Flag(k.sent < c.s.now && k.state == executed)
	c.Lease(k.lease)
	if k.txn != nil {
		c.txn(k.txn)
	}
	if r := k.reply; r != nil {
		c.Num(int64(r.ev.Outcome))
		c.Flag(r.res.Succeeded)
		for i := range r.res.Items {
			if it := &r.res.Items[i]; it.Key.Kind != kv.KindNone {
				c.item(it)
			}
		}
	}
}

func (c *canon) txn(t *kv.Txn) {
	for i := range t.If[:t.NIf] {
		f := &t.If[i]
		c.Num(int64(f.Target))
		c.Num(int64(f.Key.Kind))
		c.Node(f.Key.Name)
		c.Rev(f.Rev)
		c.Lease(f.Lease)
	}
	for i := range t.Then[:t.NThen] {
		op := &t.Then[i]
		if unseen(op.Key.Kind) {
			continue
		}
		c.Num(int64(op.Kind))
		c.Num(int64(op.Key.Kind))
		c.Node(op.Key.Name)
		c.Lease(op.Lease)
		c.record(&op.Record)
	}
}

// group writes down the rest: etcd, the frontend, budgets, reigns.
func (c *canon) group() {
	s := c.s
	for _, k := range [...]kv.Key{kv.Master, kv.EpochKey, kv.Initialized} {
		c.key(k)
	}
	for _, r := range s.log[1:] {
		c.Num(int64(len(r.changed)))
		for i := range r.changed {
			c.item(&r.changed[i])
		}
	}
	for _, n := range s.budget {
		c.Num(int64(n))
	}
	c.Flag(s.deleted)
	routed := kv.Epoch(0)
	if f := s.front; f != nil {
		c.front(f)
		routed = f.epoch
	}
	for k := range s.reigns {
		r := &s.reigns[k]
		if r.epoch == 0 || r.epoch < routed && k < maxReigns-1 && s.over(r) {
			continue
		}
		c.Epoch(r.epoch)
		c.owner(r.owner)
		c.Lease(r.lease)
		c.Flag(r.released)
		c.Flag(r.hooked)
		if c.Flag(r.ended); r.ended {
			c.Until(r.deleted, 2*ttl)
		}
	}
}

// over reports whether a reign can violate nothing any more, but S7.
func (s *state) over(r *reign) bool {
	return s.nodes[r.owner].role != r.epoch && (r.released || r.ended && s.now >= r.deleted.Add(2*ttl))
}

func (c *canon) front(f *front) {
	c.calls, c.watch = f.calls[:], f.watch
	f.g.Canon(c)
	for k := range f.calls {
		c.call(&f.calls[k])
	}
	c.Epoch(f.epoch)
	c.Flag(f.open)
	c.Flag(f.paused)
	if f.open {
		c.Due(f.until)
	}
	if f.paused {
		c.Due(f.resumes)
	}
}
