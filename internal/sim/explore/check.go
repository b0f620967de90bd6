package explore

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// wrote holds a revision that was just written against S1, S2, S4 and S14, and
// keeps the ends of reigns.
func (b *builder) wrote(r *revision) {
	s := b.s
	was, m := s.log[len(s.log)-2].get(kv.Master), r.get(kv.Master)
	e := r.get(kv.EpochKey)
	if was.Present && (!m.Present || m.Create != was.Create) {
		b.vacated(&was)
	}
	if m.Present && m.Create == r.n {
		b.claimed(r, &m)
	}
	if e.Present && e.Lease != 0 {
		b.fail("S1", "_epoch is on lease %v", e.Lease)
	}
	if l := s.reignOf(e.Record.Epoch, e.Record.Incarnation); e.Record.Released && l != nil && !l.released {
		l.released = true
		if n := s.nodes[l.owner]; n.tree {
			b.fail("S14", "epoch %d was released while processes of %s live", l.epoch, nodeNames[l.owner])
		}
	}
}

// claimed: a new _master is S1 and S2.
func (b *builder) claimed(r *revision, m *kv.Item) {
	s := b.s
	i := indexOf(m.Record.Node)
	if own := r.get(kv.NodeKey(m.Record.Node)); m.Lease == 0 || m.Lease != own.Lease || i < 0 {
		b.fail("S1", "_master of %s is on lease %v, its node key on %v", m.Record.Node, m.Lease, own.Lease)
	}
	if last := s.lastReign(); m.Record.Epoch <= last.epoch {
		b.fail("S2", "epoch %d of %s is not above %d", m.Record.Epoch, m.Record.Node, last.epoch)
	}
	copy(s.reigns[:], s.reigns[1:])
	*s.lastReign() = reign{epoch: m.Record.Epoch, owner: max(i, 0), lease: m.Record.Incarnation}
	b.tell("%s is master of epoch %d", m.Record.Node, m.Record.Epoch)
}

// vacated: _master is gone, for whatever reason.
func (b *builder) vacated(was *kv.Item) {
	b.tell("_master of %s is gone", was.Record.Node)
	r := b.s.reignOf(was.Record.Epoch, was.Record.Incarnation)
	if r == nil {
		return
	}
	r.ended, r.deleted = true, b.s.now
	b.deadline(r)
}

// deadline is S4: D is at most T after _master was gone, whatever the cause.
func (b *builder) deadline(r *reign) {
	n := b.s.nodes[r.owner]
	if !r.ended || !n.up || n.m.Backend.Lease() != r.lease || n.m.Backend.Epoch() != r.epoch {
		return
	}
	d := n.m.Backend.Authority()
	if !n.m.Backend.Reigning() && n.role == 0 || d == fsm.Never {
		return
	}
	if over := d.Sub(r.deleted.Add(ttl)); over > 0 {
		b.fail("S4", "D of epoch %d is %v later than T after _master was gone", r.epoch, over)
	}
}

func (b *builder) beforeStep(n *node, ev *fsm.Event) {
	if ev.Kind != fsm.TxnDone || ev.Outcome != kv.OK {
		return
	}
	m := &ev.Result.Items[0]
	if m.Present && m.Key == kv.Master && m.Lease == n.m.Backend.Lease() {
		n.confirmed = true
	}
}

const leaving = 1<<fsm.Fenced | 1<<fsm.Releasing | 1<<fsm.Exited

// afterStep holds one Step of a backend against the properties.
func (b *builder) afterStep(i int8, n *node, before *fsm.Backend, ev *fsm.Event) {
	now := b.s.now
	own := &n.m.Backend
	if s := b.out.Stray; s[0] != "" {
		b.fail("S17", "%s: in %s there came %q, which cannot be", nodeNames[i], s[0], s[1])
		b.out.Stray = [2]string{}
	}
	if b.stale(before, ev) && before.Next() > now && *own != *before {
		b.fail("S17", "%s: a reply that came too late changed the state", nodeNames[i])
	}
	if next := n.m.Next(); next <= now {
		b.fail("S21", "%s in %s wants to be woken %v ago", nodeNames[i], own.PhaseName(), now.Sub(next))
	}
	if n.role != 0 && own.Phase() < fsm.Promoting {
		b.fail("S12", "%s was master and is in %s again", nodeNames[i], own.PhaseName())
	}
	if own.Believes(now) && !b.s.deleted {
		if l := b.s.leaseOf(own.Lease()); l == nil || own.Authority() > l.expiry && !l.ghost {
			b.fail("S3", "%s believes for longer than its lease lives", nodeNames[i])
		}
	}
	for k := range b.s.reigns {
		if r := &b.s.reigns[k]; r.ended && r.owner == i {
			b.deadline(r)
		}
	}
}

// checkEffect holds one effect of a backend against the properties.
func (b *builder) checkEffect(i int8, n *node, before *fsm.Backend, e *fsm.Effect) {
	now := b.s.now
	over := leaving&(1<<before.Phase()) != 0 || before.Phase() >= fsm.PreStart && before.Authority() <= now
	switch e.Kind {
	case fsm.Release, fsm.RevokeLease:
		if n.tree {
			b.fail("S14", "%s: %v while its processes live", nodeNames[i], e.Kind)
		}
	case fsm.KeepAlive, fsm.Check, fsm.Publish, fsm.Claim, fsm.Bootstrap, fsm.Register:
		if over {
			b.fail("S14", "%s: %v in %s", nodeNames[i], e.Kind, n.m.Backend.PhaseName())
		}
	case fsm.RunHook, fsm.StartChild:
		if n.hook != 0 {
			b.fail("S11", "%s starts %v while its master hook runs", nodeNames[i], e.Hook)
		}
	}
	if before.Phase() == fsm.Exited {
		b.fail("S17", "%s has exited and asks for %v", nodeNames[i], e.Kind)
	}
	if e.Kind != fsm.Claim {
		return
	}
	ready, believes := before.Published() == fsm.StateReady, before.Believes(now)
	if !ready || !believes || n.watch == 0 || before.Phase() == fsm.Draining {
		b.fail("S13", "%s claims: ready %v, believing %v, watching %v", nodeNames[i], ready, believes, n.watch != 0)
	}
}

// masterHook is S5, S6, S13 and S18 at the instant from which everybody relies
// on the earlier reigns being over.
func (b *builder) masterHook(i int8, n *node, e *fsm.Effect) {
	s, epoch := b.s, e.Env.Epoch
	if !n.m.Backend.Believes(s.now) {
		b.fail("S13", "%s starts its master hook without authority", nodeNames[i])
	}
	own := s.reignOf(epoch, n.m.Backend.Lease())
	if own == nil || !n.confirmed {
		b.fail("S18", "%s starts its master hook, _master given %v, seen %v", nodeNames[i], own != nil, n.confirmed)
	} else {
		own.hooked = true
	}
	n.role = epoch
	b.tell("%s starts its master hook, epoch %d", nodeNames[i], epoch)
	for k := range s.reigns {
		r := &s.reigns[k]
		if r.epoch == 0 || r == own || r.released {
			continue
		}
		if !r.ended || s.now < r.deleted.Add(2*ttl) {
			b.fail("S5", "the hook of epoch %d starts %v after the end of epoch %d, want at least %v",
				epoch, s.now.Sub(r.deleted), r.epoch, 2*ttl)
		}
	}
	for k, o := range s.nodes[:b.scope.Nodes] {
		if int8(k) != i && o.tree && o.role != 0 && o.role < epoch {
			b.fail("S6", "the hook of epoch %d starts while processes of epoch %d live on %s",
				epoch, o.role, nodeNames[k])
		}
	}
}

// routes is S9.
func (b *builder) routes(f *front, e *fsm.Effect) {
	if e.Epoch < f.epoch {
		b.fail("S9", "%s goes back from epoch %d to %d", frontName, f.epoch, e.Epoch)
	}
	for k := range b.s.reigns {
		if r := &b.s.reigns[k]; r.epoch == e.Epoch && nodeNames[r.owner] == e.Node {
			return
		}
	}
	b.fail("S9", "%s routes to %s, which never held epoch %d", frontName, e.Node, e.Epoch)
}

// forwards is S7: whether a frontend would forward to an epoch that a later
// master hook relies on being over. After releases nobody waits (SPEC E12).
func (b *builder) forwards() {
	s := b.s
	f := s.front
	if f == nil || f.paused || !f.open || s.now >= f.until {
		return
	}
	waited := false
	for k := range s.reigns {
		r := &s.reigns[k]
		if r.epoch > f.epoch && r.hooked && waited {
			b.fail("S7", "%s may forward to epoch %d, and the hook of epoch %d has started",
				frontName, f.epoch, r.epoch)
		}
		if r.epoch >= f.epoch && !r.released {
			waited = true
		}
	}
}

// stale reports whether an event is a reply that no request waits for.
func (b *builder) stale(before *fsm.Backend, ev *fsm.Event) bool {
	switch ev.Kind {
	case fsm.KeptAlive, fsm.TxnDone, fsm.Granted, fsm.Revoked:
		return !before.Awaits(ev.Op)
	}
	return false
}
