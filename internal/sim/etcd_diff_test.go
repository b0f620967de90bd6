package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

// etcdTestOperations executes the same operations on the model and on etcd and
// compares everything that can be observed after each of them.
func etcdTestOperations(t *testing.T, c *clientv3.Client) {
	met := map[string]int{}
	etcdRunOperations(t, c, met)
	t.Logf("met: %v", met)
	if met["case"] < 50 {
		return // asked for few cases, or replaying one
	}
	for _, what := range []string{
		"txn ok true", "txn ok false", "txn lease-gone false", "txn failed false",
		"keepalive ok", "keepalive lease-gone", "revoke ok", "revoke lease-gone", "revoke of many",
		"compact ok", "compact failed", "watch behind", "watch ahead", "watch compacted",
	} {
		if met[what] == 0 {
			t.Errorf("in %d cases there was no %q", met["case"], what)
		}
	}
}

func etcdRunOperations(t *testing.T, c *clientv3.Client, met map[string]int) {
	rapid.Check(t, func(t *rapid.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		bridge, err := etcdNewBridge(ctx, c, fmt.Sprint("g", met["case"]))
		if err != nil {
			t.Fatal(err)
		}
		met["case"]++ // also names the group
		d := &etcdDiff{etcdBridge: bridge, met: met, e: NewEtcd(EtcdConfig{
			MinTTL: EtcdMinTTL(etcdRealHeartbeat, etcdRealElection), Election: etcdRealElection,
			History: 1000,
		})}
		d.keepLease(t, 600)
		d.seen = d.e.Header().Rev
		d.live = d.open(t, d.seen+1)
		t.Repeat(map[string]func(*rapid.T){
			"":          d.check,
			"txn":       d.randomTxn,
			"txn 2":     d.randomTxn, // transactions are what matters most
			"txn 3":     d.randomTxn,
			"grant":     d.grant,
			"keepalive": d.keepAlive,
			"revoke":    func(t *rapid.T) { d.revoke(t, d.drawLease(t)) },
			"watch":     d.watch,
			"operator":  d.operator,
		})
		d.finish(t)
	})
}

// etcdDiff is one group in both worlds. The model's time stands still.
type etcdDiff struct {
	*etcdBridge
	e       *Etcd
	met     map[string]int // how often what was met
	leases  []kv.LeaseID   // granted so far, revoked ones included
	live    *etcdWatch     // sees every revision as it happens
	watches []*etcdWatch
	seen    kv.Revision // up to which the watches know what to expect
}

// etcdWatch is a real watch and what the model says it must deliver.
type etcdWatch struct {
	from      kv.Revision
	ch        clientv3.WatchChan
	want, got []kv.Item
	compacted kv.Revision // for which it must be cancelled, 0 if it must not
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
}

// finish ends all that is open in ways that both worlds can see.
func (d *etcdDiff) finish(t *rapid.T) {
	for _, l := range d.leases {
		d.attached(t, l)
	}
	if rapid.IntRange(0, 3).Draw(t, "compact at last") == 0 {
		d.settle(t)
		d.compactAt(t, d.e.rev)
		d.watches = []*etcdWatch{d.open(t, d.e.rev-1), d.open(t, d.e.rev)}
	}
	for _, l := range d.leases {
		d.revoke(t, l)
		d.check(t)
	}
	d.wipe(t)
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

func (d *etcdDiff) drawKey(t *rapid.T) kv.Key {
	return rapid.SampledFrom(etcdKeys).Draw(t, "key")
}

// drawLease gives a lease, most often one that lives, else one that did or one
// that never existed.
func (d *etcdDiff) drawLease(t *rapid.T) kv.LeaseID {
	some := append([]kv.LeaseID{1 << 40}, d.leases...)
	if rapid.IntRange(0, 3).Draw(t, "any") < 3 {
		alive := slices.DeleteFunc(slices.Clone(d.leases), func(l kv.LeaseID) bool {
			_, ok := d.e.Lease(l)
			return !ok
		})
		if len(alive) > 0 {
			some = alive
		}
	}
	return rapid.SampledFrom(some).Draw(t, "lease")
}

func (d *etcdDiff) drawText(t *rapid.T) string {
	return rapid.SampledFrom([]string{"ready", kv.StateMaster, "x"}).Draw(t, "text")
}

// drawRev gives, most often, the revision for which a condition holds.
func (d *etcdDiff) drawRev(t *rapid.T, holds kv.Revision) kv.Revision {
	if rapid.IntRange(0, 3).Draw(t, "guess") < 3 {
		return holds
	}
	return kv.Revision(rapid.Int64Range(0, int64(d.e.rev)+1).Draw(t, "rev"))
}

func (d *etcdDiff) drawCompare(t *rapid.T, x *kv.Txn) {
	k := d.drawKey(t)
	now := d.e.Get(k)
	switch rapid.SampledFrom([]kv.Target{
		kv.TargetCreate, kv.TargetMod, kv.TargetLease, kv.TargetText, kv.TargetNewest,
	}).Draw(t, "target") {
	case kv.TargetCreate:
		x.IfCreate(k, d.drawRev(t, now.Create))
	case kv.TargetMod:
		x.IfMod(k, d.drawRev(t, now.Mod))
	case kv.TargetLease:
		lease := now.Lease
		if rapid.IntRange(0, 3).Draw(t, "guess") == 3 {
			lease = d.drawLease(t)
		}
		x.IfLease(k, lease)
	case kv.TargetText:
		x.IfNoneSays(d.drawText(t))
	case kv.TargetNewest:
		kind := rapid.SampledFrom([]kv.Kind{
			kv.KindNodeInfo, kv.KindFrontend, kv.KindHistory,
		}).Draw(t, "kind")
		x.IfNoneNewer(kind, d.drawRev(t, d.e.rev-1))
	}
}

func (d *etcdDiff) randomTxn(t *rapid.T) {
	var x kv.Txn
	for range rapid.IntRange(0, 3).Draw(t, "compares") {
		d.drawCompare(t, &x)
	}
	for range rapid.IntRange(0, kv.MaxOps).Draw(t, "writes") {
		k := d.drawKey(t)
		if rapid.IntRange(0, 3).Draw(t, "delete") == 3 {
			x.Delete(k)
			continue
		}
		lease := kv.LeaseID(0)
		if rapid.Bool().Draw(t, "leased") {
			lease = d.drawLease(t)
		}
		x.Put(k, etcdRecord(k, d.drawText(t)), lease)
	}
	for range rapid.IntRange(1, kv.MaxReads).Draw(t, "reads") {
		x.Get(d.drawKey(t))
	}
	got, rev, outcome, err := d.txn(&x)
	if err != nil {
		t.Fatal(err)
	}
	want, h, o := d.e.Txn(&x)
	d.met[fmt.Sprint("txn ", o, " ", want.Succeeded)]++
	if got != want || rev != h.Rev || outcome != o {
		t.Fatalf("%+v\netcd says %v at %d: %+v\nthe model %v at %d: %+v",
			x, outcome, rev, got, o, h.Rev, want)
	}
}

func (d *etcdDiff) grant(t *rapid.T) {
	seconds := rapid.SampledFrom([]int64{600, 5, 1, 0, -1}).Draw(t, "ttl")
	if seconds == 600 {
		d.keepLease(t, seconds)
		return
	}
	// Leases that may expire while the test runs are given back unused.
	id := d.grantBoth(t, seconds)
	_, err := d.c.Revoke(d.ctx, d.lease(id))
	if err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		t.Fatal(err)
	}
	d.e.Revoke(id)
}

// keepLease grants a lease that outlives the test.
func (d *etcdDiff) keepLease(t *rapid.T, seconds int64) {
	d.leases = append(d.leases, d.grantBoth(t, seconds))
}

func (d *etcdDiff) grantBoth(t *rapid.T, seconds int64) kv.LeaseID {
	r, err := d.c.Grant(d.ctx, seconds)
	if err != nil {
		t.Fatal(err)
	}
	id, ttl, h := d.e.Grant(0, time.Duration(seconds)*time.Second)
	d.bind(id, r.ID)
	d.sameRev(t, r.Revision, h)
	if r.TTL != int64(ttl/time.Second) {
		t.Fatalf("TTL %d: etcd granted %d, the model %s", seconds, r.TTL, ttl)
	}
	return id
}

func (d *etcdDiff) keepAlive(t *rapid.T) {
	l := d.drawLease(t)
	ttl, h, o := d.e.KeepAlive(0, l)
	d.met["keepalive "+o.String()]++
	r, err := d.c.KeepAliveOnce(d.ctx, d.lease(l))
	d.sameError(t, err, rpctypes.ErrLeaseNotFound, o == kv.LeaseGone)
	if err == nil {
		d.sameRev(t, r.Revision, h)
		if r.TTL != int64(ttl/time.Second) {
			t.Fatalf("etcd renewed for %d, the model for %s", r.TTL, ttl)
		}
	}
}

// revoke stands for expiry too, which is this very request made by the leader.
func (d *etcdDiff) revoke(t *rapid.T, l kv.LeaseID) {
	keys := len(d.e.items)
	h, o := d.e.Revoke(l)
	d.met["revoke "+o.String()]++
	if len(d.e.items)+1 < keys {
		d.met["revoke of many"]++
	}
	r, err := d.c.Revoke(d.ctx, d.lease(l))
	d.sameError(t, err, rpctypes.ErrLeaseNotFound, o == kv.LeaseGone)
	if err == nil {
		d.sameRev(t, r.Header.Revision, h)
	}
}

func (d *etcdDiff) operator(t *rapid.T) {
	k := d.drawKey(t)
	whats := []string{"put", "delete", "elsewhere", "wipe", "compact"}
	switch rapid.SampledFrom(whats).Draw(t, "what") {
	case "put":
		record := etcdRecord(k, d.drawText(t))
		r, err := d.c.Put(d.ctx, d.path(k), etcdValue(record))
		if err != nil {
			t.Fatal(err)
		}
		d.sameRev(t, r.Header.Revision, d.e.PutKey(k, record))
	case "delete":
		r, err := d.c.Delete(d.ctx, d.path(k))
		if err != nil {
			t.Fatal(err)
		}
		d.sameRev(t, r.Header.Revision, d.e.DeleteKey(k))
	case "wipe":
		d.wipe(t)
	case "compact":
		d.compact(t)
	case "elsewhere":
		rev, err := d.elsewhere()
		if err != nil {
			t.Fatal(err)
		}
		d.sameRev(t, rev, d.e.WriteElsewhere())
	}
}

func (d *etcdDiff) wipe(t *rapid.T) {
	r, err := d.c.Delete(d.ctx, d.prefix, clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	d.sameRev(t, r.Header.Revision, d.e.Wipe())
}

func (d *etcdDiff) sameRev(t *rapid.T, real int64, h kv.Header) {
	if real-d.base != int64(h.Rev) {
		t.Fatalf("etcd answered at %d, the model at %d", real-d.base, h.Rev)
	}
}

// sameError demands that etcd fails with this error exactly if the model does.
func (d *etcdDiff) sameError(t *rapid.T, got, class error, want bool) {
	if want != errors.Is(got, class) || !want && got != nil {
		t.Fatalf("etcd says %v, the model %v (%v)", got, want, class)
	}
}
