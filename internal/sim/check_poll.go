package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// polled counts the finals that a claimant goes by, as its view has them when it
// claims (SPEC E7), once more and otherwise than the machine does: E7, K4 where
// etcd was replaced, and E6, who is to let whom go first.
func (c *checker) polled(w *World, a *actor) {
	if n := len(w.ev.Items); w.ev.Kind == fsm.Watched && n > 0 && w.ev.Items[0].Mod != w.ev.Items[n-1].Mod {
		return // the view has gone on since the claim was made, in the same step
	}
	items := a.member.View.Items()
	config, control := item(items, kv.Config), item(items, kv.Control)
	epoch := item(items, kv.EpochKey).Record.Epoch
	r := &control.Record
	if r.Request == kv.RequestPromote && r.Node == a.key && r.Epoch == epoch {
		return
	}
	quorum := max(1, w.sched.Quorum)
	if l := &config.Record; config.Present && l.K > 0 {
		first := firstOf(l, item(items, kv.EpochKey), item(items, kv.Initialized))
		if quorum = l.Members.Len() - l.K; !l.Armed && first == a.key {
			quorum = 1
		}
		if !l.Armed && first != "" && first != a.key {
			c.fail("E7", a, "%s claims before the list is armed, and only %s has all the data", a.name, first)
		}
	}
	if !w.sched.Log && quorum == 1 {
		return // whoever comes first
	}
	own := item(items, kv.NodeInfo(a.key))
	floor := c.believedFrom(w, a)
	all, young := 0, 0
	for i := range items {
		it := &items[i]
		node := it.Key.Name
		if it.Key.Kind != kv.KindNodeInfo || !it.Record.Final || it.Record.FinalFor != epoch ||
			it.Record.Position.Compare(own.Record.Position) > 0 ||
			config.Present && !config.Record.Members.Has(node) || item(items, kv.NodeKey(node)).Lease != it.Lease {
			continue
		}
		if all++; it.Mod > floor {
			young++
		}
	}
	if all < quorum {
		c.fail("E7", a, "%s claims with %d finals that are not higher than its own, want %d", a.name, all, quorum)
	}
	if young < quorum && floor > 0 {
		c.fail("K4", a, "%s claims with %d finals that are not from a backup, want %d", a.name, young, quorum)
	}
	c.gaveWay(w, a, items, own)
}

// item is a key as a view has it.
func item(items []kv.Item, k kv.Key) *kv.Item {
	for i := range items {
		if items[i].Key == k {
			return &items[i]
		}
	}
	return &etcdAbsent
}

// believedFrom is the revision up to which a node that remembers another etcd
// believes nothing that it finds in this one; 0 where it remembers none.
func (c *checker) believedFrom(w *World, a *actor) kv.Revision {
	if !c.displaced(w, a) {
		return 0
	}
	return c.replaced.rev
}

// gaveWay is E6: the successor that an operator has named goes first, for T, if
// its data reaches as far.
func (c *checker) gaveWay(w *World, a *actor, items []kv.Item, own *kv.Item) {
	r := &item(items, kv.Control).Record
	if r.Request != kv.RequestSwitchover || r.Node == a.key || r.Epoch != item(items, kv.EpochKey).Record.Epoch {
		return
	}
	info, node := item(items, kv.NodeInfo(r.Node)), item(items, kv.NodeKey(r.Node))
	final := info.Record.Final && info.Record.FinalFor == r.Epoch && info.Lease == node.Lease
	if !final || node.Record.State != string(fsm.StateReady) ||
		info.Record.Position.Compare(own.Record.Position) < 0 ||
		!item(items, kv.Config).Record.Members.Has(r.Node) && w.sched.Members > 0 {
		return
	}
	t := a.member.Backend.TTL()
	if since := time.Duration(w.now - a.node.mem.votedAt); since < t-t/1000*2 {
		c.fail("E6", a, "%s claims %v after its final although %s was named to succeed", a.name, since, r.Node)
	}
}
