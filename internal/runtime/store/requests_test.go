package store

import (
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

func TestGrantTellsWhatEtcdGranted(t *testing.T) {
	s := open(t, config(t))
	for _, tt := range []struct{ ask, want time.Duration }{
		{time.Millisecond, time.Second},
		{1500 * time.Millisecond, 2 * time.Second},
		{10 * time.Second, 10 * time.Second},
	} {
		lease, h, outcome, err := s.Grant(within(t, patience), tt.ask)
		expect(t, kv.OK, outcome, err)
		if lease.TTL != tt.want || lease.ID == 0 || h.Cluster == 0 || h.Rev == 0 {
			t.Errorf("asked for %s: got %+v, %+v, want a TTL of %s", tt.ask, lease, h, tt.want)
		}
	}
	_, _, outcome, err := s.Grant(within(t, patience), time.Duration(1<<63-1))
	expect(t, kv.Failed, outcome, err, "too large lease TTL", shared.server.Endpoint())
}

func TestLeaseLivesAndEnds(t *testing.T) {
	s := open(t, config(t))
	lease := mustGrant(t, s, 5*time.Second)
	ttl, h, outcome, err := s.KeepAlive(within(t, patience), lease, 0)
	expect(t, kv.OK, outcome, err)
	if ttl != 5*time.Second || h.Cluster == 0 {
		t.Errorf("renewed to %s with header %+v, want 5s", ttl, h)
	}
	_, outcome, err = s.Revoke(within(t, patience), lease)
	expect(t, kv.OK, outcome, err)
	_, outcome, err = s.Revoke(within(t, patience), lease)
	expect(t, kv.LeaseGone, outcome, err, "revoke the lease "+lease.String())
	_, _, outcome, err = s.KeepAlive(within(t, patience), lease, 0)
	expect(t, kv.LeaseGone, outcome, err, "renew the lease "+lease.String())
}

func TestExpiredLeaseIsGone(t *testing.T) {
	s := open(t, config(t))
	lease := mustGrant(t, s, time.Second)
	deadline := time.Now().Add(patience)
	for {
		resp, err := shared.admin.TimeToLive(within(t, patience), clientv3.LeaseID(lease))
		if err != nil {
			t.Fatal(err)
		}
		if resp.TTL < 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the lease has %d s left", resp.TTL)
		}
	}
	_, _, outcome, err := s.KeepAlive(within(t, patience), lease, 0)
	expect(t, kv.LeaseGone, outcome, err)
}

func TestListSurvivesGarbage(t *testing.T) {
	c := config(t)
	s := open(t, c)
	items, h, outcome, err := s.List(within(t, patience))
	expect(t, kv.OK, outcome, err)
	if len(items) != 0 || h.Rev == 0 || h.Cluster == 0 {
		t.Errorf("an empty group lists as %v at %+v", items, h)
	}

	lease := mustGrant(t, s, 10*time.Second)
	megabyte := strings.Repeat("x", 1<<20)
	garbage := map[string]string{
		"":               "the prefix itself",
		"a":              "ready",
		"b":              megabyte,
		"c":              "master\xff",
		"\xff\xfe":       "no UTF-8",
		"a/b":            "master",
		"_nodes/a":       "not JSON",
		"_nodes/a/b":     "{}",
		"_nodes/_master": "{}",
		"_master":        megabyte,
		"_later":         "{}",
	}
	for path, value := range garbage {
		put(t, shared.admin, s.Prefix()+path, value)
	}
	leased := clientv3.WithLease(clientv3.LeaseID(lease))
	first := put(t, shared.admin, s.Prefix()+"d", "pre_start", leased)
	last := put(t, shared.admin, s.Prefix()+"d", "ready", leased)
	put(t, shared.admin, strings.TrimSuffix(s.Prefix(), "/")+"2/a", "master")
	put(t, shared.admin, strings.TrimSuffix(s.Prefix(), "/"), "master")

	items, h, outcome, err = s.List(within(t, patience))
	expect(t, kv.OK, outcome, err)
	if h.Rev < last+2 {
		t.Errorf("listed at revision %d, after %d", h.Rev, last+2)
	}
	found := map[string]kv.Item{}
	for _, i := range items {
		found[i.Key.Path()] = i
		if !i.Present || i.Create == 0 || i.Mod < i.Create {
			t.Errorf("%q is listed as %+v", i.Key, i)
		}
	}
	if len(items) != len(garbage)+1 || len(found) != len(items) {
		t.Errorf("%d items, %d of them different, want %d", len(items), len(found), len(garbage)+1)
	}
	d := kv.Item{
		Key: kv.NodeKey("d"), Present: true, Create: first, Mod: last, Lease: lease,
		Record: kv.Record{State: "ready"},
	}
	if found["d"] != d {
		t.Errorf("got %+v, want %+v", found["d"], d)
	}
	for path, kind := range map[string]kv.Kind{
		"": kv.KindForeign, "a": kv.KindNode, "\xff\xfe": kv.KindForeign, "a/b": kv.KindForeign,
		"_nodes/a": kv.KindNodeInfo, "_nodes/a/b": kv.KindForeign,
		"_nodes/_master": kv.KindForeign, "_master": kv.KindMaster, "_later": kv.KindForeign,
	} {
		if found[path].Key.Kind != kind {
			t.Errorf("%q is of kind %d, want %d", path, found[path].Key.Kind, kind)
		}
	}
	for _, path := range []string{"b", "c", "_nodes/a", "_master"} {
		if found[path].Record.Bad == "" || found[path].Record.State == kv.StateMaster {
			t.Errorf("%q reads as %+v", path, found[path].Record)
		}
	}
}
