package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// K4 is what a machine promises where A0 does not hold, because etcd was
// replaced by another cluster: it recognises it, and believes it less.

// epochGap is how far above all that it remembers a claimant's epoch must be.
const epochGap = 1000

// replacement is the last time that etcd came back as another cluster.
type replacement struct {
	at    int64
	rev   kv.Revision // of the backup
	epoch kv.Epoch    // in it
}

// displaced reports whether the node has been told of this etcd, and remembers that
// another one was there before: in this life, or in an earlier one.
func (c *checker) displaced(w *World, a *actor) bool {
	held, now := &a.node.held, a.node.mem.cluster
	another := held.Cluster != 0 && (now != held.Cluster || held.Floor != 0)
	return another && now == w.etcd.cluster && !c.rewound
}

// remembers is K4 at a claim: who has been told of another cluster before the
// one that it claims in leaves a gap of epochs, and waits whatever it found.
func (c *checker) remembers(w *World, a *actor, e *fsm.Effect) {
	held := a.node.held
	if !c.displaced(w, a) {
		return
	}
	w.sometimes(Displaced)
	if epoch := w.out.Txns[e.Txn].Then[0].Record.Epoch; epoch < held.Epoch+epochGap {
		c.fail("K4", a, "%s remembers epoch %d of another etcd, and claims %d", a.name, held.Epoch, epoch)
	}
	found := w.etcd.Get(kv.EpochKey)
	since := time.Duration(w.now - c.replaced.at)
	// That somebody has died since who reigned in the backup says nothing of who reigned later.
	old := found.Mod <= c.replaced.rev || found.Record.How != "" && found.Record.Epoch <= c.replaced.epoch
	if t := a.member.Backend.TTL(); since < 2*t && old {
		c.fail("K4", a, "%s claims %v after etcd was replaced, want at least %v", a.name, since, 2*t)
	}
}

// forgets is K4 at a route: of an etcd that was replaced, nobody who was there
// already is a master to go back to.
func (c *checker) forgets(w *World, a *actor, e *fsm.Effect) {
	m := w.etcd.Get(kv.Master)
	if e.Epoch < a.front.newest && m.Record.Epoch == e.Epoch && m.Create <= c.replaced.rev && !c.rewound {
		c.fail("K4", a, "%s goes back from epoch %d to %d, which a backup brought back",
			a.name, a.front.newest, e.Epoch)
	}
	a.front.newest = e.Epoch
}
