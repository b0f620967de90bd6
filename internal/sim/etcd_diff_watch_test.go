package sim

import (
	"errors"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

// watch opens a watch from the past, the present, the future, or from what has
// been compacted, with a liking for where one ends and the next begins.
func (d *etcdDiff) watch(t *rapid.T) {
	if len(d.watches) == 3 {
		t.Skip("enough watches")
	}
	floor, rev := d.e.history.floor, d.e.rev
	from := rapid.SampledFrom([]kv.Revision{
		floor - 1, floor, 1, (floor + rev) / 2, rev, rev + 1, rev + 4,
	}).Draw(t, "from")
	d.watches = append(d.watches, d.open(t, max(from, 1)))
}

// open returns once etcd has registered the watch.
func (d *etcdDiff) open(t *rapid.T, from kv.Revision) *etcdWatch {
	w := &etcdWatch{from: from}
	w.want, w.compacted = d.e.Events(from, nil)
	switch {
	case w.compacted != 0:
		d.met["watch compacted"]++
	case from <= d.e.rev:
		d.met["watch behind"]++
	case from > d.e.rev+1:
		d.met["watch ahead"]++
	}
	w.ch = d.c.Watch(d.ctx, d.prefix, clientv3.WithPrefix(), clientv3.WithRev(d.rev(from)),
		clientv3.WithCreatedNotify())
	if r := w.next(t); !r.Created {
		t.Fatalf("watch from %d: %+v instead of a confirmation", from, r)
	}
	return w
}

func (w *etcdWatch) next(t *rapid.T) clientv3.WatchResponse {
	select {
	case r, open := <-w.ch:
		if !open {
			t.Fatalf("the watch from %d has ended", w.from)
		}
		return r
	case <-time.After(20 * time.Second):
		t.Fatalf("the watch from %d is silent; it delivered %+v of %+v", w.from, w.got, w.want)
		panic("unreachable")
	}
}

// receive waits for what the watch must deliver and compares it. Anything more
// than that is found by the next call.
func (d *etcdDiff) receive(t *rapid.T, w *etcdWatch) {
	if w.compacted != 0 {
		r, rev := w.next(t), d.rev(w.compacted)
		if r.CompactRevision != rev || !errors.Is(r.Err(), rpctypes.ErrCompacted) {
			t.Fatalf("watch from %d: %+v, the model says compacted at %d", w.from, r, w.compacted)
		}
		return
	}
	for len(w.got) < len(w.want) {
		r := w.next(t)
		if err := r.Err(); err != nil {
			t.Fatalf("watch from %d: %v, the model delivers %+v", w.from, err, w.want)
		}
		for i, ev := range r.Events {
			it := d.change(ev)
			if i == 0 && len(w.got) > 0 && w.got[len(w.got)-1].Mod == it.Mod {
				t.Fatalf("etcd delivered revision %d in two parts", it.Mod)
			}
			w.got = append(w.got, it)
		}
		first, last := r.Events[0].Kv, r.Events[len(r.Events)-1].Kv
		if w == d.live && first.ModRevision != last.ModRevision {
			t.Fatalf("a watch that is not behind got several revisions at once: %+v", r.Events)
		}
	}
	if !slices.Equal(w.got, w.want) {
		t.Fatalf("watch from %d: etcd delivered\n%+v\nthe model\n%+v", w.from, w.got, w.want)
	}
}

// settle waits until every watch has caught up. A change that each of them must
// deliver makes sure of it, also where nothing else is to be delivered.
func (d *etcdDiff) settle(t *rapid.T) {
	k := kv.NodeKey("settle")
	r, err := d.c.Put(d.ctx, d.path(k), "")
	if err != nil {
		t.Fatal(err)
	}
	d.sameRev(t, r.Header.Revision, d.e.PutKey(k, kv.Record{}))
	d.check(t)
	d.watches = slices.DeleteFunc(d.watches, func(w *etcdWatch) bool {
		d.receive(t, w)
		return w.compacted != 0
	})
}

// compact compacts somewhere around the present. A watch that is behind would
// be cancelled or not, depending on when etcd gets to it; so none may be.
func (d *etcdDiff) compact(t *rapid.T) {
	d.settle(t)
	d.compactAt(t, kv.Revision(rapid.Int64Range(1, int64(d.e.rev)+2).Draw(t, "rev")))
}

func (d *etcdDiff) compactAt(t *rapid.T, rev kv.Revision) {
	floor := d.e.history.floor
	o := d.e.Compact(rev)
	d.met["compact "+o.String()]++
	_, err := d.c.Compact(d.ctx, d.rev(rev))
	class := rpctypes.ErrFutureRev
	if rev <= floor {
		class = rpctypes.ErrCompacted
	}
	d.sameError(t, err, class, o == kv.Failed)
}
