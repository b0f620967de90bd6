package sim

import (
	"testing"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// replicating is a calm group of three members with databases, of whom n1 reigns.
func replicating(t *testing.T, property string) *World {
	t.Helper()
	w := NewWorld()
	r := w.Run(&Schedule{
		Nodes: 3, TTL: 10 * time.Second, FrontTTL: 10 * time.Second, Log: true, Data: true, Members: 3, K: 1,
		Monitor: time.Second, Until: 40 * time.Second, Calm: true,
	})
	if len(r.Violations) > 0 {
		t.Fatal(r.Violations[0])
	}
	if n := w.actors[0].node; !n.serves() || len(w.check.promises) != 1 || n.db.acked < 20 {
		t.Fatalf("n1 serves: %v, has acknowledged up to %d, promises %v", n.serves(), n.db.acked, w.check.promises)
	}
	w.check.only = property
	return w
}

func TestCheckerNoticesLostEntries(t *testing.T) {
	w := replicating(t, "S23")
	n := w.actors[1].node
	n.role = w.actors[0].node.role + 1
	w.check.promoted(w, &w.actors[1])
	notNoticed(t, w)
	n.db.log.copyUpTo(&w.actors[0].node.db.log, w.check.promises[0].end-1)
	w.check.promoted(w, &w.actors[1])
	noticed(t, w)
}

func TestCheckerNoticesLateAcknowledgements(t *testing.T) {
	w := replicating(t, "S23")
	m, n := &w.actors[0], w.actors[1].node
	n.role = m.node.role + 1
	w.check.promoted(w, &w.actors[1])
	w.check.acknowledged(w, m, n.db.log.length())
	notNoticed(t, w)
	w.check.acknowledged(w, m, m.node.db.log.length()+1)
	m.node.db.log.last().end += 5
	w.check.acknowledged(w, m, m.node.db.log.length())
	noticed(t, w)
}

func TestCheckerNoticesClaimsWithoutFinals(t *testing.T) {
	w := replicating(t, "E7")
	w.begin(fsm.Tick)
	notNoticed(t, w)
	w.check.polled(w, &w.actors[1])
	noticed(t, w)
}

func TestCheckerNoticesWhoDoesNotGiveWay(t *testing.T) {
	w := replicating(t, "E6")
	final := kv.Record{Final: true, FinalFor: 9}
	items := []kv.Item{
		{Key: kv.Control, Present: true, Record: kv.Record{Request: kv.RequestSwitchover, Epoch: 9, Node: "n2"}},
		{Key: kv.EpochKey, Present: true, Record: kv.Record{Epoch: 9}},
		{Key: kv.Config, Present: true, Record: kv.Record{Members: firstNodes[3], K: 1}},
		{Key: kv.NodeKey("n2"), Present: true, Lease: 2, Record: kv.Record{State: string(fsm.StateReady)}},
		{Key: kv.NodeInfo("n2"), Present: true, Lease: 2, Record: final},
	}
	a := &w.actors[2]
	own := &kv.Item{Present: true, Record: final}
	a.node.mem.votedAt = w.now - int64(11*time.Second)
	w.check.gaveWay(w, a, items, own)
	notNoticed(t, w)
	a.node.mem.votedAt = w.now - int64(9*time.Second)
	w.check.gaveWay(w, a, items, own)
	noticed(t, w)
}

func TestCheckerNoticesAProgramThatGoesOnSick(t *testing.T) {
	w := replicating(t, "N8")
	a := &w.actors[0]
	w.check.beforePhase = fsm.Reigning
	for _, ok := range []bool{false, false, true, false, false} {
		w.check.monitored(a, ok)
		w.check.monitorsEnd(a)
	}
	notNoticed(t, w)
	w.check.monitored(a, false)
	w.check.monitorsEnd(a)
	noticed(t, w)
}

func TestLogsThatFork(t *testing.T) {
	var a, b dataLog
	a.segments = []segment{{1, 0, 1, 1}, {2, 7, 10, 3}}
	b.copyUpTo(&a, 5)
	if !b.beginsOf(&a) || b.length() != 5 || a.common(&b) != 5 {
		t.Errorf("%v is no beginning of %v", b, a)
	}
	b.segments = append(b.segments, segment{3, 8, 7, 7})
	if b.beginsOf(&a) || b.common(&a) != 5 || b.holds(2, 6) || !b.holds(2, 5) {
		t.Errorf("%v and %v agree up to %d, want 5", b, a, b.common(&a))
	}
	if got := b.printPosition(); got != "8 7" {
		t.Errorf("the position is %q, want 8 7", got)
	}
	if b.copyUpTo(&a, 2); b.printPosition() != "0 2" {
		t.Errorf("before the record of the epoch the position is %q, want 0 2", b.printPosition())
	}
}

// TestAnEmptyDiskAndAnEmptyEtcdAreANewGroup: nobody who is there knows of data then
// (SPEC P2; found by the simulator, S23).
func TestAnEmptyDiskAndAnEmptyEtcdAreANewGroup(t *testing.T) {
	w := NewWorld()
	walk(t, w, "new group", `group nodes=2 fronts=0 clients=1 ttl=3s members=2 k=1 data log drift=0 seed=0
on master 1 after 3s cut master for 20s
on master 1 after 500ms recreate n2
at 11s wipe master
run 26s
`)
	if w.check.broken&a7 == 0 {
		t.Error("A7 holds")
	}
	if last := w.check.reigns[len(w.check.reigns)-1]; last.node == w.check.reigns[0].node {
		t.Error("the new group was not created")
	}
}

// TestAnArmedListIsNoNewGroup: an operator deleted _initialized while a member's disk was
// empty; the list still says that there is data (found by the simulator, S23).
func TestAnArmedListIsNoNewGroup(t *testing.T) {
	walk(t, NewWorld(), "armed", `group nodes=2 fronts=0 clients=1 ttl=5s members=2 k=1 data log calm drift=0 seed=0
at 45s recreate n1
at 45s corrupt n2 key _initialized
on master 1 after 14s recreate n1
on master 2 after 7s stop master for 2s
run 70s
`)
}
