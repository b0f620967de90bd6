package fsm

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// listener notes what a view tells a machine, in order with the view's effects.
type listener struct{ out *Effects }

func (l *listener) over() bool { return false }

func (l *listener) Next() Instant { return Never }

func (l *listener) Step(_ Instant, ev *Event, out *Effects) {
	text := ev.Kind.String()
	if ev.Kind == ViewChanged {
		text = fmt.Sprintf("rev %d, %d nodes, master %q", ev.Facts.Rev, ev.Facts.Registered, ev.Facts.Master.Node)
	}
	out.add(NoEffect).Node = text
}

// watcher drives a view by hand and writes down what follows.
type watcher struct {
	v    View
	now  Instant
	out  Effects
	last Effect // ListKeys or WatchKeys
}

func (w *watcher) do(ev Event) []string {
	w.out.Reset()
	ev.Op = w.last.Op
	w.v.Step(w.now, &ev, &w.out, &listener{&w.out})
	return w.said()
}

func (w *watcher) said() []string {
	var said []string
	for _, e := range w.out.List {
		switch e.Kind {
		case NoEffect:
			said = append(said, e.Node)
		case Notify:
			said = append(said, strings.TrimSpace(e.Action+" "+e.Node+" "+string(e.State)))
		case ListKeys:
			w.last = e
			said = append(said, "list")
		case WatchKeys:
			w.last = e
			said = append(said, fmt.Sprint("watch from ", e.Rev))
		default:
			said = append(said, e.Kind.String())
		}
	}
	return said
}

func node(name, state string, mod kv.Revision) kv.Item {
	return kv.Item{Key: kv.NodeKey(name), Present: true, Mod: mod, Create: mod, Record: kv.Record{State: state}}
}

func gone(k kv.Key, mod kv.Revision) kv.Item { return kv.Item{Key: k, Mod: mod} }

func reignOf(name string, mod kv.Revision) kv.Item {
	return kv.Item{Key: kv.Master, Present: true, Mod: mod, Create: mod, Record: kv.Record{Node: name, Epoch: 1}}
}

func at(rev kv.Revision) kv.Header { return kv.Header{Cluster: cluster, Rev: rev} }

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("it says\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// watching has listed two nodes, a master among them, at revision 10.
func watching(t *testing.T) *watcher {
	t.Helper()
	w := &watcher{v: NewView("n1"), now: 1}
	w.v.Open(w.now, &w.out)
	expect(t, w.said(), "list")
	listing := []kv.Item{node("n2", "ready", 9), reignOf("n1", 5), node("n1", "master", 6)}
	expect(t, w.do(Event{Kind: Listed, Outcome: kv.OK, Header: at(10), Items: listing}),
		`rev 10, 2 nodes, master "n1"`, "init n1 master", "init n2 ready", "watch from 11")
	return w
}

// TestViewTellsWholeRevisions: etcd's transactions are atomic, and so are they
// here; the machine is told before the hooks are.
func TestViewTellsWholeRevisions(t *testing.T) {
	w := watching(t)
	expect(t, w.do(Event{Kind: Watched, Header: at(13), Items: []kv.Item{
		gone(kv.Master, 12), gone(kv.NodeKey("n1"), 12), node("n3", "start", 13),
	}}),
		`rev 12, 1 nodes, master ""`, "DELETE n1",
		`rev 13, 2 nodes, master ""`, "PUT n3 start")
}

// TestViewResumes at the revision after the last whole one, and takes nothing
// twice.
func TestViewResumes(t *testing.T) {
	w := watching(t)
	w.do(Event{Kind: Watched, Header: at(12), Items: []kv.Item{node("n2", "stopping", 12)}})
	expect(t, w.do(Event{Kind: WatchEnded}), "ViewLost")
	w.now = w.v.Next()
	expect(t, w.do(Event{Kind: Tick}), "watch from 13")
	expect(t, w.do(Event{Kind: Watched, Header: at(14), Items: []kv.Item{
		node("n2", "stopping", 12), node("n2", "pre_start", 14),
	}}),
		`rev 14, 2 nodes, master "n1"`, "PUT n2 pre_start")
}

// TestViewIsSyncedAgain by the watch's first sign of life.
func TestViewIsSyncedAgain(t *testing.T) {
	w := watching(t)
	w.do(Event{Kind: WatchEnded})
	w.now = w.v.Next()
	w.do(Event{Kind: Tick})
	expect(t, w.do(Event{Kind: Watched, Header: at(10)}), `rev 10, 2 nodes, master "n1"`)
	expect(t, w.do(Event{Kind: Watched, Header: at(10)}))
}

// TestViewComparesAfterCompaction: what vanished first, then what was written,
// in the order of the writes.
func TestViewComparesAfterCompaction(t *testing.T) {
	w := watching(t)
	expect(t, w.do(Event{Kind: WatchEnded, Rev: 90}), "ViewLost")
	w.now = w.v.Next()
	expect(t, w.do(Event{Kind: Tick}), "list")
	expect(t, w.do(Event{Kind: Listed, Outcome: kv.OK, Header: at(99), Items: []kv.Item{
		node("n5", "ready", 80), node("n2", "ready", 9), node("n4", "start", 85), reignOf("n4", 70),
	}}),
		`rev 99, 3 nodes, master "n4"`, "DELETE n1", "PUT n5 ready", "PUT n4 start", "watch from 100")
	expect(t, w.do(Event{Kind: Watched, Header: at(100), Items: []kv.Item{gone(kv.NodeKey("n5"), 100)}}),
		`rev 100, 2 nodes, master "n4"`, "DELETE n5")
}

// TestViewIgnoresWhatItGaveUp: a listing or a watch from before.
func TestViewIgnoresWhatItGaveUp(t *testing.T) {
	w := watching(t)
	old := w.last
	w.out.Reset()
	w.v.Open(w.now, &w.out)
	expect(t, w.said(), "StopWatch", "list")
	fresh := w.last
	w.last = old
	expect(t, w.do(Event{Kind: Watched, Header: at(11), Items: []kv.Item{gone(kv.Master, 11)}}))
	expect(t, w.do(Event{Kind: WatchEnded}))
	w.last = fresh
	expect(t, w.do(Event{Kind: Listed, Outcome: kv.Unknown}))
	w.now = w.v.Next()
	expect(t, w.do(Event{Kind: Tick}), "list")
	if w.last.Attempt != 1 {
		t.Errorf("the second listing is attempt %d, which picks the endpoint", w.last.Attempt)
	}
}

// TestDigest: who claims to be master without being it, whose data there is.
func TestDigest(t *testing.T) {
	info := func(name, data string) kv.Item {
		return kv.Item{Key: kv.NodeInfo(name), Present: true, Record: kv.Record{DataID: data, TTL: ttl}}
	}
	foreign := kv.Item{Key: kv.Key{Kind: kv.KindForeign, Name: "x/y"}, Lease: 3, Record: kv.Record{State: "master"}}
	bad := reignOf("n1", 5)
	bad.Record = kv.Record{Bad: "garbage"}
	for _, c := range []struct {
		name  string
		items []kv.Item
		want  Facts
	}{
		{
			"a published master",
			[]kv.Item{node("n1", "master", 6), reignOf("n1", 5)},
			Facts{RouteState: StateMaster, Registered: 1, Self: SelfFact{true, 6, 0, StateMaster}},
		},
		{
			"a master's key without _master",
			[]kv.Item{node("n2", "master", 6)},
			Facts{Claimant: "n2", Rival: true, Registered: 1},
		},
		{
			"another's key says master",
			[]kv.Item{node("n1", "ready", 7), node("n2", "master", 6), reignOf("n1", 5)},
			Facts{
				Claimant: "n2", Rival: true, Registered: 2, RouteState: StateReady,
				Self: SelfFact{true, 7, 0, StateReady},
			},
		},
		{"a foreign key says master", []kv.Item{foreign}, Facts{Claimant: "x/y", ClaimantLease: 3, Rival: true}},
		{"_master does not parse", []kv.Item{bad}, Facts{}},
		{
			"data",
			[]kv.Item{info("n1", ""), info("n2", "b"), info("n3", "b")},
			Facts{DataID: "b", MaxTTL: ttl},
		},
		{
			"two data",
			[]kv.Item{info("n1", "c"), info("n2", "a"), info("n3", "b")},
			Facts{DataID: "a", DataConflict: true, MaxTTL: ttl},
		},
	} {
		slices.SortFunc(c.items, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
		var f Facts
		digest(&f, "n1", 9, 0, c.items)
		if f.Rev != 9 {
			t.Errorf("%s: at revision %d", c.name, f.Rev)
		}
		f.Rev, f.Master = 0, MasterFact{}
		if f != c.want {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, f, c.want)
		}
	}
}

// TestObserversFollowNobody: a master TTL waits for somebody who may be
// promoted (SPEC N4, E1); a frontend's TTL makes no wait longer (SPEC X4).
func TestObserversFollowNobody(t *testing.T) {
	items := []kv.Item{
		{Key: kv.NodeKey("n1"), Present: true, Record: kv.Record{State: "master"}},
		{Key: kv.NodeKey("n2"), Present: true, Record: kv.Record{State: "ready"}},
		{Key: kv.NodeKey("n3"), Present: true, Record: kv.Record{State: "ready"}},
		{Key: kv.NodeInfo("n2"), Present: true, Record: kv.Record{TTL: 5 * time.Second}},
		{
			Key: kv.NodeInfo("n3"), Present: true,
			Record: kv.Record{Observer: true, TTL: 7 * time.Second},
		},
		{Key: kv.FrontendKey("f1"), Present: true, Record: kv.Record{TTL: time.Hour}},
	}
	var f Facts
	digest(&f, "n1", 9, 0, items)
	if f.ReadyOthers != 1 || f.MaxTTL != 7*time.Second {
		t.Errorf("%d others can take over, T is %v", f.ReadyOthers, f.MaxTTL)
	}
}
