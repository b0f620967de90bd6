//go:build !mutants

package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

// etcdTestOperations executes the same operations on the model and on etcd and
// compares everything that can be observed after each of them.
//
// Left out is what the machines never use and the model does not have: lists of
// leases, ids and checkpoints of leases, versions of keys, comparisons other than
// those of package kv, ranges with a limit or an order, watches with filters,
// fragments or previous values, and nested transactions.
func etcdTestOperations(t *testing.T, c *clientv3.Client) {
	met := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		d := etcdNewDiff(ctx, t, c, met)
		t.Repeat(d.actions())
		d.finish(t)
	})
	t.Logf("met: %v", met)
	if met["case"] < 50 {
		return // asked for few cases, or replaying one
	}
	for _, target := range etcdTargets {
		for _, result := range []bool{true, false} {
			if what := fmt.Sprint("if target ", target, " ", result); met[what] == 0 {
				t.Errorf("in %d cases there was no %q", met["case"], what)
			}
		}
	}
	for _, what := range []string{
		"txn ok true", "txn ok false", "txn lease-gone false", "txn failed false",
		"put ok", "put lease-gone", "grant", "grant refused",
		"keepalive ok", "keepalive lease-gone", "revoke ok", "revoke lease-gone", "revoke of many",
		"compact ok", "compact failed", "watch behind", "watch ahead", "watch compacted",
		"watch resumed", "watch resumed in time", "watch resumed too late",
		"progress", "no progress", "old range ok", "old range compacted", "range ahead",
	} {
		if met[what] == 0 {
			t.Errorf("in %d cases there was no %q", met["case"], what)
		}
	}
}

// etcdNewDiff begins with one lease and a fresh group.
func etcdNewDiff(
	ctx context.Context, t *rapid.T, c *clientv3.Client, met map[string]int,
) *etcdDiff {
	bridge, err := etcdNewBridge(ctx, c, fmt.Sprint("g", met["case"]))
	if err != nil {
		t.Fatal(err)
	}
	met["case"]++ // also names the group
	d := &etcdDiff{etcdBridge: bridge, met: met, e: NewEtcd(EtcdConfig{
		Cluster: 1, MinTTL: EtcdMinTTL(etcdRealHeartbeat, etcdRealElection),
		Election: etcdRealElection, History: 1000,
	})}
	d.keepLease(t, 600)
	d.seen = d.e.Header().Rev
	d.live = d.open(t, d.seen+1)
	return d
}

func (d *etcdDiff) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"":           d.check,
		"txn":        d.randomTxn,
		"txn 2":      d.randomTxn, // transactions are what matters most
		"txn 3":      d.randomTxn,
		"conditions": d.conditions,
		"put":        d.put,
		"grant":      d.grant,
		"keepalive":  d.keepAlive,
		"revoke":     func(t *rapid.T) { d.revoke(t, d.drawLease(t)) },
		"watch":      d.watch,
		"stream":     d.stream,
		"old member": d.oldMember,
		"operator":   d.operator,
	}
}

// etcdDiff is one group in both worlds. The model's time stands still.
type etcdDiff struct {
	*etcdBridge
	e       *Etcd
	met     map[string]int // how often what was met
	leases  []kv.LeaseID   // granted so far, revoked ones included
	live    *etcdWatch     // sees every revision as it happens
	watches []*etcdWatch
	broken  []*etcdWatch  // to be resumed
	members []*EtcdMember // what the group was earlier
	seen    kv.Revision   // up to which the watches know what to expect
	streams int
}

// check compares all state, the way to it included.
func (d *etcdDiff) check(t *rapid.T) {
	if err := d.e.check(); err != nil {
		t.Fatal(err)
	}
	want, h := d.e.List(nil)
	got, rev, err := d.list()
	if err != nil {
		t.Fatal(err)
	}
	if rev != h.Rev || !slices.Equal(got, want) {
		t.Fatalf("etcd holds at %d\n%+v\nthe model at %d\n%+v", rev, got, h.Rev, want)
	}
	changes, compacted := d.e.Events(d.seen+1, nil)
	if compacted != 0 {
		t.Fatalf("the model lost revision %d by compaction at %d", d.seen+1, compacted)
	}
	d.seen = h.Rev
	for _, w := range append(d.watches, d.live) {
		for _, it := range changes {
			if w.compacted == 0 && it.Mod >= w.from {
				w.want = append(w.want, it)
			}
		}
	}
	d.receive(t, d.live)
	for _, l := range d.leases {
		d.attached(t, l)
	}
}

// finish ends all that is open in ways that both worlds can see.
func (d *etcdDiff) finish(t *rapid.T) {
	if rapid.IntRange(0, 3).Draw(t, "compact at last") == 0 {
		d.settle(t)
		for _, rev := range []kv.Revision{d.e.rev, d.e.rev, d.e.rev - 1, d.e.rev + 1} {
			d.compactAt(t, rev)
		}
		d.watches = []*etcdWatch{d.open(t, d.e.rev-1), d.open(t, d.e.rev)}
	}
	for _, l := range d.leases {
		d.revoke(t, l)
		d.check(t)
	}
	d.wipe(t)
	d.check(t)
	for len(d.broken) > 0 {
		d.resume(t, 0)
	}
	d.settle(t)
}

// attached compares what keys etcd's lessor holds to be bound to the lease.
func (d *etcdDiff) attached(t *rapid.T, l kv.LeaseID) {
	r, err := d.c.TimeToLive(d.ctx, d.lease(l), clientv3.WithAttachedKeys())
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, k := range r.Keys {
		got = append(got, strings.TrimPrefix(string(k), d.prefix))
	}
	slices.Sort(got)
	for i := range d.e.items {
		if d.e.items[i].Lease == l {
			want = append(want, d.e.items[i].Key.Path())
		}
	}
	info, alive := d.e.Lease(l)
	if alive != (r.TTL >= 0) || alive && int64(info.TTL/time.Second) != r.GrantedTTL ||
		!slices.Equal(got, want) {
		t.Fatalf("lease %s: etcd says TTL %d of %d, keys %q; the model %+v, %q",
			l, r.TTL, r.GrantedTTL, got, info, want)
	}
}
