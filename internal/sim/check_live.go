package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// What L2, L5, L6 and S19 allow beyond the times of the contract: a message
// under way in a network without a fault, and etcd's commit.
const (
	underWay  = 700 * time.Millisecond
	killSlack = 10 * time.Millisecond
)

// died notes the death of an agent that holds _master (L5), and when its tree
// must be gone (S19).
func (c *checker) died(w *World, a *actor) {
	n := a.node
	if k := len(c.reigns); k > 0 {
		r := &c.reigns[k-1]
		if r.node == a.index && r.tree == n.tree && r.deleted == forever && r.died == 0 {
			r.died = w.now
			c.attested(w, a, k-1)
		}
	}
	if n.treeAlive() && n.guardUp {
		w.at(killTime+killSlack, occurrence{kind: treeIsLate, actor: a.index, gen: n.tree})
	}
}

// treeIsLate is S19, K after an agent's death, and L6, when a tree must be gone
// because its node is leaving (slot 1). Who was stopped meanwhile has as long
// again.
func (c *checker) treeIsLate(w *World, o *occurrence) {
	c.now = w.now
	a := &w.actors[o.actor]
	n := a.node
	if n.tree != o.gen || !n.treeAlive() {
		return
	}
	if a.held+int64(killTime+killSlack) > w.now {
		again := *o
		again.at = a.held + int64(killTime+killSlack)
		w.agenda.push(again)
		return
	}
	switch {
	case o.slot == 0 && !a.up:
		c.fail("S19", a, "%s: processes live %v after their agent's death", a.name, killTime+killSlack)
	case o.slot == 1 && a.held < int64(o.number):
		c.fail("L6", a, "%s: processes live %v after it began to leave", a.name, time.Duration(w.now-int64(o.number)))
	}
}

// leaves is L2, when a node loses its authority, and begins L6: fenced it has G
// and K, asked to stop the stop timeout and K (SPEC R4).
func (c *checker) leaves(w *World, a *actor) {
	b := &a.member.Backend
	p := b.Phase()
	if p == c.beforePhase || p != fsm.Draining && p != fsm.Fenced {
		return
	}
	limit := fsm.Grace(b.TTL())
	if p == fsm.Draining {
		limit = a.node.cfg.StopTimeout
	}
	w.at(limit+killTime+killSlack, occurrence{
		kind: treeIsLate, actor: a.index, gen: a.node.tree, slot: 1, number: uint64(w.now),
	})
	cause := b.Cause()
	if p != fsm.Fenced || cause != fsm.CauseAuthority && cause != fsm.CauseNotOurs {
		return
	}
	if quiet := w.now - 2*int64(w.longest()); a.rough < quiet {
		c.fail("L2", a, "%s steps down (%v), %v after the last fault that could be a reason",
			a.name, cause, time.Duration(w.now-max(a.rough, 0)))
	}
}

// blocked is L5: how long a dead node's _master may stand in the way.
func (c *checker) blocked(w *World, r *reign) {
	if r.died == 0 {
		return
	}
	a := &w.actors[r.node]
	t := max(r.ttl, w.longest())
	since := max(r.died, a.rough, c.leaderless)
	limit := t + t/1_000_000*2*fsm.DriftPPM + scanPeriod + commitDelay + underWay
	if c.leaderless > r.died-int64(t+electionTime) {
		limit += electionTime
	}
	if took := time.Duration(min(r.deleted, w.now) - since); took > limit {
		c.fail("L5", a, "epoch %d of %s, dead, stands in the way for %v, want at most %v",
			r.epoch, a.name, took, limit)
	}
}

// rebase begins anew after etcd went back: what it held is not what it holds.
func (c *checker) rebase(w *World) {
	c.broken |= a0
	c.rev = w.etcd.Header().Rev
	c.log = c.log[:0]
	for i := range w.actors[:w.nodes] {
		w.actors[i].node.mem.log = 0
	}
	m := w.etcd.Get(kv.Master)
	c.master, c.lock = m.Create, m.Lease
	for i := range c.reigns { // what the new etcd does not hold has ended with the old one
		r := &c.reigns[i]
		if r.deleted == forever && (m.Record.Epoch != r.epoch || m.Record.Incarnation != r.lease) {
			r.deleted = w.now
		}
	}
}
