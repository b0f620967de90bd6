package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// routes is S9, at the Route effect: never back, and only to a node that held
// that epoch.
func (c *checker) routes(w *World, a *actor, e *fsm.Effect) {
	c.now = w.now
	if e.Epoch < a.front.epoch {
		c.fail("S9", a, "%s goes back from epoch %d to %d", a.name, a.front.epoch, e.Epoch)
	}
	for i := range c.reigns {
		if r := &c.reigns[i]; r.epoch == e.Epoch && w.actors[r.node].key == e.Node {
			return
		}
	}
	c.fail("S9", a, "%s routes to %s, which never held epoch %d", a.name, e.Node, e.Epoch)
}

// opened is S9, too: only a read that has just shown the route opens the port.
func (c *checker) opened(w *World, a *actor, e *fsm.Effect) {
	if ev := &w.ev; ev.Kind == fsm.TxnDone && ev.Outcome == kv.OK {
		if it := &ev.Result.Items[0]; it.Present && it.Key == kv.Master && it.Record.Epoch == e.Epoch {
			return
		}
	}
	if !c.excused("S9", a) {
		c.fail("S9", a, "%s opens its port for epoch %d and has not read that it reigns", a.name, e.Epoch)
	}
}

// allowed is the sharper half of S7, as S4 is of S6: F is at most T after
// _master was gone. r is the reign that ended, or nil for the one routed to.
func (c *checker) allowed(w *World, a *actor, r *reign) {
	if !a.up {
		return
	}
	_, epoch, ok := a.gateway.Frontend.Routed()
	for i := range c.reigns {
		if e := &c.reigns[i]; r == nil && e.epoch == epoch {
			r = e
		}
	}
	if !ok || r == nil || r.epoch != epoch || r.deleted == forever {
		return
	}
	if over := a.clock.true(a.front.until) - r.deleted - int64(r.ttl); over > 0 && !c.excused("S7", a) {
		c.fail("S7", a, "F of epoch %d is %v later than T after _master was gone", epoch, time.Duration(over))
	}
}

// outlived returns the first reign after epoch whose master hook has started,
// provided that somebody waited in between: after a release nobody does, and a
// frontend that is cut off may lag behind (SPEC E12).
func (c *checker) outlived(epoch kv.Epoch, now int64) *reign {
	waited := false
	for i := range c.reigns {
		r := &c.reigns[i]
		if r.epoch > epoch && r.hook < now && waited {
			return r
		}
		if r.epoch >= epoch && !r.released {
			waited = true
		}
	}
	return nil
}

// forwarded is S7: a frontend writes on a session.
func (c *checker) forwarded(w *World, b *write) {
	c.now = w.now
	if r := c.outlived(b.epoch, w.now); r != nil {
		who := culprit("S7", &w.actors[r.node], &w.actors[w.clients[b.client].front])
		if c.excused("S7", who) {
			return
		}
		c.fail("S7", who, "a frontend forwards to epoch %d, %v after the hook of epoch %d started",
			b.epoch, time.Duration(w.now-r.hook), r.epoch)
	}
}

// moved is S10: bytes leave a frontend's machine. Those that a dead process
// left to its kernel are beyond anybody's reach.
func (c *checker) moved(w *World, b *write) {
	c.now = w.now
	a := &w.actors[w.clients[b.client].front]
	if a.up && b.life == a.gen && b.route != a.front.route {
		c.fail("S10", a, "bytes for epoch %d move although their route was closed", b.epoch)
	}
}

// applied is S8: a child takes a write while it should be dead. Nobody is
// promoted before the processes of all earlier reigns are gone, released or not.
func (c *checker) applied(w *World, b *write) {
	c.now = w.now
	a := &w.actors[b.node]
	n := a.node
	for i := range c.reigns {
		if r := &c.reigns[i]; r.epoch > n.role && r.hook < w.now {
			who := culprit("S8", &w.actors[r.node], a)
			if c.excused("S8", who) {
				return
			}
			c.fail("S8", who, "a child of epoch %d applies a write, %v after the hook of epoch %d started",
				n.role, time.Duration(w.now-r.hook), r.epoch)
			return
		}
	}
}
