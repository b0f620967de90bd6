package sim

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// etcdGroup is a cluster with a group of three nodes and two frontends, and a
// claim by node a as the backends make it (SPEC E3).
func etcdGroup() (*Etcd, *kv.Txn) {
	e := NewEtcd(EtcdConfig{MinTTL: 2 * time.Second, Election: time.Second, History: 256})
	a := kv.NodeKey("a")
	l, _, _ := e.Grant(0, 10*time.Second)
	for _, n := range []string{"a", "b", "c"} {
		e.PutKey(kv.NodeKey(n), kv.Record{State: "ready"})
		e.PutKey(kv.NodeInfo(n), kv.Record{Address: n})
	}
	for _, name := range []string{"f", "g"} {
		e.PutKey(kv.FrontendKey(name), kv.Record{})
	}
	e.PutKey(kv.Config, kv.Record{})
	e.PutKey(kv.Initialized, kv.Record{})
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{State: "ready"}, l) })
	e.PutKey(kv.EpochKey, kv.Record{Epoch: 1})

	t := new(kv.Txn)
	t.IfCreate(kv.Master, 0)
	t.IfMod(kv.EpochKey, e.Get(kv.EpochKey).Mod)
	t.IfCreate(a, e.Get(a).Create)
	t.IfLease(a, l)
	t.IfNoneSays(kv.StateMaster)
	t.IfNoneNewer(kv.KindNodeInfo, e.Get(kv.EpochKey).Mod)
	t.Put(kv.Master, kv.Record{Node: "a", Incarnation: l, Epoch: 2}, l)
	t.Put(kv.EpochKey, kv.Record{Node: "a", Incarnation: l, Epoch: 2}, 0)
	t.Put(a, kv.Record{State: "ready"}, l)
	t.Get(kv.Master)
	t.Get(kv.EpochKey)
	return e, t
}

// etcdClaim lets the same claim succeed again and again: it reads the epoch
// before, and deletes the lock after it.
func etcdClaim(e *Etcd, t *kv.Txn) bool {
	t.If[1].Rev = e.Get(kv.EpochKey).Mod
	r, _, _ := e.Txn(t)
	e.DeleteKey(kv.Master)
	return r.Succeeded
}

func TestEtcdDoesNotAllocate(t *testing.T) {
	e, claim := etcdGroup()
	var items []kv.Item
	var leases []kv.LeaseID
	var backup EtcdBackup
	now := int64(0)
	round := func() {
		now += 100 * etcdSec
		if !etcdClaim(e, claim) {
			t.Fatal("the claim failed")
		}
		l, _, _ := e.Grant(now, 3*time.Second)
		e.KeepAlive(now, l)
		items, _ = e.List(items[:0])
		items, _ = e.Events(e.Header().Rev-3, items[:0])
		leases = e.Expired(now+50*etcdSec, leases[:0])
		e.Revoke(l)
		e.Compact(e.Header().Rev - 1)
		e.LeaderChange(now)
		e.Snapshot(&backup)
		e.Restore(&backup, 1)
	}
	for range 300 {
		round()
	}
	if n := testing.AllocsPerRun(1000, round); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}

func BenchmarkEtcdClaim(b *testing.B) {
	e, claim := etcdGroup()
	b.ReportAllocs()
	for b.Loop() {
		if !etcdClaim(e, claim) {
			b.Fatal("the claim failed")
		}
	}
}

// BenchmarkEtcdTxn is the claim alone, made of conditions that it leaves true.
func BenchmarkEtcdTxn(b *testing.B) {
	e, claim := etcdGroup()
	if !etcdClaim(e, claim) {
		b.Fatal("the claim failed")
	}
	claim.If[0] = kv.Compare{Key: kv.Initialized, Target: kv.TargetLease}
	claim.If[1] = kv.Compare{Key: kv.EpochKey, Target: kv.TargetLease}
	b.ReportAllocs()
	for b.Loop() {
		if r, _, _ := e.Txn(claim); !r.Succeeded {
			b.Fatal("the claim failed")
		}
	}
}

func BenchmarkEtcdRead(b *testing.B) {
	e, _ := etcdGroup()
	var t kv.Txn
	t.IfCreate(kv.NodeKey("a"), 1)
	t.Get(kv.NodeKey("a"))
	t.Get(kv.Master)
	b.ReportAllocs()
	for b.Loop() {
		e.Txn(&t)
	}
}

func BenchmarkEtcdEvents(b *testing.B) {
	e, _ := etcdGroup()
	var items []kv.Item
	b.ReportAllocs()
	for b.Loop() {
		items, _ = e.Events(e.Header().Rev, items[:0])
	}
}
