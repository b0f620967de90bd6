package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// watching is a watch that runs.
type watching struct {
	t      *testing.T
	out    chan Batch
	end    chan WatchEnd
	cancel context.CancelFunc
}

func watchFrom(t *testing.T, s *Store, from kv.Revision) *watching {
	t.Helper()
	w := &watching{t: t, out: make(chan Batch), end: make(chan WatchEnd, 1)}
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(t.Context())
	t.Cleanup(w.cancel)
	go func() { w.end <- s.Watch(ctx, from, w.out) }()
	return w
}

// next gives the next batch, with items or of progress.
func (w *watching) next(progress bool) Batch {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case b := <-w.out:
			if (len(b.Items) == 0) == progress {
				return b
			}
		case end := <-w.end:
			w.t.Fatalf("the watch ended with %v: %v", end.Outcome, end.Err)
		case <-timeout:
			w.t.Fatal("no batch came")
		}
	}
}

func (w *watching) ended() WatchEnd {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case <-w.out:
		case end := <-w.end:
			return end
		case <-timeout:
			w.t.Fatal("the watch did not end")
		}
	}
}

// idle is an idle limit that tests can wait for, and that a busy machine keeps.
const idle = 3 * time.Second

func head(t *testing.T, s *Store) kv.Header {
	t.Helper()
	_, h, outcome, err := s.List(within(t, patience))
	expect(t, kv.OK, outcome, err)
	return h
}

func TestWatchDeliversWholeRevisions(t *testing.T) {
	s := open(t, config(t))
	h := head(t, s)
	w := watchFrom(t, s, h.Rev+1)
	lease := mustGrant(t, s, 60*time.Second)
	a, b := kv.NodeKey("a"), kv.NodeKey("b")

	var x kv.Txn
	x.Put(b, kv.Record{State: "ready"}, lease)
	x.Put(a, kv.Record{State: "start"}, lease)
	x.Put(kv.Control, kv.Record{Request: kv.RequestPause}, 0)
	x.Get(a)
	_, wrote, outcome, err := s.Txn(within(t, patience), &x, 0)
	expect(t, kv.OK, outcome, err)
	garbage := put(t, shared.admin, s.Prefix()+"garbage/\xff", "\x00")
	// Another group's changes are none of ours.
	put(t, shared.admin, "/msdha/other/a", "ready")
	resp, err := shared.admin.Delete(within(t, patience), s.Prefix()+"_control")
	if err != nil {
		t.Fatal(err)
	}
	deleted := kv.Revision(resp.Header.Revision)
	revoked, outcome, err := s.Revoke(within(t, patience), lease)
	expect(t, kv.OK, outcome, err)

	want := []Batch{
		{kv.Header{Cluster: h.Cluster, Rev: wrote.Rev}, []kv.Item{
			{
				Key: b, Present: true, Create: wrote.Rev, Mod: wrote.Rev, Lease: lease,
				Record: kv.Record{State: "ready"},
			},
			{
				Key: a, Present: true, Create: wrote.Rev, Mod: wrote.Rev, Lease: lease,
				Record: kv.Record{State: "start"},
			},
			{
				Key: kv.Control, Present: true, Create: wrote.Rev, Mod: wrote.Rev,
				Record: kv.Record{Request: kv.RequestPause},
			},
		}},
		{kv.Header{Cluster: h.Cluster, Rev: garbage}, []kv.Item{{
			Key: kv.Key{Kind: kv.KindForeign, Name: "garbage/\xff"}, Present: true,
			Create: garbage, Mod: garbage, Record: kv.Record{State: `\x00`},
		}}},
		{kv.Header{Cluster: h.Cluster, Rev: deleted}, []kv.Item{{Key: kv.Control, Mod: deleted}}},
		{kv.Header{Cluster: h.Cluster, Rev: revoked.Rev}, []kv.Item{
			{Key: a, Mod: revoked.Rev}, {Key: b, Mod: revoked.Rev},
		}},
	}
	for _, want := range want {
		got := w.next(false)
		if got.Header != want.Header || !slices.Equal(got.Items, want.Items) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
	w.cancel()
	end := w.ended()
	expect(t, kv.Unknown, end.Outcome, end.Err)
	if !errors.Is(end.Err, context.Canceled) {
		t.Errorf("the canceled watch ended with %v", end.Err)
	}
}

func TestWatchCatchesUp(t *testing.T) {
	s := open(t, config(t))
	revs := make([]kv.Revision, 1200) // more than etcd puts into one response
	for i := range revs {
		revs[i] = put(t, shared.admin, s.Prefix()+"a", "ready")
	}
	last := revs[len(revs)-1]
	w := watchFrom(t, s, revs[0])
	for _, rev := range revs {
		b := w.next(false)
		if b.Header.Rev != rev || len(b.Items) != 1 || b.Items[0].Mod != rev {
			t.Fatalf("got %+v at revision %d", b, rev)
		}
	}
	if b := w.next(true); b.Header.Rev < last {
		t.Errorf("progress up to %d after revision %d", b.Header.Rev, last)
	}
}

func TestQuietWatchTellsProgress(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.WatchIdle = idle
	s := open(t, c)
	h := head(t, s)
	w := watchFrom(t, s, h.Rev+1)
	if b := w.next(true); b.Header.Cluster != h.Cluster || b.Header.Rev < h.Rev {
		t.Errorf("progress %+v after %+v", b.Header, h)
	}
	// Longer than the idle limit: only the answers keep it alive.
	elsewhere := put(t, shared.admin, "/msdha/other/a", "ready")
	for end := time.Now().Add(idle + idle/2); time.Now().Before(end); {
		w.next(true)
	}
	for w.next(true).Header.Rev < elsewhere {
		// What happens elsewhere counts, too, sooner or later.
	}
}

func TestWatchOfCompactedRevision(t *testing.T) {
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	c := through(t, relay)
	c.WatchIdle = patience
	s := open(t, c)
	seen := put(t, shared.admin, s.Prefix()+"a", "start")
	w := watchFrom(t, s, seen)
	w.next(false)
	relay.Cut()
	end := w.ended()
	expect(t, kv.Unknown, end.Outcome, end.Err)
	if end.Compacted != 0 {
		t.Errorf("the lost watch says that %d was compacted", end.Compacted)
	}

	put(t, shared.admin, s.Prefix()+"a", "ready")
	last := put(t, shared.admin, s.Prefix()+"a", "master")
	if _, err := shared.admin.Compact(within(t, patience), int64(last)); err != nil {
		t.Fatal(err)
	}
	end = watchFrom(t, s, seen+1).ended()
	expect(t, kv.Unknown, end.Outcome, end.Err, "compacted")
	if end.Compacted != last || !errors.Is(end.Err, rpctypes.ErrCompacted) {
		t.Errorf("the watch ended with %d, %v; want %d", end.Compacted, end.Err, last)
	}
	items, _, outcome, err := s.List(within(t, patience))
	expect(t, kv.OK, outcome, err)
	if len(items) != 1 || items[0].Mod != last {
		t.Errorf("listed %+v", items)
	}
}

func TestWatchGoesOnWhereItWasCut(t *testing.T) {
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	c := through(t, relay)
	c.WatchIdle = patience
	s := open(t, c)
	first := put(t, shared.admin, s.Prefix()+"a", "ready")
	w, lost := watchFrom(t, s, first), 0
	for i, rev := 0, first; i < 30; i++ {
		// A watch that is opened right after the cut may meet a connection that
		// does not know of it yet.
		for received := false; !received; {
			select {
			case b := <-w.out:
				if len(b.Items) > 0 && b.Header.Rev != rev {
					t.Fatalf("got revision %d, want %d", b.Header.Rev, rev)
				}
				received = len(b.Items) > 0
			case end := <-w.end:
				expect(t, kv.Unknown, end.Outcome, end.Err)
				lost++
				w = watchFrom(t, s, rev)
			case <-time.After(patience):
				t.Fatalf("revision %d does not come", rev)
			}
		}
		if i%10 == 9 {
			relay.Cut()
		}
		rev = put(t, shared.admin, s.Prefix()+"a", "ready")
	}
	if lost < 2 {
		t.Errorf("the watch was lost %d times in 2 cuts", lost)
	}
}

func TestSilentWatchIsLostAndTheLeaseIsNot(t *testing.T) {
	t.Parallel()
	a, b := etcdtest.MustRelay(t, shared.server.Addr()), etcdtest.MustRelay(t, shared.server.Addr())
	c := through(t, a, b)
	c.WatchIdle = idle
	s := open(t, c)
	for _, l := range s.lanes {
		if !l.awaitReady(within(t, patience)) {
			t.Fatal("not connected")
		}
	}
	lease := mustGrant(t, s, 60*time.Second)
	s.good.Store(0)
	w := watchFrom(t, s, head(t, s).Rev+1)
	w.next(true)

	a.Hold(true, true)
	silent := time.Now()
	end := w.ended()
	expect(t, kv.Unknown, end.Outcome, end.Err, "no sign of life for 3s", a.Addr())
	// At the earliest a third of the limit sooner: the last answer came before.
	if took := time.Since(silent); took < idle/2 || took > patience/2 {
		t.Errorf("silence was noticed after %s", took)
	}
	_, _, outcome, err := s.KeepAlive(within(t, patience), lease, 1)
	expect(t, kv.OK, outcome, err)
	put(t, shared.admin, s.Prefix()+"a", "ready", clientv3.WithLease(clientv3.LeaseID(lease)))
	w = watchFrom(t, s, head(t, s).Rev) // by itself over the other endpoint
	if b := w.next(false); b.Items[0].Lease != lease {
		t.Errorf("got %+v", b)
	}
}

func TestSlowConsumerLosesNothing(t *testing.T) {
	t.Parallel()
	c := config(t)
	c.WatchIdle = idle
	s := open(t, c)
	first := put(t, shared.admin, s.Prefix()+"a", "0")
	w := watchFrom(t, s, first)
	w.next(false)
	revs := make([]kv.Revision, 3)
	for i := range revs {
		revs[i] = put(t, shared.admin, s.Prefix()+"a", "ready")
	}
	<-time.After(idle + idle/2) // the consumer, not etcd, is silent
	for _, rev := range revs {
		if b := w.next(false); b.Header.Rev != rev {
			t.Fatalf("got revision %d, want %d", b.Header.Rev, rev)
		}
	}
}

func TestWatchFromNowhereIsRefused(t *testing.T) {
	s := open(t, config(t))
	end := s.Watch(t.Context(), 0, nil)
	expect(t, kv.Failed, end.Outcome, end.Err, "must be positive")
}
