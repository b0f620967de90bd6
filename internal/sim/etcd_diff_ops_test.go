//go:build !mutants

package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

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

// etcdTargets are all that package kv compares.
var etcdTargets = []kv.Target{
	kv.TargetCreate, kv.TargetMod, kv.TargetLease, kv.TargetText, kv.TargetNewest,
}

// conditions compares what one condition on each target comes to.
func (d *etcdDiff) conditions(t *rapid.T) {
	for _, target := range etcdTargets {
		var x kv.Txn
		d.drawCompare(t, &x, target)
		x.Get(x.If[0].Key)
		if target == kv.TargetText || target == kv.TargetNewest {
			x.Read[0] = kv.Master
		}
		r := d.both(t, &x)
		d.met[fmt.Sprint("if target ", target, " ", r.Succeeded)]++
	}
}

func (d *etcdDiff) drawCompare(t *rapid.T, x *kv.Txn, target kv.Target) {
	k := d.drawKey(t)
	now := d.e.Get(k)
	switch target {
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
		d.drawCompare(t, &x, rapid.SampledFrom(etcdTargets).Draw(t, "target"))
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
	d.both(t, &x)
}

// both executes a transaction in both worlds.
func (d *etcdDiff) both(t *rapid.T, x *kv.Txn) kv.Result {
	got, rev, outcome, err := d.txn(x)
	if err != nil {
		t.Fatal(err)
	}
	want, h, o := d.e.Txn(x)
	d.met[fmt.Sprint("txn ", o, " ", want.Succeeded)]++
	if got != want || rev != h.Rev || outcome != o {
		t.Fatalf("%+v\netcd says %v at %d: %+v\nthe model %v at %d: %+v",
			x, outcome, rev, got, o, h.Rev, want)
	}
	return want
}

// put is one put outside of a transaction, as a transaction without conditions.
func (d *etcdDiff) put(t *rapid.T) {
	k, text := d.drawKey(t), d.drawText(t)
	lease := d.drawLease(t)
	var x kv.Txn
	x.Put(k, etcdRecord(k, text), lease)
	x.Get(k)
	_, h, o := d.e.Txn(&x)
	d.met["put "+o.String()]++
	r, err := d.c.Put(d.ctx, d.path(k), etcdValue(etcdRecord(k, text)), clientv3.WithLease(d.lease(lease)))
	d.sameError(t, err, rpctypes.ErrLeaseNotFound, o == kv.LeaseGone)
	if err == nil {
		d.sameRev(t, r.Header.Revision, h)
	}
}

// grant asks for TTLs around both limits. A lease that may expire while the test
// runs is given back unused.
func (d *etcdDiff) grant(t *rapid.T) {
	most := int64(EtcdMaxTTL / time.Second)
	seconds := rapid.SampledFrom([]int64{600, 5, 1, 0, -1, -most, most, most + 1}).Draw(t, "ttl")
	if seconds == 600 {
		d.keepLease(t, seconds)
		return
	}
	id := d.grantBoth(t, seconds)
	if id == 0 {
		d.met["grant refused"]++
		return
	}
	d.met["grant"]++
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

// grantBoth gives 0 if both refuse.
func (d *etcdDiff) grantBoth(t *rapid.T, seconds int64) kv.LeaseID {
	r, err := d.c.Grant(d.ctx, seconds)
	id, ttl, h := d.e.Grant(0, time.Duration(seconds)*time.Second)
	d.sameError(t, err, rpctypes.ErrLeaseTTLTooLarge, id == 0)
	if id == 0 {
		return 0
	}
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
	whats := []string{"put", "delete", "elsewhere", "wipe", "compact", "compact"}
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
