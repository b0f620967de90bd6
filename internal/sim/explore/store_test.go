package explore

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
	"msdha/internal/sim"
)

// The keys whose order and conditions the abstract etcd has to get right.
var storeKeys = []kv.Key{
	kv.NodeKey("n1"), kv.NodeKey("n2"), kv.NodeInfo("n1"), kv.NodeInfo("n2"), kv.Master, kv.EpochKey,
	kv.Initialized,
}

// TestTheAbstractEtcdIsTheModel: what is explored is decided by an etcd that
// does what the simulator's does, which is held against the real one.
func TestTheAbstractEtcdIsTheModel(t *testing.T) {
	met := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		model := sim.NewEtcd(sim.EtcdConfig{Cluster: cluster, MinTTL: time.Second, Election: election, History: 1000})
		var leases []kv.LeaseID
		for range 3 {
			id, _, _ := model.Grant(0, ttl)
			leases = append(leases, id)
		}
		r := &revision{n: model.Header().Rev}
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			before := r
			if rapid.IntRange(0, 9).Draw(t, "revoke") == 0 && len(leases) > 0 {
				id := leases[0]
				leases = leases[1:]
				r = r.without(id)
				model.Revoke(id)
				met["revoked"]++
			} else {
				r = transactBoth(t, model, r, leases, met)
			}
			sameStore(t, model, before, r)
		}
	})
	for _, what := range []string{"revoked", "held", "refused"} {
		if met[what] == 0 {
			t.Errorf("nothing was ever %s", what)
		}
	}
}

// transactBoth draws a transaction and executes it in both.
func transactBoth(
	t *rapid.T, model *sim.Etcd, r *revision, leases []kv.LeaseID, met map[string]int,
) *revision {
	var x kv.Txn
	for range rapid.IntRange(0, 3).Draw(t, "conditions") {
		k := rapid.SampledFrom(storeKeys).Draw(t, "if")
		rev := kv.Revision(rapid.Int64Range(0, int64(r.n)).Draw(t, "rev"))
		if rapid.Bool().Draw(t, "as it is") {
			rev = r.get(k).Mod
		}
		switch rapid.IntRange(0, 4).Draw(t, "target") {
		case 0:
			x.IfCreate(k, r.get(k).Create)
		case 1:
			x.IfMod(k, rev)
		case 2:
			x.IfLease(k, r.get(k).Lease)
		case 3:
			x.IfNoneSays(rapid.SampledFrom([]string{kv.StateMaster, "ready"}).Draw(t, "text"))
		case 4:
			x.IfNoneNewer(kv.KindNodeInfo, rev)
		}
	}
	same := func(k kv.Key) kv.Key { return k }
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom(storeKeys), 0, 3, same).Draw(t, "keys") {
		if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
			x.Delete(k)
			continue
		}
		record := kv.Record{Node: "n1", Epoch: 3}
		if k.Kind == kv.KindNode {
			record = kv.Record{State: rapid.SampledFrom([]string{kv.StateMaster, "ready", "start"}).Draw(t, "state")}
		}
		x.Put(k, record, rapid.SampledFrom(append([]kv.LeaseID{0}, leases...)).Draw(t, "lease"))
	}
	x.Get(kv.Master)
	res, _, outcome := model.Txn(&x)
	if outcome != kv.OK {
		t.Fatalf("the model answers %v", outcome)
	}
	if holds := r.holds(&x); holds != res.Succeeded {
		t.Fatalf("the conditions hold: %v, in the model %v: %+v", holds, res.Succeeded, x.If[:x.NIf])
	}
	if !res.Succeeded {
		met["refused"]++
		return r
	}
	met["held"]++
	return r.after(x.Then[:x.NThen])
}

// sameStore compares contents, revision, and what a watch brings.
func sameStore(t *rapid.T, model *sim.Etcd, before, r *revision) {
	items, h := model.List(nil)
	order := func(a, b kv.Item) int { return a.Key.Compare(b.Key) }
	slices.SortFunc(items, order)
	if r.n != h.Rev || !slices.Equal(r.items, items) {
		t.Fatalf("revision %d: %+v\nin the model %d: %+v", r.n, r.items, h.Rev, items)
	}
	if r == before {
		return
	}
	events, _ := model.Events(r.n, nil)
	slices.SortFunc(events, order)
	if !slices.Equal(r.changed, events) {
		t.Fatalf("it changed %+v\nin the model %+v", r.changed, events)
	}
}
