package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

// etcdKeys sit on both sides of every boundary of the layout: before and after
// the underscore in byte order, in folders, beside folders, foreign below them.
var etcdKeys = []kv.Key{
	kv.NodeKey("a"), kv.NodeKey("b"), kv.NodeKey("Z"), kv.NodeKey("-1"),
	kv.Master, kv.EpochKey, kv.Config, kv.Initialized,
	kv.NodeInfo("a"), kv.NodeInfo("Z"), kv.FrontendKey("a"), kv.HistoryKey(9),
	kv.ParseKey("_nodes/a/b"), kv.ParseKey("_nodes"), kv.ParseKey("_nodes0"),
	kv.ParseKey("_masterly"), kv.ParseKey("x/y"),
}

func TestEtcdOrderIsByteOrderOfPaths(t *testing.T) {
	names := rapid.StringMatching(`[-_/a-zA-Z]{0,9}|_(nodes|master|epoch|frontends)/?[a-z/]{0,2}`)
	key := rapid.Custom(func(t *rapid.T) kv.Key {
		if rapid.Bool().Draw(t, "fixed") {
			return rapid.SampledFrom(etcdKeys).Draw(t, "key")
		}
		return kv.ParseKey(names.Draw(t, "path"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := key.Draw(t, "a"), key.Draw(t, "b")
		if got, want := etcdCompare(a, b), strings.Compare(a.Path(), b.Path()); got != want {
			t.Fatalf("compare %q with %q: %d, want %d", a.Path(), b.Path(), got, want)
		}
		folder := etcdHeads[kv.KindNodeInfo]
		if got, want := etcdInFolder(a, folder), strings.HasPrefix(a.Path(), folder); got != want {
			t.Fatalf("%q in %q: %v", a.Path(), folder, got)
		}
	})
}

func TestEtcdRevisions(t *testing.T) {
	e := etcdTest()
	a := kv.NodeKey("a")
	want := func(what string, rev, create, mod kv.Revision) {
		t.Helper()
		it := e.Get(a)
		if e.Header() != (kv.Header{Cluster: 7, Rev: rev}) || it.Create != create || it.Mod != mod {
			t.Fatalf("%s: store at %+v, key %+v", what, e.Header(), it)
		}
		etcdMustCheck(t, e)
	}
	want("new", 1, 0, 0)
	etcdExec(e, a, func(x *kv.Txn) {})
	want("read only", 1, 0, 0)
	etcdExec(e, a, func(x *kv.Txn) { x.Delete(a) })
	want("delete of an absent key", 1, 0, 0)
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, 0); x.Put(kv.Master, kv.Record{}, 0) })
	want("two puts", 2, 2, 2)
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, 0) })
	want("put of the same value", 3, 2, 3)
	e.WriteElsewhere()
	want("write elsewhere", 4, 2, 3)
	etcdExec(e, a, func(x *kv.Txn) { x.IfCreate(a, 0); x.Put(a, kv.Record{}, 0) })
	want("failed condition", 4, 2, 3)
	e.Wipe()
	want("wipe", 5, 0, 0)
	e.Wipe()
	want("wipe of nothing", 5, 0, 0)
	e.DeleteKey(a)
	want("operator's delete of nothing", 5, 0, 0)
	e.PutKey(a, kv.Record{State: "x"})
	want("operator's put", 6, 6, 6)
}

func TestEtcdConditions(t *testing.T) {
	e := etcdTest()
	l, _, _ := e.Grant(0, 2*time.Second)
	info := kv.NodeInfo("a")
	e.PutKey(kv.NodeKey("a"), kv.Record{State: "ready"}) // 2
	etcdExec(e, info, func(x *kv.Txn) { x.Put(info, kv.Record{}, l) })
	e.PutKey(kv.NodeKey("a"), kv.Record{State: "ready"}) // 4
	e.PutKey(kv.Master, kv.Record{})                     // 5
	for _, c := range []struct {
		what string
		on   func(*kv.Txn)
		want bool
	}{
		{"none", func(*kv.Txn) {}, true},
		{"create", func(x *kv.Txn) { x.IfCreate(kv.NodeKey("a"), 2) }, true},
		{"create is not mod", func(x *kv.Txn) { x.IfCreate(kv.NodeKey("a"), 4) }, false},
		{"mod", func(x *kv.Txn) { x.IfMod(kv.NodeKey("a"), 4) }, true},
		{"mod is not create", func(x *kv.Txn) { x.IfMod(kv.NodeKey("a"), 2) }, false},
		{"absent", func(x *kv.Txn) {
			x.IfCreate(kv.Config, 0)
			x.IfMod(kv.Config, 0)
			x.IfLease(kv.Config, 0)
		}, true},
		{"not absent", func(x *kv.Txn) { x.IfCreate(kv.Master, 0) }, false},
		{"lease", func(x *kv.Txn) { x.IfLease(info, l) }, true},
		{"no lease", func(x *kv.Txn) { x.IfLease(kv.Master, l) }, false},
		{"text nobody has", func(x *kv.Txn) { x.IfNoneSays(kv.StateMaster) }, true},
		{"text somebody has", func(x *kv.Txn) { x.IfNoneSays("ready") }, false},
		{"newest", func(x *kv.Txn) { x.IfNoneNewer(kv.KindNodeInfo, 3) }, true},
		{"newer", func(x *kv.Txn) { x.IfNoneNewer(kv.KindNodeInfo, 2) }, false},
		{"newest of none", func(x *kv.Txn) { x.IfNoneNewer(kv.KindFrontend, 0) }, true},
		{"all must hold", func(x *kv.Txn) { x.IfMod(kv.Master, 5); x.IfMod(info, 5) }, false},
	} {
		r, o := etcdExec(e, kv.Master, c.on)
		if o != kv.OK || r.Succeeded != c.want || r.Items[0] != e.Get(kv.Master) {
			t.Errorf("%s: %v, succeeded %v, read %+v", c.what, o, r.Succeeded, r.Items[0])
		}
	}
	// A range compare of values is false on an empty range.
	e.Wipe()
	if r, _ := etcdExec(e, kv.Master, func(x *kv.Txn) { x.IfNoneSays("ready") }); r.Succeeded {
		t.Error("a condition on values held in an empty group")
	}
}

func TestEtcdRefusals(t *testing.T) {
	e := etcdTest()
	l, _, _ := e.Grant(0, 2*time.Second)
	a, b, none := kv.NodeKey("a"), kv.NodeKey("b"), kv.Record{}
	for _, c := range []struct {
		what string
		on   func(*kv.Txn)
		want kv.Outcome
	}{
		{"unknown lease", func(x *kv.Txn) { x.Put(a, none, l); x.Put(b, none, 99) }, kv.LeaseGone},
		{"unknown, not chosen", func(x *kv.Txn) { x.IfMod(a, 77); x.Put(a, none, 99) }, kv.OK},
		{"put twice", func(x *kv.Txn) { x.Put(a, none, 0); x.Put(a, none, 0) }, kv.Failed},
		{"put and deleted", func(x *kv.Txn) { x.Put(a, none, 0); x.Delete(a) }, kv.Failed},
		{"deleted and put, not chosen", func(x *kv.Txn) {
			x.IfMod(a, 77)
			x.Delete(a)
			x.Put(a, none, 0)
		}, kv.Failed},
		{"deleted twice", func(x *kv.Txn) { x.Delete(a); x.Delete(a) }, kv.OK},
	} {
		if _, o := etcdExec(e, a, c.on); o != c.want {
			t.Errorf("%s: %v, want %v", c.what, o, c.want)
		}
		if items, h := e.List(nil); len(items) != 0 || h.Rev != 1 {
			t.Fatalf("%s had an effect: %v at %d", c.what, items, h.Rev)
		}
	}
	for what, f := range map[string]func(){
		"no read":      func() { e.Txn(new(kv.Txn)) },
		"no folder":    func() { e.noneNewer(kv.KindNode, 1) },
		"watch from 0": func() { e.Events(0, nil) },
		"no history":   func() { NewEtcd(EtcdConfig{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: did not panic", what)
				}
			}()
			f()
		}()
	}
}

func TestEtcdHistory(t *testing.T) {
	e := NewEtcd(EtcdConfig{MinTTL: time.Second, History: 3})
	a, b, c := kv.NodeKey("a"), kv.NodeKey("b"), kv.NodeKey("c")
	mods := func(from kv.Revision) (mods []kv.Revision, compacted kv.Revision) {
		items, compacted := e.Events(from, nil)
		for _, it := range items {
			mods = append(mods, it.Mod)
		}
		return mods, compacted
	}
	e.PutKey(a, kv.Record{})                                                  // 2
	etcdExec(e, a, func(x *kv.Txn) { x.Put(b, kv.Record{}, 0); x.Delete(a) }) // 3, 3
	e.PutKey(c, kv.Record{})                                                  // 4 drops 2
	if got, c := mods(3); !slices.Equal(got, []kv.Revision{3, 3, 4}) || c != 0 {
		t.Fatalf("from 3: %v, %v", got, c)
	}
	if got, c := mods(2); got != nil || c != 3 {
		t.Fatalf("from 2: %v, compacted %v", got, c)
	}
	if got, c := mods(5); got != nil || c != 0 {
		t.Fatalf("from the future: %v, %v", got, c)
	}
	e.PutKey(a, kv.Record{}) // 5 drops both of 3
	etcdMustCheck(t, e)
	if _, c := mods(3); c != 4 {
		t.Fatalf("half of a revision was kept: compacted %v", c)
	}
	for rev, want := range map[kv.Revision]kv.Outcome{4: kv.Failed, 6: kv.Failed} {
		if o := e.Compact(rev); o != want {
			t.Fatalf("compact %d: %v", rev, o)
		}
	}
	if o := e.Compact(5); o != kv.OK {
		t.Fatal(o)
	}
	if got, c := mods(5); !slices.Equal(got, []kv.Revision{5}) || c != 0 {
		t.Fatalf("from the compaction's own revision: %v, %v", got, c)
	}
	// One revision larger than the whole history is kept whole.
	for _, k := range etcdKeys {
		e.PutKey(k, kv.Record{})
	}
	h := e.Wipe()
	etcdMustCheck(t, e)
	if got, c := mods(h.Rev); len(got) != len(etcdKeys)+1 || c != 0 {
		t.Fatalf("wipe: %v, %v", got, c)
	}
}

func TestEtcdBackup(t *testing.T) {
	e := etcdTest()
	a := kv.NodeKey("a")
	l, _, _ := e.Grant(0, 5*time.Second)
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{State: "old"}, l) })
	var backup, empty EtcdBackup
	e.Snapshot(&backup)
	e.PutKey(a, kv.Record{State: "new"})
	e.Revoke(l)
	e.Restore(&backup, 8)
	etcdMustCheck(t, e)
	back := kv.Header{Cluster: 8, Rev: 2}
	if it := e.Get(a); it.Record.State != "old" || it.Lease != l || e.Header() != back {
		t.Fatalf("restored %+v at %+v", it, e.Header())
	}
	if items, c := e.Events(2, nil); len(items) != 1 || c != 0 {
		t.Fatalf("the backup's own history: %v, %v", items, c)
	}
	if got := e.Expired(1<<62, nil); got != nil {
		t.Fatalf("expired without a leader: %v", got)
	}
	e.LeaderChange(100 * etcdSec)
	if got, _ := e.Lease(l); got.Expiry != 106*etcdSec {
		t.Fatalf("restored lease %+v", got)
	}
	e.Restore(&empty, 9)
	etcdMustCheck(t, e)
	if items, h := e.List(nil); len(items) != 0 || h != (kv.Header{Cluster: 9, Rev: 1}) {
		t.Fatalf("emptied: %v at %+v", items, h)
	}
	if next, _, _ := e.Grant(0, 0); next == l {
		t.Fatalf("lease %s was given twice", l)
	}
}
