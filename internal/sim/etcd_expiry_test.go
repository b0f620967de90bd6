//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

// etcdLate is how late a noisy machine may be beyond the period of the scan.
const etcdLate = 5 * time.Second

// etcdLeased grants a lease in both worlds and binds two keys to it. It gives the
// time by which etcd granted it.
func etcdLeased(t *testing.T, b *etcdBridge, e *Etcd, want time.Duration) (l kv.LeaseID, answered time.Time) {
	t.Helper()
	r, err := b.c.Grant(b.ctx, int64(want/time.Second))
	answered = time.Now()
	if err != nil {
		t.Fatal(err)
	}
	l, ttl, _ := e.Grant(0, want)
	if r.TTL != int64(want/time.Second) || ttl != want {
		t.Fatalf("etcd granted %d s, the model %s", r.TTL, ttl)
	}
	b.bind(l, r.ID)
	var x kv.Txn
	x.Put(kv.NodeKey("a"), kv.Record{State: kv.StateMaster}, l)
	x.Put(kv.Master, kv.Record{Node: "a"}, l)
	x.Get(kv.Master)
	etcdBoth(t, b, e, &x, kv.OK)
	return l, answered
}

// etcdBoth executes a transaction in both worlds.
func etcdBoth(t *testing.T, b *etcdBridge, e *Etcd, x *kv.Txn, want kv.Outcome) {
	t.Helper()
	got, rev, outcome, err := b.txn(x)
	r, h, o := e.Txn(x)
	if err != nil || outcome != want || o != want || rev != h.Rev || got != r {
		t.Fatalf("etcd: %v at %d %+v (%v)\nmodel: %v at %d %+v",
			outcome, rev, got, err, o, h.Rev, r)
	}
}

// etcdTestExpiry renews a lease and lets it expire: its keys go at one revision,
// in the model's order, not before the TTL and not later than a scan after it.
func etcdTestExpiry(t *testing.T, c *clientv3.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b, err := etcdNewBridge(ctx, c, "expiry")
	if err != nil {
		t.Fatal(err)
	}
	e := NewEtcd(EtcdConfig{MinTTL: time.Second, Election: etcdRealElection, History: 10})
	ttl := 2 * time.Second
	l, _ := etcdLeased(t, b, e, ttl)
	next := b.rev(e.Header().Rev + 1)
	watch := c.Watch(ctx, b.prefix, clientv3.WithPrefix(), clientv3.WithRev(next))
	gap := 200 * time.Millisecond // so that the renewal makes a difference
	time.Sleep(gap)
	renewed := etcdSpan{from: time.Now()}
	_, err = c.KeepAliveOnce(ctx, b.lease(l))
	renewed.to = time.Now()
	if _, _, o := e.KeepAlive(int64(gap), l); err != nil || o != kv.OK {
		t.Fatalf("cannot renew: etcd %v, the model %v", err, o)
	}
	life, err := etcdAskLife(ctx, c, b.lease(l))
	if err != nil {
		t.Fatal(err)
	}
	unseen, err := etcdSameLife(e, l, life, renewed.add(-gap))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a difference of more than %s would have been seen", unseen)
	r, open := <-watch
	gone := time.Now()
	if !open || r.Err() != nil {
		t.Fatalf("the watch ended: %v", r.Err())
	}
	var got []kv.Item
	for _, ev := range r.Events {
		got = append(got, b.change(ev))
	}

	expiry := int64(gap + ttl)
	if early := e.Expired(expiry-1, nil); early != nil {
		t.Errorf("the model lets %v expire early", early)
	}
	if due := e.Expired(expiry, nil); !slices.Equal(due, []kv.LeaseID{l}) {
		t.Errorf("the model lets %v expire", due)
	}
	before := e.Header().Rev
	e.Revoke(l)
	if want, _ := e.Events(before+1, nil); !slices.Equal(got, want) {
		t.Errorf("etcd deleted %+v, the model %+v", got, want)
	}
	if d := gone.Sub(renewed.from); d < ttl {
		t.Errorf("the lease expired %s after the request to renew it, before its TTL", d)
	}
	if d := gone.Sub(renewed.to); d > ttl+EtcdScan+etcdLate {
		t.Errorf("the lease expired %s after it was renewed", d)
	}
}

// etcdTestExpiredLease finds a lease that has expired and is not revoked yet.
// That is so for up to a scan's period; an attempt fails if the scan came first.
func etcdTestExpiredLease(t *testing.T, c *clientv3.Client) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for attempt := range 10 {
		b, err := etcdNewBridge(ctx, c, fmt.Sprint("expired", attempt))
		if err != nil {
			t.Fatal(err)
		}
		e := NewEtcd(EtcdConfig{MinTTL: time.Second, Election: etcdRealElection, History: 10})
		l, answered := etcdLeased(t, b, e, time.Second)
		if etcdUseExpired(t, b, e, l, answered.Add(time.Second)) {
			return
		}
	}
	t.Error("never found a lease between its expiry and its revocation")
}

// etcdUseExpired puts with the lease once it has certainly expired, and renews
// it. It reports whether the lease was still there for the put.
func etcdUseExpired(
	t *testing.T, b *etcdBridge, e *Etcd, l kv.LeaseID, expired time.Time,
) bool {
	t.Helper()
	<-time.After(time.Until(expired))
	var x kv.Txn
	x.Put(kv.NodeKey("a"), kv.Record{State: "late"}, l)
	x.Get(kv.NodeKey("a"))
	got, rev, outcome, err := b.txn(&x)
	if err != nil {
		t.Fatal(err)
	}
	if outcome == kv.LeaseGone {
		return false
	}
	if due := e.Expired(int64(time.Second), nil); !slices.Equal(due, []kv.LeaseID{l}) {
		t.Fatalf("the model lets %v expire", due)
	}
	r, h, o := e.Txn(&x)
	if outcome != o || got != r || rev != h.Rev {
		t.Fatalf("etcd: %v at %d %+v\nmodel: %v at %d %+v", outcome, rev, got, o, h.Rev, r)
	}
	if _, _, o := e.KeepAlive(int64(time.Second), l); o != EtcdNoAnswer {
		t.Fatalf("the model renews an expired lease: %v", o)
	}
	// The answer comes when the lease is revoked, and says so.
	if _, err := b.c.KeepAliveOnce(b.ctx, b.lease(l)); !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		t.Fatalf("etcd answers the renewal of an expired lease: %v", err)
	}
	e.Revoke(l)
	want, h := e.List(nil)
	if items, rev, err := b.list(); err != nil || rev != h.Rev || !slices.Equal(items, want) {
		t.Fatalf("after the revocation etcd holds %+v at %d (%v), the model %+v at %d",
			items, rev, err, want, h.Rev)
	}
	return true
}
