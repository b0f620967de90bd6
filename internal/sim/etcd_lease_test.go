package sim

import (
	"slices"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func TestEtcdMinTTL(t *testing.T) {
	for _, c := range []struct{ heartbeat, election, want time.Duration }{
		{100 * time.Millisecond, 1000 * time.Millisecond, 2 * time.Second}, // etcd's default
		{10 * time.Millisecond, 100 * time.Millisecond, time.Second},
		{100 * time.Millisecond, 50 * time.Second, 75 * time.Second},
		// The ticks are divided as integers: 3*5/2 = 7 ticks, not 7.5.
		{200 * time.Millisecond, 1000 * time.Millisecond, 2 * time.Second},
		{150 * time.Millisecond, 750 * time.Millisecond, 2 * time.Second},
		{100 * time.Millisecond, 700 * time.Millisecond, time.Second},
	} {
		if got := EtcdMinTTL(c.heartbeat, c.election); got != c.want {
			t.Errorf("heartbeat %s, election %s: %s, want %s", c.heartbeat, c.election, got, c.want)
		}
	}
}

func TestEtcdGrant(t *testing.T) {
	e := etcdTest()
	for i, c := range []struct{ ask, want time.Duration }{
		{0, 2 * time.Second},
		{-time.Second, 2 * time.Second},
		{time.Second, 2 * time.Second},
		{2*time.Second + 1, 3 * time.Second},
		{9 * time.Second, 9 * time.Second},
	} {
		id, ttl, h := e.Grant(5, c.ask)
		l, ok := e.Lease(id)
		want := EtcdLease{ID: kv.LeaseID(i + 1), TTL: c.want, Expiry: 5 + int64(c.want)}
		if ttl != c.want || h.Rev != 1 || id != want.ID || !ok || l != want {
			t.Errorf("asked for %s: %s, lease %+v", c.ask, ttl, l)
		}
	}
	etcdMustCheck(t, e)
}

func TestEtcdGrantAtTheLimit(t *testing.T) {
	e := etcdTest()
	id, ttl, _ := e.Grant(1<<62, EtcdMaxTTL)
	if l, ok := e.Lease(id); !ok || ttl != EtcdMaxTTL || l.Expiry != etcdForever-1 {
		t.Errorf("the longest TTL: %s, lease %+v", ttl, l)
	}
	e.LeaderChange(1 << 62)
	if l, _ := e.Lease(id); l.Expiry != etcdForever-1 {
		t.Errorf("after a leader change: %+v", l)
	}
	if id, ttl, h := e.Grant(0, EtcdMaxTTL+1); id != 0 || ttl != 0 || h != (kv.Header{}) {
		t.Errorf("granted %s for %s at %+v", id, ttl, h)
	}
	etcdMustCheck(t, e)
}

func TestEtcdExpiry(t *testing.T) {
	e := etcdTest()
	a := kv.NodeKey("a")
	l, _, _ := e.Grant(0, 2*time.Second)
	other, _, _ := e.Grant(0, 9*time.Second)
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, l); x.Put(kv.Master, kv.Record{}, l) })
	etcdExec(e, a, func(x *kv.Txn) { x.Put(kv.NodeKey("b"), kv.Record{}, other) })
	if ttl, _, o := e.KeepAlive(1*etcdSec, l); ttl != 2*time.Second || o != kv.OK {
		t.Fatal(ttl, o)
	}
	if got := e.Expired(3*etcdSec-1, nil); got != nil {
		t.Fatalf("expired early: %v", got)
	}
	if got := e.Expired(3*etcdSec, nil); !slices.Equal(got, []kv.LeaseID{l}) {
		t.Fatalf("expired: %v", got)
	}
	if got := e.Expired(3*etcdSec+1, nil); got != nil {
		t.Fatalf("named again at once: %v", got)
	}
	if got := e.Expired(10*etcdSec, nil); !slices.Equal(got, []kv.LeaseID{l, other}) {
		t.Fatalf("not named again after 7 s: %v", got)
	}
	// Until the revocation is executed, the lease is dead for keepalives only.
	if _, _, o := e.KeepAlive(3*etcdSec, l); o != EtcdNoAnswer {
		t.Fatal(o)
	}
	late := func(x *kv.Txn) { x.Put(a, kv.Record{State: "late"}, l) }
	if _, o := etcdExec(e, a, late); o != kv.OK {
		t.Fatal(o)
	}
	before := e.Header().Rev
	h, o := e.Revoke(l)
	items, _ := e.Events(before+1, nil)
	if o != kv.OK || h.Rev != before+1 || len(items) != 2 || items[0].Key != kv.Master ||
		items[1] != (kv.Item{Key: a, Mod: h.Rev}) {
		t.Fatalf("%v at %d: %+v", o, h.Rev, items)
	}
	if _, _, o := e.KeepAlive(3*etcdSec, l); o != kv.LeaseGone {
		t.Fatal(o)
	}
	if _, o := e.Revoke(l); o != kv.LeaseGone {
		t.Fatal(o)
	}
	etcdMustCheck(t, e)
}

func TestEtcdPutBindsAnew(t *testing.T) {
	e := etcdTest()
	a, b := kv.NodeKey("a"), kv.NodeKey("b")
	l1, _, _ := e.Grant(0, 2*time.Second)
	l2, _, _ := e.Grant(0, 2*time.Second)
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, l1); x.Put(b, kv.Record{}, l1) })
	e.Wipe() // takes the keys and leaves the leases
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, l1); x.Put(b, kv.Record{}, l1) })
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, l2); x.Put(b, kv.Record{}, 0) })
	if h, o := e.Revoke(l1); o != kv.OK || h.Rev != 5 {
		t.Fatalf("a lease without keys consumed a revision: %v %v", o, h)
	}
	if h, o := e.Revoke(l2); o != kv.OK || h.Rev != 6 || e.Get(a).Present || !e.Get(b).Present {
		t.Fatalf("%v %v", o, h)
	}
	etcdMustCheck(t, e)
}

func TestEtcdRevokeSlowly(t *testing.T) {
	e := etcdTest()
	a := kv.NodeKey("a")
	l, _, _ := e.Grant(0, 2*time.Second)
	etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, l) })
	if h, o := e.RevokeSlowly(l, 10); o != kv.OK || h.Rev != 3 || e.Get(a).Present {
		t.Fatalf("%v %v", o, h)
	}
	etcdMustCheck(t, e)
	if ttl, _, o := e.KeepAlive(9, l); o != kv.OK || ttl != 2*time.Second {
		t.Fatalf("during the race: %v %v", ttl, o)
	}
	if _, o := etcdExec(e, a, func(x *kv.Txn) { x.Put(a, kv.Record{}, l) }); o != kv.LeaseGone {
		t.Fatalf("put during the race: %v", o)
	}
	if _, o := e.RevokeSlowly(l, 20); o != kv.LeaseGone {
		t.Fatalf("revoked twice: %v", o)
	}
	if _, ok := e.Lease(l); ok || e.Expired(1<<62, nil) != nil {
		t.Fatal("a revoked lease exists")
	}
	for range 2 {
		if _, _, o := e.KeepAlive(10, l); o != kv.LeaseGone {
			t.Fatalf("after the race: %v", o)
		}
	}
}

func TestEtcdLeaderChangeAndRestart(t *testing.T) {
	e := etcdTest()
	l, _, _ := e.Grant(0, 3*time.Second)
	gone, _, _ := e.Grant(0, 3*time.Second)
	e.RevokeSlowly(gone, 1<<62)
	e.Expired(4*etcdSec, nil)
	e.LeaderChange(5 * etcdSec)
	if got, _ := e.Lease(l); got.Expiry != 9*etcdSec {
		t.Fatalf("want TTL and election timeout on top: %+v", got)
	}
	if _, _, o := e.KeepAlive(6*etcdSec, gone); o != kv.LeaseGone {
		t.Fatalf("the race outlived the leader: %v", o)
	}
	if got := e.Expired(9*etcdSec, nil); !slices.Equal(got, []kv.LeaseID{l}) {
		t.Fatalf("a new leader looks at once: %v", got)
	}
	e.LeaderChange(9 * etcdSec)
	if _, _, o := e.KeepAlive(9*etcdSec, l); o != kv.OK {
		t.Fatalf("a leader change revives what is not revoked: %v", o)
	}
	e.Restart(4 * time.Second)
	if e.Expired(1<<62, nil) != nil {
		t.Fatal("expired without a leader")
	}
	if ttl, _, o := e.KeepAlive(10*etcdSec, l); ttl != 4*time.Second || o != kv.OK {
		t.Fatal(ttl, o)
	}
	e.LeaderChange(20 * etcdSec)
	if got, _ := e.Lease(l); got.TTL != 4*time.Second || got.Expiry != 25*etcdSec {
		t.Fatalf("the minimum TTL grew: %+v", got)
	}
	etcdMustCheck(t, e)
}
