package explore

import (
	"fmt"
	"slices"

	"msdha/internal/fsm/kv"
)

// revision is what etcd holds after one write, and what the write changed, both
// in the order of kv.Key.Compare. It is never written again, so that states and
// the views in them share it.
type revision struct {
	n       kv.Revision
	items   []kv.Item
	changed []kv.Item
}

func (r *revision) get(k kv.Key) kv.Item {
	if i, ok := find(r.items, k); ok {
		return r.items[i]
	}
	return kv.Item{Key: k}
}

func find(items []kv.Item, k kv.Key) (int, bool) {
	for i := range items {
		if c := items[i].Key.Compare(k); c >= 0 {
			return i, c == 0
		}
	}
	return len(items), false
}

// unseen reports whether the model keeps no such key: see the package's
// documentation.
func unseen(k kv.Kind) bool { return k == kv.KindFrontend || k == kv.KindHistory }

// holds evaluates the conditions of a transaction as etcd does
// (internal/sim/etcd_store.go, which is held against the real one).
func (r *revision) holds(t *kv.Txn) bool {
	for i := range t.If[:t.NIf] {
		if !r.compare(&t.If[i]) {
			return false
		}
	}
	return true
}

func (r *revision) compare(c *kv.Compare) bool {
	switch c.Target {
	case kv.TargetText:
		for i := range r.items {
			if k := r.items[i].Key.Kind; k == kv.KindNode && r.items[i].Record.State == c.Text {
				return false
			}
		}
		return len(r.items) > 0
	case kv.TargetNewest:
		for i := range r.items {
			if r.items[i].Key.Kind == c.Key.Kind && r.items[i].Mod > c.Rev {
				return false
			}
		}
		return true
	}
	var it kv.Item
	if i, ok := find(r.items, c.Key); ok {
		it = r.items[i]
	}
	switch c.Target {
	case kv.TargetCreate:
		return it.Create == c.Rev
	case kv.TargetMod:
		return it.Mod == c.Rev
	case kv.TargetLease:
		return it.Lease == c.Lease
	}
	panic(fmt.Sprintf("cannot compare target %d: package kv has no such target", c.Target))
}

// never reports whether the conditions hold at no later revision either.
func (r *revision) never(t *kv.Txn) bool {
	for i := range t.If[:t.NIf] {
		c := &t.If[i]
		onRevision := c.Target == kv.TargetCreate || c.Target == kv.TargetMod
		if onRevision && c.Rev != 0 && !r.compare(c) {
			return true
		}
	}
	return t.NThen == 0
}

// after returns the revision that follows when the operations are carried out;
// r itself if they change nothing.
func (r *revision) after(ops []kv.Op) *revision {
	next := &revision{n: r.n + 1, items: append(make([]kv.Item, 0, len(r.items)+2), r.items...)}
	for i := range ops {
		op := &ops[i]
		if unseen(op.Key.Kind) {
			continue
		}
		at, ok := find(next.items, op.Key)
		switch {
		case op.Kind == kv.OpPut:
			if !ok {
				next.items = slices.Insert(next.items, at, kv.Item{Create: next.n})
			}
			it := &next.items[at]
			it.Key, it.Present, it.Mod, it.Lease, it.Record = op.Key, true, next.n, op.Lease, op.Record
			next.changed = append(next.changed, *it)
		case ok:
			next.items = slices.Delete(next.items, at, at+1)
			next.changed = append(next.changed, kv.Item{Key: op.Key, Mod: next.n})
		}
	}
	if len(next.changed) == 0 {
		return r
	}
	slices.SortFunc(next.changed, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
	return next
}

// without returns the revision after all keys of a lease are deleted.
func (r *revision) without(lease kv.LeaseID) *revision {
	var ops []kv.Op
	for i := range r.items {
		if r.items[i].Lease == lease {
			ops = append(ops, kv.Op{Kind: kv.OpDelete, Key: r.items[i].Key})
		}
	}
	return r.after(ops)
}
