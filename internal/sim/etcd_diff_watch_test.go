//go:build !mutants

package sim

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/metadata"
	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

// etcdWatch is a real watch and what the model says it must deliver. Like those
// of production it has a stream of its own.
type etcdWatch struct {
	from      kv.Revision
	ctx       context.Context
	cancel    context.CancelFunc
	ch        clientv3.WatchChan
	want, got []kv.Item
	compacted kv.Revision // for which it must be cancelled, 0 if it must not
	asked     int         // progress requests that must be answered
}

// watch opens a watch from the past, the present, the future, or from what has
// been compacted, with a liking for where one ends and the next begins.
func (d *etcdDiff) watch(t *rapid.T) {
	if len(d.watches) == 3 {
		t.Skip("enough watches")
	}
	floor, rev := d.e.history.floor, d.e.rev
	from := rapid.SampledFrom([]kv.Revision{
		floor - 1, floor, 1, (floor + rev) / 2, rev, rev + 1, rev + 4, rev + 60,
	}).Draw(t, "from")
	w := d.open(t, max(from, 1))
	d.watches = append(d.watches, w)
	if from > rev+1 {
		d.progressOf(t, w)
	}
}

// open returns once etcd has registered the watch.
func (d *etcdDiff) open(t *rapid.T, from kv.Revision) *etcdWatch {
	d.streams++
	// Watches with other metadata do not share a stream.
	stream := metadata.AppendToOutgoingContext(d.ctx, "stream", strconv.Itoa(d.streams))
	w := &etcdWatch{from: from}
	w.ctx, w.cancel = context.WithCancel(stream)
	w.want, w.compacted = d.e.Events(from, nil)
	switch {
	case w.compacted != 0:
		d.met["watch compacted"]++
	case from <= d.e.rev:
		d.met["watch behind"]++
	case from > d.e.rev+1:
		d.met["watch ahead"]++
	}
	w.ch = d.c.Watch(w.ctx, d.prefix, clientv3.WithPrefix(), clientv3.WithRev(d.rev(from)),
		clientv3.WithCreatedNotify())
	if r := w.next(t); !r.Created {
		t.Fatalf("watch from %d: %+v instead of a confirmation", from, r)
	}
	return w
}

func (w *etcdWatch) next(t *rapid.T) clientv3.WatchResponse {
	select {
	case r, open := <-w.ch:
		switch {
		case !open:
			t.Fatalf("the watch from %d has ended", w.from)
		case r.IsProgressNotify() && w.asked == 0:
			t.Fatalf("the watch from %d tells its progress (%d), the model says it does not",
				w.from, r.Header.Revision)
		}
		return r
	case <-time.After(20 * time.Second):
		t.Fatalf("the watch from %d is silent; it delivered %+v of %+v", w.from, w.got, w.want)
	}
	panic("unreachable")
}

// stream does something to a watch that exists.
func (d *etcdDiff) stream(t *rapid.T) {
	switch rapid.SampledFrom([]string{"break", "break", "resume", "progress"}).Draw(t, "what") {
	case "break":
		d.breakWatch(t)
	case "resume":
		d.resumeWatch(t)
	case "progress":
		d.progress(t)
	}
}

// breakWatch ends a watch, whatever it has still to deliver.
func (d *etcdDiff) breakWatch(t *rapid.T) {
	if len(d.watches) == 0 || len(d.broken) == 3 {
		t.Skip("nothing to break")
	}
	i := rapid.IntRange(0, len(d.watches)-1).Draw(t, "watch")
	w := d.watches[i]
	d.watches = slices.Delete(d.watches, i, i+1)
	w.cancel()
	for r := range w.ch {
		d.take(t, w, r)
	}
	if w.compacted == 0 {
		d.broken = append(d.broken, w)
	}
}

func (d *etcdDiff) resumeWatch(t *rapid.T) {
	if len(d.broken) == 0 {
		t.Skip("no broken watch")
	}
	d.resume(t, rapid.IntRange(0, len(d.broken)-1).Draw(t, "watch"))
}

// resume opens a broken watch again where its deliveries ended. Nothing must be
// missing, or it is refused for what has been compacted meanwhile.
func (d *etcdDiff) resume(t *rapid.T, i int) {
	w := d.broken[i]
	d.broken = slices.Delete(d.broken, i, i+1)
	from := w.from
	if n := len(w.got); n > 0 {
		from = w.got[n-1].Mod + 1
	}
	again := d.open(t, from)
	d.met["watch resumed"]++
	if again.compacted != 0 {
		d.met["watch resumed too late"]++
	} else {
		d.met["watch resumed in time"]++
		if rest := w.want[len(w.got):]; len(again.want) < len(rest) ||
			!slices.Equal(rest, again.want[:len(rest)]) {
			t.Fatalf("the model resumes with %+v, and %+v was to come", again.want, rest)
		}
	}
	d.watches = append(d.watches, again)
}

func (d *etcdDiff) progress(t *rapid.T) {
	d.settle(t)
	w := d.live
	if i := rapid.IntRange(0, len(d.watches)).Draw(t, "watch"); i < len(d.watches) {
		w = d.watches[i]
	}
	d.progressOf(t, w)
}

// progressOf asks a watch that is not behind for its progress. That no answer
// comes is certain once the stream has confirmed what was asked later.
func (d *etcdDiff) progressOf(t *rapid.T, w *etcdWatch) {
	h, ok := d.e.Progress(w.from)
	if ok {
		w.asked++
	}
	if err := d.c.RequestProgress(w.ctx); err != nil {
		t.Fatal(err)
	}
	if !ok {
		d.met["no progress"]++
		ctx, cancel := context.WithCancel(w.ctx)
		defer cancel()
		later := &etcdWatch{ch: d.c.Watch(ctx, d.prefix, clientv3.WithCreatedNotify())}
		later.next(t)
		return
	}
	d.met["progress"]++
	r := w.next(t)
	w.asked--
	if !r.IsProgressNotify() {
		t.Fatalf("watch from %d: %+v instead of its progress", w.from, r)
	}
	d.sameRev(t, r.Header.Revision, h)
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
		d.take(t, w, r)
	}
	if !slices.Equal(w.got, w.want) {
		t.Fatalf("watch from %d: etcd delivered\n%+v\nthe model\n%+v", w.from, w.got, w.want)
	}
}

// take adds what one response delivers, which is whole revisions.
func (d *etcdDiff) take(t *rapid.T, w *etcdWatch, r clientv3.WatchResponse) {
	for i, ev := range r.Events {
		it := d.change(ev)
		if i == 0 && len(w.got) > 0 && w.got[len(w.got)-1].Mod == it.Mod {
			t.Fatalf("etcd delivered revision %d in two parts", it.Mod)
		}
		w.got = append(w.got, it)
	}
	if n := len(w.got); n > len(w.want) || !slices.Equal(w.got, w.want[:n]) {
		t.Fatalf("watch from %d: etcd delivered\n%+v\nthe model\n%+v", w.from, w.got, w.want)
	}
	if n := len(r.Events); w == d.live && n > 0 &&
		r.Events[0].Kv.ModRevision != r.Events[n-1].Kv.ModRevision {
		t.Fatalf("a watch that is not behind got several revisions at once: %+v", r.Events)
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
	rev := kv.Revision(rapid.Int64Range(1, int64(d.e.rev)+2).Draw(t, "rev"))
	d.compactAt(t, rev)
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

// oldMember compares a range at an old revision, which is what a member still
// has that heard nothing since then, with the model of such a member. A range at
// a revision that was compacted, or is still to come, is refused; the machines
// ask for neither and the model has neither.
func (d *etcdDiff) oldMember(t *rapid.T) {
	if len(d.members) < 4 {
		m := new(EtcdMember)
		d.e.CutOff(m)
		d.members = append(d.members, m)
	}
	m := d.members[rapid.IntRange(0, len(d.members)-1).Draw(t, "member")]
	want, h := m.List(nil)
	got, rev, err := d.list(clientv3.WithRev(d.rev(h.Rev)))
	switch {
	case h.Rev < d.e.history.floor:
		d.met["old range compacted"]++
		d.sameError(t, err, rpctypes.ErrCompacted, true)
	case err != nil || rev != d.e.rev || !slices.Equal(got, want):
		t.Fatalf("at %d etcd held (%v)\n%+v\nthe member at %+v holds\n%+v", rev, err, got, h, want)
	default:
		d.met["old range ok"]++
		d.caughtUp(t, m)
	}
	ahead := d.rev(d.e.rev + kv.Revision(rapid.IntRange(1, 3).Draw(t, "ahead")))
	_, _, err = d.list(clientv3.WithRev(ahead))
	d.sameError(t, err, rpctypes.ErrFutureRev, true)
	d.met["range ahead"]++
}

// caughtUp demands that what a member tells its watches, and what they get when
// it hears from the others again, is together what every watch gets.
func (d *etcdDiff) caughtUp(t *rapid.T, m *EtcdMember) {
	from := d.e.history.floor + 1
	all, _ := d.e.Events(from, nil)
	parts, compacted := m.Events(from, nil)
	if compacted != 0 {
		t.Fatalf("a member at %+v knows of a later compaction", m.Header())
	}
	if parts, _ = d.e.Events(m.Header().Rev+1, parts); !slices.Equal(parts, all) {
		t.Fatalf("a member at %+v tells\n%+v\nothers\n%+v", m.Header(), parts, all)
	}
}
