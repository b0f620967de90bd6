package sim

import "msdha/internal/fsm/kv"

// polled counts the finals that a claimant goes by, as its view has them when it
// claims (SPEC E7), once more and otherwise than the machine does: E7, K4 where
// etcd was replaced, and E6, who is to let whom go first.
func (c *checker) polled(w *World, a *actor) {
	if w.viewWentOn() {
		return
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
			config.Present && !config.Record.Members.Has(node) || !config.Present && it.Record.Observer ||
			item(items, kv.NodeKey(node)).Lease != it.Lease {
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
