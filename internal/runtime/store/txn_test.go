package store

import (
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

func TestTxnCompares(t *testing.T) {
	s := open(t, config(t))
	lease := mustGrant(t, s, 10*time.Second)
	withLease := clientv3.WithLease(clientv3.LeaseID(lease))
	create := put(t, shared.admin, s.Prefix()+"a", "pre_start", withLease)
	mod := put(t, shared.admin, s.Prefix()+"a", "ready", withLease)
	put(t, shared.admin, s.Prefix()+"b", "Master")
	info := put(t, shared.admin, s.Prefix()+"_nodes/a", "{}")
	// Beside the folder and beside the group: no range may reach them.
	put(t, shared.admin, s.Prefix()+"_nodes", "{}")
	put(t, shared.admin, s.Prefix()+"_nodes0", "{}")
	put(t, shared.admin, strings.TrimSuffix(s.Prefix(), "/")+"2/a", "master")
	a, absent := kv.NodeKey("a"), kv.NodeKey("absent")

	tests := []struct {
		name string
		cond func(*kv.Txn)
		want bool
	}{
		{"no condition", func(*kv.Txn) {}, true},
		{"created then", func(x *kv.Txn) { x.IfCreate(a, create) }, true},
		{"created at the last write", func(x *kv.Txn) { x.IfCreate(a, mod) }, false},
		{"present though absence is demanded", func(x *kv.Txn) { x.IfCreate(a, 0) }, false},
		{"absent", func(x *kv.Txn) { x.IfCreate(absent, 0) }, true},
		{"absent though presence is demanded", func(x *kv.Txn) { x.IfCreate(absent, mod) }, false},
		{"written then", func(x *kv.Txn) { x.IfMod(a, mod) }, true},
		{"written later", func(x *kv.Txn) { x.IfMod(a, create) }, false},
		{"never written", func(x *kv.Txn) { x.IfMod(absent, 0) }, true},
		{"on the lease", func(x *kv.Txn) { x.IfLease(a, lease) }, true},
		{"on another lease", func(x *kv.Txn) { x.IfLease(a, lease+1) }, false},
		{"no key, no lease", func(x *kv.Txn) { x.IfLease(absent, 0) }, true},
		{"nobody says it", func(x *kv.Txn) { x.IfNoneSays("master") }, true},
		{"somebody says it", func(x *kv.Txn) { x.IfNoneSays("Master") }, false},
		{"none newer", func(x *kv.Txn) { x.IfNoneNewer(kv.KindNodeInfo, info) }, true},
		{"one newer", func(x *kv.Txn) { x.IfNoneNewer(kv.KindNodeInfo, info-1) }, false},
		{"empty folder", func(x *kv.Txn) { x.IfNoneNewer(kv.KindFrontend, 0) }, true},
		{"one of two", func(x *kv.Txn) { x.IfLease(a, lease); x.IfMod(a, create) }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var x kv.Txn
			tt.cond(&x)
			x.Get(a)
			result, h, outcome, err := s.Txn(within(t, patience), &x, 0)
			expect(t, kv.OK, outcome, err)
			if result.Succeeded != tt.want || h.Rev == 0 || h.Cluster == 0 {
				t.Errorf("got %+v at %+v, want %v", result.Succeeded, h, tt.want)
			}
			want := kv.Item{
				Key: a, Present: true, Create: create, Mod: mod, Lease: lease,
				Record: kv.Record{State: "ready"},
			}
			if result.Items[0] != want {
				t.Errorf("read %+v, want %+v", result.Items[0], want)
			}
		})
	}
}

func TestTxnNobodySaysItInAnEmptyGroup(t *testing.T) {
	s := open(t, config(t))
	var x kv.Txn
	x.IfNoneSays("master")
	x.Get(kv.Master)
	result, _, outcome, err := s.Txn(within(t, patience), &x, 0)
	expect(t, kv.OK, outcome, err)
	if result.Succeeded {
		t.Error("etcd's comparison of values now holds for an empty range: adapt kv.Compare's text")
	}
}

func TestTxnWrites(t *testing.T) {
	s := open(t, config(t))
	lease := mustGrant(t, s, 10*time.Second)
	put(t, shared.admin, s.Prefix()+"_control", "{}")
	reign := kv.Record{
		Node: "a", Incarnation: lease, Epoch: 1, Address: "a:5432", TTL: 10 * time.Second,
	}
	var claim kv.Txn
	claim.IfCreate(kv.Master, 0)
	claim.Put(kv.Master, reign, lease)
	claim.Put(kv.EpochKey, reign, 0)
	claim.Delete(kv.Control)
	claim.Get(kv.Master)
	claim.Get(kv.EpochKey)
	claim.Get(kv.Control)
	result, h, outcome, err := s.Txn(within(t, patience), &claim, 0)
	expect(t, kv.OK, outcome, err)
	want := kv.Result{Succeeded: true, Items: [kv.MaxReads]kv.Item{
		{Key: kv.Master, Present: true, Create: h.Rev, Mod: h.Rev, Lease: lease, Record: reign},
		{Key: kv.EpochKey, Present: true, Create: h.Rev, Mod: h.Rev, Record: reign},
		{Key: kv.Control},
	}}
	if result != want {
		t.Errorf("got %+v, want %+v", result, want)
	}

	again, h2, outcome, err := s.Txn(within(t, patience), &claim, 0)
	expect(t, kv.OK, outcome, err)
	want.Succeeded = false
	if again != want || h2.Rev < h.Rev {
		t.Errorf("the second claim got %+v at %d, want %+v", again, h2.Rev, want)
	}
}

func TestTxnWithLostLeaseWritesNothing(t *testing.T) {
	s := open(t, config(t))
	var x kv.Txn
	x.Put(kv.NodeKey("a"), kv.Record{State: "ready"}, 0)
	x.Put(kv.NodeKey("b"), kv.Record{State: "ready"}, 0x7777)
	x.Get(kv.Master)
	_, _, outcome, err := s.Txn(within(t, patience), &x, 0)
	expect(t, kv.LeaseGone, outcome, err, "lease not found")
	items, _, outcome, err := s.List(within(t, patience))
	expect(t, kv.OK, outcome, err)
	if len(items) != 0 {
		t.Errorf("a failed transaction has written %+v", items)
	}
}

func TestTxnRefusals(t *testing.T) {
	s := open(t, config(t))
	large := func(size int) func(*kv.Txn) {
		return func(x *kv.Txn) {
			x.Put(kv.Control, kv.Record{Raw: strings.Repeat("x", size)}, 0)
			x.Get(kv.Control)
		}
	}
	tests := []struct {
		name  string
		build func(*kv.Txn)
		text  string
	}{
		{"reads nothing", func(x *kv.Txn) { x.Delete(kv.Master) }, "reads nothing"},
		{"too large for etcd", large(1_700_000), "request is too large"},
		{"too large for gRPC", large(3 << 20), "larger than max"},
		{"writes twice", func(x *kv.Txn) {
			x.Put(kv.Control, kv.Record{Raw: "{}"}, 0)
			x.Put(kv.Control, kv.Record{Raw: "{}"}, 0)
			x.Get(kv.Control)
		}, "duplicate key"},
		{"newest node", func(x *kv.Txn) {
			x.IfNoneNewer(kv.KindNode, 1)
			x.Get(kv.Control)
		}, "no folder"},
		{"newest master", func(x *kv.Txn) {
			x.IfNoneNewer(kv.KindMaster, 1)
			x.Get(kv.Control)
		}, "no folder"},
		{"unknown target", func(x *kv.Txn) { x.NIf = 1; x.Get(kv.Control) }, "target 0"},
		{"unknown write", func(x *kv.Txn) { x.NThen = 1; x.Get(kv.Control) }, "kind 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var x kv.Txn
			tt.build(&x)
			_, _, outcome, err := s.Txn(within(t, patience), &x, 0)
			expect(t, kv.Failed, outcome, err, tt.text)
		})
	}
}
