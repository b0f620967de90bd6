package fsm

import (
	"cmp"
	"slices"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

const (
	listTimeout = 5 * time.Second
	// viewBackoff is the pause before a broken watch or a failed listing is
	// tried again.
	viewBackoff = 200 * time.Millisecond
)

type viewPhase uint8

const (
	viewClosed viewPhase = iota
	viewListing
	viewWatching
	viewRelist // pausing, then list
	viewResume // pausing, then watch from next
)

// View keeps the group's keys as etcd had them at one revision, and follows
// them by listing once and watching from there. It resumes a broken watch at
// the revision after the last one it has processed whole, and lists again when
// that one is compacted (SPEC R6, S16). Unlike the machines it is no value:
// the listing has no bound.
//
// It is pure all the same, and tells a machine at each revision what changed
// in the form of Facts; never in the middle of a revision, since etcd's
// transactions are atomic.
type View struct {
	self    string
	phase   viewPhase
	op      Op
	attempt int
	sent    Instant
	retryAt Instant
	listed  bool
	synced  bool
	gap     bool // the next facts come from a listing
	anew    bool // … and etcd is another one: finals in it are of its past
	quiet   bool // no notices: there is no hook to tell, or none may start
	next    kv.Revision
	floor   kv.Revision // finals written up to here do not count (SPEC K4)
	items   []kv.Item
	spare   []kv.Item // the previous listing, kept to reuse its memory
	facts   Facts
	ev      Event
}

// receiver is a machine that a view informs.
type receiver interface {
	Step(now Instant, ev *Event, out *Effects)
	Next() Instant
	over() bool // it has exited
}

// NewView returns a closed view for the node of that name. Without a name it
// belongs to a frontend, and tells no hook of changes.
func NewView(self string) View { return View{self: self, retryAt: Never, quiet: self == ""} }

// Items is the listing at Rev, sorted; read only.
func (v *View) Items() []kv.Item { return v.items }

// Rev is the revision that the view shows; 0 before the first listing.
func (v *View) Rev() kv.Revision { return v.facts.Rev }

// Facts is the digest at Rev.
func (v *View) Facts() *Facts { return &v.facts }

// Next is when the view wants to be woken.
func (v *View) Next() Instant { return v.retryAt }

// Open starts following the group: it lists, from scratch when already open.
func (v *View) Open(now Instant, out *Effects) {
	if v.phase == viewWatching {
		out.add(StopWatch).Op = v.op
	}
	v.list(now, out)
}

func (v *View) list(now Instant, out *Effects) {
	v.op++
	v.phase, v.sent, v.retryAt = viewListing, now, Never
	e := out.add(ListKeys)
	e.Op, e.Timeout, e.Attempt = v.op, listTimeout, v.attempt
}

func (v *View) watch(out *Effects) {
	v.op++
	v.phase, v.retryAt = viewWatching, Never
	e := out.add(WatchKeys)
	e.Op, e.Rev, e.Attempt = v.op, v.next, v.attempt
}

// Step takes Listed, Watched, WatchEnded and Tick, and passes the facts to the
// machine once per revision.
func (v *View) Step(now Instant, ev *Event, out *Effects, to receiver) {
	switch {
	case ev.Kind == Tick:
		v.wake(now, out)
	case ev.Op != v.op:
		// A reply to a request that was given up.
	case ev.Kind == Listed && v.phase == viewListing:
		v.onListed(now, ev, out, to)
	case ev.Kind == Watched && v.phase == viewWatching:
		v.onWatched(now, ev, out, to)
	case ev.Kind == WatchEnded && v.phase == viewWatching:
		v.onEnded(now, ev, out, to)
	}
}

func (v *View) wake(now Instant, out *Effects) {
	if now < v.retryAt {
		return
	}
	if v.phase == viewResume {
		v.watch(out)
	} else {
		v.list(now, out)
	}
}

func (v *View) onListed(now Instant, ev *Event, out *Effects, to receiver) {
	if ev.Outcome != kv.OK {
		v.attempt++
		v.phase, v.retryAt = viewRelist, now.Add(viewBackoff)
		return
	}
	old := v.items
	v.items = append(v.spare[:0], ev.Items...)
	v.spare = old
	slices.SortFunc(v.items, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
	v.next = ev.Header.Rev + 1
	v.gap = true
	if v.anew {
		v.anew, v.floor = false, ev.Header.Rev
	}
	v.tell(now, ev, ev.Header.Rev, out, to)
	switch {
	case v.quiet:
	case v.listed:
		v.notifyDiff(old, out)
	default:
		v.notifyInit(out)
	}
	v.listed = true
	v.watch(out)
}

func (v *View) notifyInit(out *Effects) {
	for i := range v.items {
		if v.items[i].Key.Kind == kv.KindNode {
			notify(out, "init", &v.items[i])
		}
	}
}

// notifyDiff replays what happened between two listings as far as it can be
// seen: what vanished, then what was written, in the order of the writes.
func (v *View) notifyDiff(old []kv.Item, out *Effects) {
	for i := range old {
		if old[i].Key.Kind == kv.KindNode && find(v.items, old[i].Key) == nil {
			notify(out, "DELETE", &kv.Item{Key: old[i].Key})
		}
	}
	first := len(out.List)
	for i := range v.items {
		it := &v.items[i]
		if it.Key.Kind != kv.KindNode {
			continue
		}
		if was := find(old, it.Key); was == nil || was.Mod != it.Mod {
			notify(out, "PUT", it)
			out.List[len(out.List)-1].Rev = it.Mod
		}
	}
	slices.SortStableFunc(out.List[first:], func(a, b Effect) int { return cmp.Compare(a.Rev, b.Rev) })
}

func notify(out *Effects, action string, it *kv.Item) {
	e := out.add(Notify)
	e.Action, e.Node, e.State, e.Rev = action, it.Key.Name, State(it.Record.State), it.Mod
}

// onWatched applies whole revisions. A batch without items is a sign of life:
// the watch was created, or etcd has nothing new up to the header's revision.
func (v *View) onWatched(now Instant, ev *Event, out *Effects, to receiver) {
	v.attempt = 0
	items := ev.Items
	for len(items) > 0 {
		rev := items[0].Mod
		n := 1
		for n < len(items) && items[n].Mod == rev {
			n++
		}
		if rev >= v.next || mutant.On(mutant.LatePut) {
			for i := range items[:n] {
				v.apply(&items[i])
			}
			v.next = rev + 1
			if mutant.On(mutant.ResumeAtRev) {
				v.next = rev
			}
			v.tell(now, ev, rev, out, to)
			v.notifyChanges(out, items[:n])
		}
		items = items[n:]
	}
	if !v.synced {
		v.tell(now, ev, v.facts.Rev, out, to)
	}
}

func (v *View) apply(it *kv.Item) {
	i, ok := slices.BinarySearchFunc(v.items, it.Key, func(a kv.Item, k kv.Key) int {
		return a.Key.Compare(k)
	})
	switch {
	case it.Present && ok:
		v.items[i] = *it
	case it.Present:
		v.items = slices.Insert(v.items, i, *it)
	case ok:
		v.items = slices.Delete(v.items, i, i+1)
	}
}

// notifyChanges comes after the machine was told, so that current_master shows
// the state after the change when the hook looks (SPEC H6).
func (v *View) notifyChanges(out *Effects, items []kv.Item) {
	for i := range items {
		it := &items[i]
		switch {
		case v.quiet || it.Key.Kind != kv.KindNode:
		case it.Present:
			notify(out, "PUT", it)
		default:
			notify(out, "DELETE", it)
			if mutant.On(mutant.NotifyTwice) {
				notify(out, "DELETE", it)
			}
		}
	}
}

// tell passes the facts at rev on.
func (v *View) tell(now Instant, ev *Event, rev kv.Revision, out *Effects, to receiver) {
	digest(&v.facts, v.self, rev, v.floor, v.items)
	v.synced = true
	v.ev = Event{Kind: ViewChanged, Header: kv.Header{Cluster: ev.Header.Cluster, Rev: rev}}
	v.ev.Facts, v.ev.Gap = &v.facts, v.gap
	v.gap = false
	to.Step(now, &v.ev, out)
}

// onEnded: a watch that is lost is no lost lease (SPEC R6).
func (v *View) onEnded(now Instant, ev *Event, out *Effects, to receiver) {
	v.attempt++
	v.phase, v.retryAt = viewResume, now.Add(viewBackoff)
	if ev.Rev > 0 { // compacted: what happened in between can only be compared
		v.phase = viewRelist
		if mutant.On(mutant.CompactionIgnored) {
			v.phase, v.next = viewResume, ev.Rev+1
		}
	} else if mutant.On(mutant.ResumeFromNow) {
		v.next++
	}
	v.synced = false
	v.ev = Event{Kind: ViewLost}
	to.Step(now, &v.ev, out)
}

// Lineage recognises an etcd that was replaced or restored from a backup: it
// has another cluster id, or a lower revision than one seen before the request
// was sent (SPEC K4).
type Lineage struct {
	cluster uint64
	rev     kv.Revision
	at      Instant
}

// NewLineage starts from what is remembered on disk.
func NewLineage(h Held) Lineage { return Lineage{cluster: h.Cluster, rev: h.Rev} }

// Saw takes a header that came at now in reply to a linearizable request sent
// at sent, and reports whether etcd is another one than before.
func (l *Lineage) Saw(now, sent Instant, h kv.Header) bool {
	if h.Cluster == 0 || mutant.On(mutant.LineageForgets) {
		return false
	}
	foreign := l.cluster != 0 && h.Cluster != l.cluster
	back := h.Rev < l.rev && sent > l.at
	if foreign || back {
		*l = Lineage{cluster: h.Cluster, rev: h.Rev, at: now}
		return true
	}
	if h.Rev > l.rev {
		l.rev, l.at = h.Rev, now
	}
	l.cluster = h.Cluster
	return false
}

func (v *View) reset(self string) {
	items, spare := v.items[:0], v.spare[:0]
	*v = NewView(self)
	v.items, v.spare = items, spare
}
