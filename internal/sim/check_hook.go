package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// hook is S11: in order, one at a time, once in a life, none after a failure.
func (c *checker) hook(a *actor, e *fsm.Effect) {
	m := &a.node.mem
	if c.beside(a, e); e.Hook >= fsm.HookDetach {
		return
	}
	switch {
	case a.node.hook != 0:
		c.fail("S11", a, "%s starts %v while %v runs", a.name, e.Hook, a.node.hook)
	case m.failed:
		c.fail("S11", a, "%s starts %v after a hook failed", a.name, e.Hook)
	}
	if e.Hook == fsm.HookData {
		return // it decides nothing and runs again after pre_start
	}
	if m.hooks&(1<<e.Hook) != 0 || e.Hook < m.lastHook {
		c.fail("S11", a, "%s starts %v after %v", a.name, e.Hook, m.lastHook)
	}
	m.hooks |= 1 << e.Hook
	m.lastHook = e.Hook
}

// beside is S11 for the hooks of the lane, which never overlap each other, nor a
// promotion (SPEC H3), and for the monitor.
func (c *checker) beside(a *actor, e *fsm.Effect) {
	n := a.node
	switch e.Hook {
	case fsm.HookMonitor:
		if n.probe.op != 0 {
			c.fail("S11", a, "%s starts %v while it runs", a.name, e.Hook)
		}
	case fsm.HookMaster, fsm.HookDetach, fsm.HookPosition, fsm.HookFollow, fsm.HookMembers, fsm.HookFence:
		if n.lane.op != 0 {
			c.fail("S11", a, "%s starts %v while %v runs", a.name, e.Hook, n.lane.hook)
		}
	}
}

// runs is S11, too: a hook that takes longer than its limit is ended by then.
func (c *checker) runs(a *actor, h fsm.Hook, d time.Duration) {
	if limit := a.node.cfg.HookTimeout[h]; limit > 0 && d > limit {
		c.fail("S11", a, "%s: %v runs for %v, its limit is %v", a.name, h, d, limit)
	}
}

// stateOrder is where a published state stands in a life.
func stateOrder(s fsm.State) int {
	for i, t := range [...]fsm.State{
		fsm.StatePreStart, fsm.StateStart, fsm.StateNotReady, fsm.StateReady, fsm.StateMaster,
		fsm.StateStopping,
	} {
		if s == t {
			return i
		}
	}
	return -1
}

// published is S12: states only go forward.
func (c *checker) published(w *World, a *actor, e *fsm.Effect) {
	m := &a.node.mem
	s := fsm.State(w.out.Txns[e.Txn].Then[0].Record.State)
	if o := stateOrder(s); o < m.order {
		c.fail("S12", a, "%s goes back to %s", a.name, s)
	} else {
		m.order = o
	}
}

// masterHook is S4, S5, S6, S13 and S18 at the instant from which everybody
// relies on the earlier reigns being over.
func (c *checker) masterHook(w *World, a *actor, e *fsm.Effect, now fsm.Instant) {
	b, m := &a.member.Backend, &a.node.mem
	if !b.Believes(now) {
		c.fail("S13", a, "%s starts its master hook without authority", a.name)
	}
	c.deadlineOf(w, a)
	c.clear(a, e.Env.Epoch)
	own := c.waited(w, a, e)
	if own == nil || !m.confirmed {
		c.fail("S18", a, "%s starts its master hook, _master given %v, seen %v", a.name, own != nil, m.confirmed)
	}
	m.won, m.reigned = now, true
	w.provoke(1)
	for i := range w.actors[:w.nodes] {
		other := &w.actors[i]
		n := other.node
		if n == a.node || n.role == 0 || n.role >= e.Env.Epoch || !n.treeAlive() {
			continue
		}
		if who := culprit("S6", a, other); !c.excused("S6", who) {
			c.fail("S6", who, "the hook of epoch %d starts while processes of epoch %d live on %s",
				e.Env.Epoch, n.role, other.name)
		}
	}
}

// waited is S5. It returns the reign whose hook is starting, if there is one.
func (c *checker) waited(w *World, a *actor, e *fsm.Effect) *reign {
	var own, last *reign
	for i := range c.reigns {
		r := &c.reigns[i]
		switch {
		case r.lease == a.member.Backend.Lease() && r.epoch == e.Env.Epoch:
			r.hook, own = w.now, r
			c.promptly(w, last)
			c.rivalWaited(w, a)
			if last != nil && last.released {
				w.sometimes(HandedOver)
			} else if last != nil {
				w.sometimes(FailedOver)
			}
		case !r.released && w.now < r.deleted+2*int64(max(r.ttl, r.granted)) && !c.excused("S5", a):
			c.fail("S5", a, "the hook of epoch %d starts %v after the end of epoch %d, want at least %v",
				e.Env.Epoch, time.Duration(w.now-min(r.deleted, w.now)), r.epoch, 2*max(r.ttl, r.granted))
		}
		last = r
	}
	return own
}

// rivalWaited is K3: whoever reigned by other rules had a key that said master, and may
// outlive it as long as one of ours would. Nobody knows the T of such a one; the
// group's own counts. It leaves no trace in etcd: who has not seen it, because it
// came later or its view was behind all the time, cannot know.
func (c *checker) rivalWaited(w *World, a *actor) {
	gone := a.node.mem.rivalGone
	if took := time.Duration(w.now - gone); gone != 0 && took < 2*a.node.mem.granted {
		c.fail("K3", a, "a hook starts %v after somebody else's key that said master was gone, want at least %v",
			took, 2*a.node.mem.granted)
	}
}

// rivals notes whom a view shows. Who reigned since by our rules has not waited
// for one that it had not seen, and who follows need not either.
func (c *checker) rivals(a *actor) {
	m, f := &a.node.mem, a.member.View.Facts()
	switch {
	case f.Master.Present:
		m.rivalGone = 0
	case m.rival && !f.Rival:
		m.rivalGone = c.rivalGone
	}
	m.rival = f.Rival
}

// needed is Q (SPEC E7), where nothing is known of who has all the data.
func needed(w *World, f *fsm.ConfigFact) int {
	if f.Present && f.K > 0 {
		return f.Count - f.K
	}
	return max(1, w.sched.Quorum)
}

// masterTTL is S22: a reign ends when its time is over, if anybody can follow.
func (c *checker) masterTTL(w *World, a *actor, now fsm.Instant) {
	ttl, b := w.sched.MasterTTL, &a.member.Backend
	if ttl == 0 || b.Phase() != fsm.Reigning || c.beforePhase != fsm.Reigning {
		return
	}
	f := a.member.View.Facts()
	if f.Control.Request == kv.RequestPause {
		return // (SPEC E8)
	}
	if now.Sub(a.node.mem.won) > ttl && f.ReadyOthers >= needed(w, &f.Config) {
		c.fail("S22", a, "%s still reigns %v after its hook started", a.name, now.Sub(a.node.mem.won))
	}
}
