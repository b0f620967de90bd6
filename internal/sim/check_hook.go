package sim

import (
	"time"

	"msdha/internal/fsm"
)

// hook is S11: in order, one at a time, once in a life, none after a failure.
func (c *checker) hook(_ *World, a *actor, e *fsm.Effect) {
	m := &a.node.mem
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

// masterTTL is S22: a reign ends when its time is over, if anybody can follow.
func (c *checker) masterTTL(w *World, a *actor, now fsm.Instant) {
	ttl, b := w.sched.MasterTTL, &a.member.Backend
	if ttl == 0 || b.Phase() != fsm.Reigning || c.beforePhase != fsm.Reigning {
		return
	}
	if now.Sub(a.node.mem.won) > ttl && a.member.View.Facts().ReadyOthers > 0 {
		c.fail("S22", a, "%s still reigns %v after its hook started", a.name, now.Sub(a.node.mem.won))
	}
}
