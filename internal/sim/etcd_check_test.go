package sim

import (
	"fmt"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// check reports what is inconsistent within the model.
func (e *Etcd) check() error {
	var last *kv.Item
	for i := range e.items {
		it := &e.items[i]
		switch {
		case last != nil && last.Key.Path() >= it.Key.Path():
			return fmt.Errorf("key %s stands before %s", last.Key, it.Key)
		case !it.Present:
			return fmt.Errorf("key %s is stored as absent", it.Key)
		case it.Create < 1 || it.Create > it.Mod || it.Mod > e.rev:
			return fmt.Errorf("key %s: create %d, mod %d, store at %d",
				it.Key, it.Create, it.Mod, e.rev)
		case it.Lease != 0 && e.lease(it.Lease) == nil:
			return fmt.Errorf("key %s is bound to lease %s, which does not exist", it.Key, it.Lease)
		}
		last = it
	}
	if err := e.checkLeases(); err != nil {
		return err
	}
	return e.checkHistory()
}

func (e *Etcd) checkLeases() error {
	for i, l := range e.leases {
		switch {
		case l.ID < 1 || l.ID > e.lastLease:
			return fmt.Errorf("lease %s was never granted; the last is %s", l.ID, e.lastLease)
		case i > 0 && e.leases[i-1].ID >= l.ID:
			return fmt.Errorf("lease %s stands before %s", e.leases[i-1].ID, l.ID)
		case l.TTL < e.minTTL || l.TTL%time.Second != 0:
			return fmt.Errorf("lease %s has a TTL of %s", l.ID, l.TTL)
		}
	}
	return nil
}

// checkHistory demands that the last change known of each key is its state.
func (e *Etcd) checkHistory() error {
	h := &e.history
	if h.floor > e.rev {
		return fmt.Errorf("compacted at %d, store at %d", h.floor, e.rev)
	}
	latest := map[string]kv.Item{}
	for i := range h.n {
		ev := h.at(i)
		switch {
		case ev.Mod < h.floor || ev.Mod > e.rev:
			return fmt.Errorf("change of %s at %d is outside of %d..%d",
				ev.Key, ev.Mod, h.floor, e.rev)
		case i > 0 && h.at(i-1).Mod > ev.Mod:
			return fmt.Errorf("change at %d follows one at %d", ev.Mod, h.at(i-1).Mod)
		case !ev.Present && *ev != (kv.Item{Key: ev.Key, Mod: ev.Mod}):
			return fmt.Errorf("deletion of %s at %d carries more than that", ev.Key, ev.Mod)
		}
		latest[ev.Key.Path()] = *ev
	}
	for path, ev := range latest {
		if now := e.Get(ev.Key); now.Present != ev.Present || ev.Present && now != ev {
			return fmt.Errorf("key %s is %+v, its last change was %+v", path, now, ev)
		}
	}
	for i := range e.items {
		it := &e.items[i]
		if _, ok := latest[it.Key.Path()]; !ok && it.Mod >= max(h.floor, 1) {
			return fmt.Errorf("key %s was written at %d, which no change tells", it.Key, it.Mod)
		}
	}
	return nil
}

// etcdMustCheck fails the test if the model is inconsistent.
func etcdMustCheck(t testing.TB, e *Etcd) {
	t.Helper()
	if err := e.check(); err != nil {
		t.Fatal(err)
	}
}

const etcdSec = int64(time.Second)

// etcdTest is a cluster with a minimum TTL of 2 s, as etcd has by default.
func etcdTest() *Etcd {
	return NewEtcd(EtcdConfig{
		Cluster: 7, MinTTL: 2 * time.Second, Election: time.Second, History: 64,
	})
}

// etcdExec executes a transaction that reads key.
func etcdExec(e *Etcd, key kv.Key, build func(*kv.Txn)) (kv.Result, kv.Outcome) {
	var t kv.Txn
	build(&t)
	t.Get(key)
	r, _, o := e.Txn(&t)
	return r, o
}
