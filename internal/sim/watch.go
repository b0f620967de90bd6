package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// watch is an actor's stream of changes. A delivery brings everything from
// next on, up to what etcd had when it was sent: what happened while it was
// under way comes with the next one.
type watch struct {
	open    bool
	op      fsm.Op
	next    kv.Revision
	number  uint64
	coming  bool        // a delivery is under way
	upTo    kv.Revision // … of changes up to this revision
	started bool        // the first, maybe empty, delivery was made
	alive   int64
	stale   bool // it is on the member that is cut off
	items   []kv.Item
}

func (w *World) openWatch(a *actor, e *fsm.Effect) {
	w.number++
	items := a.watch.items[:0]
	from := e.Rev
	if mutant.On(mutant.LatePut) { // what an earlier stream was to bring comes again
		from = max(from-lateRevisions, w.etcd.history.floor, 2)
	}
	a.watch = watch{open: true, op: e.Op, next: from, number: w.number, alive: w.now, items: items}
	a.watch.stale = a.atStale(e.Attempt)
	w.deliverSoon(a)
	w.at(watchLimit, occurrence{kind: watchIdle, actor: a.index, gen: a.gen, number: w.number})
}

func (w *World) notifyWatches() {
	for i := range w.actors {
		a := &w.actors[i]
		if a.watch.open && a.up && (w.etcd.Header().Rev >= a.watch.next || !a.watch.started) {
			w.deliverSoon(a)
		}
	}
}

func (w *World) deliverSoon(a *actor) {
	if a.watch.coming {
		return
	}
	a.watch.coming, a.watch.upTo = true, w.etcd.Header().Rev
	lag := w.delay(a) + a.lag
	if !w.sched.Calm && w.links.chance(30) {
		lag += w.links.between(0, time.Second)
	}
	w.at(lag, occurrence{kind: watchDelivers, actor: a.index, gen: a.gen, number: a.watch.number})
}

func (w *World) watchDelivers(a *actor, o *occurrence) {
	t := &a.watch
	if !t.open || o.number != t.number {
		return
	}
	t.coming = false
	t.stale = t.stale && a.stale
	if a.fromEtcd.cuts > 0 || a.isolated > 0 || w.leaderBack > w.now {
		return // delivered by repairLinks, or never
	}
	if a.clogged > w.now {
		w.deliverSoon(a)
		return
	}
	var compacted kv.Revision
	knows := w.etcd.Header()
	if t.stale {
		w.sometimes(StaleWatch)
		knows = a.cutOff.Header()
		t.items, compacted = a.cutOff.Events(t.next, t.items[:0])
		t.upTo = min(t.upTo, knows.Rev)
	} else {
		t.items, compacted = w.etcd.Events(t.next, t.items[:0])
	}
	if compacted > 0 {
		w.endWatch(a, compacted)
		return
	}
	t.alive, t.next = w.now, max(t.next, t.upTo+1)
	if knows.Rev > t.upTo {
		for n := len(t.items); n > 0 && t.items[n-1].Mod > t.upTo; n-- {
			t.items = t.items[:n-1]
		}
		w.deliverSoon(a)
	}
	if len(t.items) == 0 && t.started {
		return
	}
	t.started = true
	items := t.items
	if n := len(items); mutant.On(mutant.MidRevision) && n > 1 && items[n-1].Mod == items[n-2].Mod {
		w.bring(a, items[:n-1], knows) // fragments that the driver has not put together
		items = items[n-1:]
	}
	w.bring(a, items, knows)
}

// lateRevisions is how far back a late stream begins.
const lateRevisions = 12

// bring gives a view whole revisions, and what its member knows.
func (w *World) bring(a *actor, items []kv.Item, knows kv.Header) {
	w.begin(fsm.Watched)
	w.ev.Op, w.ev.Items, w.ev.Header = a.watch.op, items, knows
	w.step(a)
}

// watchIdle ends a watch that shows no sign of life for too long. While all is
// well, progress notifications keep it alive.
func (w *World) watchIdle(a *actor, o *occurrence) {
	t := &a.watch
	if !t.open || o.number != t.number {
		return
	}
	if a.fromEtcd.cuts == 0 && a.toEtcd.cuts == 0 && a.isolated == 0 && w.leaderBack <= w.now {
		t.alive = w.now
	}
	if w.now-t.alive >= int64(watchLimit) {
		w.endWatch(a, 0)
		return
	}
	w.at(watchLimit, *o)
}

// breakWatch is a stream being cut: the actor finds out when it runs.
func (w *World) breakWatch(a *actor, after time.Duration) {
	if a.up && a.watch.open {
		o := w.ofAgent(a, watchBreaks, a.watch.number)
		w.at(after, o)
	}
}

// endWatch tells the actor that its watch is over. compacted is 0 or the
// revision up to which etcd has forgotten what it asks for.
func (w *World) endWatch(a *actor, compacted kv.Revision) {
	if !a.watch.open {
		return
	}
	a.watch.open = false
	w.begin(fsm.WatchEnded)
	w.ev.Op, w.ev.Rev = a.watch.op, compacted
	w.step(a)
}

// repairLinks: TCP delivers after a cut what it could not deliver before.
func (w *World) repairLinks() {
	w.notifyWatches()
	for i := range w.clients {
		w.flush(&w.clients[i])
	}
}
