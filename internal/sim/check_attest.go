package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// attests is E11: what is written on behalf of the dead is about the dead, and about
// nobody else. before is _epoch as it was.
func (c *checker) attests(w *World, r *rpc, before *kv.Item) {
	c.now = w.now
	a := &w.actors[r.actor]
	if r.replied || r.helper && (r.gen != a.node.tree || !a.node.helper.up) {
		w.sometimes(LateAttest)
	}
	switch {
	case r.outcome != kv.OK:
		return
	case !r.result.Succeeded:
		w.sometimes(AttestRefused)
		return
	}
	w.sometimes(means(a, r))
	for _, cmp := range r.txn.If[:r.txn.NIf] {
		if cmp.Target == kv.TargetLease {
			c.gone(w, a, cmp.Lease)
		}
	}
	after := w.etcd.Get(kv.EpochKey)
	if after.Record.Epoch != before.Record.Epoch || after.Record.Incarnation != before.Record.Incarnation {
		c.fail("E11", a, "%s attests a death, and _epoch goes from %d of %v to %d of %v", w.whose(r),
			before.Record.Epoch, before.Record.Incarnation, after.Record.Epoch, after.Record.Incarnation)
	}
	if after.Record.Released && !before.Record.Released {
		c.gone(w, a, after.Record.Incarnation)
		c.unknown(w, after.Record.Incarnation)
	}
	if after.Record.Unfenced != before.Record.Unfenced {
		c.struckOff(w, a, before.Record.Unfenced, after.Record.Unfenced)
	}
}

// means is who attests: the three have nothing in common but the transaction.
func means(a *actor, r *rpc) Sometimes {
	switch {
	case a.witness != nil:
		return WitnessAttests
	case r.helper:
		return ByGuard
	case a.member.Backend.Phase() < fsm.Standby:
		return ByRestart
	}
	return ByFence
}

// gone: no process of the incarnation lives, its agent included.
func (c *checker) gone(w *World, by *actor, incarnation kv.LeaseID) {
	if a := w.alive(incarnation); a != nil {
		c.fail("E11", by, "%s attests the death of %v, of which processes of %s live", by.name, incarnation, a.name)
	}
}

// alive is the node of which a process of the incarnation lives; nil: none.
func (w *World) alive(incarnation kv.LeaseID) *actor {
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if a.member.Backend.Lease() == incarnation && !a.node.isDown && (a.up || a.node.treeAlive()) {
			return a
		}
	}
	return nil
}

// unknown notes a reign that is released although its agent never learned of it.
func (c *checker) unknown(w *World, incarnation kv.LeaseID) {
	for i := range c.reigns {
		if r := &c.reigns[i]; r.lease == incarnation && r.hook == forever {
			w.sometimes(UnknownReign)
		}
	}
}

// struckOff: what an attestation takes off the list need not be fenced (S20).
func (c *checker) struckOff(w *World, by *actor, before, after string) {
	was, _ := kv.Debts(before)
	is, _ := kv.Debts(after)
	for _, d := range was {
		left := false
		for _, e := range is {
			left = left || e.Incarnation == d.Incarnation
		}
		if !left {
			c.gone(w, by, d.Incarnation)
			c.fenced(d.Epoch)
		}
	}
}

// attested begins L7: an agent that holds _master has died while its guard lives and
// nothing is wrong. What the guard knows everybody knows soon.
func (c *checker) attested(w *World, a *actor, reign int) {
	n, r := a.node, &c.reigns[reign]
	if !n.guardUp || n.told != r.lease || len(w.active) > 0 || c.troubled > w.now || w.leaderBack > w.now {
		return
	}
	w.at(a.member.Backend.TTL()/2+attestSlack, occurrence{kind: attestIsLate, slot: int32(reign)})
}

// attestSlack is for slow messages, and for what was under way.
const attestSlack = 2 * time.Second

func (c *checker) attestIsLate(w *World, o *occurrence) {
	c.now = w.now
	r := &c.reigns[o.slot]
	// Without _epoch, which an operator has deleted, there is nothing to be released.
	e := w.etcd.Get(kv.EpochKey)
	if r.released || c.troubled > r.died || len(w.active) > 0 || e.Record.Epoch != r.epoch {
		return
	}
	a := &w.actors[r.node]
	c.fail("L7", a, "the agent of %s died %v ago under epoch %d, and its guard has not had that released",
		a.name, time.Duration(w.now-r.died), r.epoch)
}
