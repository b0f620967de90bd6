package sim

import (
	"slices"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func TestEtcdMemberKnowsThePast(t *testing.T) {
	e := etcdTest()
	a, b := kv.NodeKey("a"), kv.NodeKey("b")
	e.PutKey(a, kv.Record{State: "old"}) // 2
	var m EtcdMember
	e.CutOff(&m)
	e.PutKey(a, kv.Record{State: "new"}) // 3
	e.PutKey(b, kv.Record{})             // 4
	if o := e.Compact(4); o != kv.OK {
		t.Fatal(o)
	}
	then := kv.Header{Cluster: 7, Rev: 2}
	items, h := m.List(nil)
	if h != then || m.Header() != then || len(items) != 1 || items[0].Record.State != "old" {
		t.Fatalf("at %+v it knows %+v", h, items)
	}
	if items, c := m.Events(2, nil); len(items) != 1 || items[0].Mod != 2 || c != 0 {
		t.Fatalf("from 2: %+v, compacted %d", items, c)
	}
	if items, c := m.Events(3, nil); items != nil || c != 0 {
		t.Fatalf("it tells what it did not hear: %+v, compacted %d", items, c)
	}
	for from, want := range map[kv.Revision]bool{1: true, 2: true, 3: false} {
		if h, ok := m.Progress(from); ok != want || h != then {
			t.Errorf("progress of a watch from %d: %v at %+v", from, ok, h)
		}
	}
	// Cut off anew it knows of the compaction, and of nothing else than now.
	e.CutOff(&m)
	if items, c := m.Events(2, nil); items != nil || c != 4 {
		t.Fatalf("from 2: %+v, compacted %d", items, c)
	}
	now, _ := e.List(nil)
	if items, h := m.List(nil); h.Rev != 4 || !slices.Equal(items, now) {
		t.Fatalf("at %+v it knows %+v", h, items)
	}
	defer func() {
		if recover() == nil {
			t.Error("a watch from 0 did not panic")
		}
	}()
	m.Events(0, nil)
}

func TestEtcdMemberRenewsWhatItKnows(t *testing.T) {
	e := etcdTest()
	l, _, _ := e.Grant(0, 3*time.Second)
	gone, _, _ := e.Grant(0, 3*time.Second)
	e.RevokeSlowly(gone, 1<<62)
	var m EtcdMember
	e.CutOff(&m)
	e.Revoke(l)
	later, _, _ := e.Grant(0, 3*time.Second)
	for _, c := range []struct {
		at   int64
		id   kv.LeaseID
		ttl  time.Duration
		want kv.Outcome
	}{
		{2 * etcdSec, l, 3 * time.Second, kv.OK}, // the others have revoked it
		{5*etcdSec - 1, l, 3 * time.Second, kv.OK},
		{8*etcdSec - 1, l, 0, EtcdNoAnswer},
		{0, gone, 0, kv.LeaseGone},
		{0, later, 0, kv.LeaseGone}, // and have granted this one
	} {
		if ttl, _, o := m.KeepAlive(c.at, c.id); ttl != c.ttl || o != c.want {
			t.Errorf("lease %s at %d: %v %s, want %v %s", c.id, c.at, o, ttl, c.want, c.ttl)
		}
	}
	if l, _ := e.Lease(later); l.Expiry != 3*etcdSec {
		t.Errorf("the others heard of it: %+v", l)
	}
}

func TestEtcdProgress(t *testing.T) {
	e := etcdTest()
	e.WriteElsewhere() // 2
	for from, want := range map[kv.Revision]bool{1: true, 2: true, 3: false} {
		if h, ok := e.Progress(from); ok != want || h.Rev != 2 {
			t.Errorf("progress of a watch from %d: %v at %+v", from, ok, h)
		}
	}
}
