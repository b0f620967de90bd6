package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// E6 is what becomes of an operator's request: for which reign, for whom, and until
// when it counts.

// handsOver is its beginning: a reign ends for a switchover if it is this one's, and
// whoever is named, or somebody, could follow.
func (c *checker) handsOver(w *World, a *actor) {
	if w.viewWentOn() {
		return
	}
	items := a.member.View.Items()
	r, epoch := &item(items, kv.Control).Record, a.member.Backend.Epoch()
	if r.Request != kv.RequestSwitchover || r.Epoch != epoch {
		c.fail("E6", a, "%s ends epoch %d for a switchover, and _control says %q for epoch %d",
			a.name, epoch, r.Request, r.Epoch)
	}
	config := item(items, kv.Config)
	quorum := max(1, w.sched.Quorum)
	if config.Present && config.Record.K > 0 {
		quorum = config.Record.Members.Len() - config.Record.K
	}
	ready, fit := 0, false
	for i := range items {
		name := items[i].Key.Name
		info := item(items, kv.NodeInfo(name))
		observes := info.Record.Observer
		if items[i].Key.Kind != kv.KindNode || items[i].Record.State != string(fsm.StateReady) || !info.Present ||
			name == a.key || config.Present && !config.Record.Members.Has(name) || !config.Present && observes {
			continue
		}
		ready++
		fit = fit || !observes && (r.Node == "" || r.Node == name)
	}
	if !fit || ready < quorum {
		c.fail("E6", a, "%s ends epoch %d for %q: could it follow: %v; others that are ready: %d, want %d",
			a.name, epoch, r.Node, fit, ready, quorum)
	}
}

// answered is its end: the claim that follows deletes the request, whomever it named.
func (c *checker) answered(w *World, a *actor, before *kv.Item) {
	r, now := &before.Record, w.etcd.Get(kv.Control)
	asks := r.Request == kv.RequestSwitchover || r.Request == kv.RequestPromote
	if before.Present && asks && now.Present && now.Mod == before.Mod {
		c.fail("E6", a, "%s claims, and the request for a %s after epoch %d is still there", a.name, r.Request, r.Epoch)
	}
}

// gaveWay is between the two: the successor that an operator has named goes first, for
// T, if its data reaches as far.
func (c *checker) gaveWay(w *World, a *actor, items []kv.Item, own *kv.Item) {
	r := &item(items, kv.Control).Record
	if r.Request != kv.RequestSwitchover || r.Node == a.key || r.Epoch != item(items, kv.EpochKey).Record.Epoch {
		return
	}
	info, node := item(items, kv.NodeInfo(r.Node)), item(items, kv.NodeKey(r.Node))
	final := info.Record.Final && info.Record.FinalFor == r.Epoch && info.Lease == node.Lease
	if !final || node.Record.State != string(fsm.StateReady) || info.Record.Observer ||
		info.Record.Position.Compare(own.Record.Position) < 0 ||
		!item(items, kv.Config).Record.Members.Has(r.Node) && w.sched.Members > 0 {
		return
	}
	t := a.member.Backend.TTL()
	if since := time.Duration(w.now - a.node.mem.votedAt); since < t-t/1000*2 {
		c.fail("E6", a, "%s claims %v after its final although %s was named to succeed", a.name, since, r.Node)
	}
}

// viewWentOn reports whether the view of the present step has gone on, in the same step,
// since the machine decided.
func (w *World) viewWentOn() bool {
	n := len(w.ev.Items)
	return w.ev.Kind == fsm.Watched && n > 0 && w.ev.Items[0].Mod != w.ev.Items[n-1].Mod
}
