//go:build !mutants

// With planted bugs built in, but none planted, the machines are the same: once is
// enough for what takes long.

package explore

import (
	"context"
	"testing"
)

func exhaust(t *testing.T, words string) *Result {
	t.Helper()
	s, err := ParseScope(Head + words)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Explore(context.Background(), Options{Scope: s})
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation != nil {
		t.Fatalf("%v\n%s", r.Violation, r.Story)
	}
	if !r.Exhausted || r.Expanded != r.States {
		t.Fatalf("of %d states only %d were expanded", r.States, r.Expanded)
	}
	t.Logf("%d states, %d steps, depth %d, widest level %d", r.States, r.Steps, r.Depth, r.Widest)
	return r
}

// TestTheFloorIsExhausted: one drop, pause, crash and leader change, in every
// order, violate nothing.
func TestTheFloorIsExhausted(t *testing.T) {
	if r := exhaust(t, ""); r.States < 100_000 {
		t.Errorf("only %d states: the scope is not what it was", r.States)
	}
}

// TestWorkersHaveNoPart: any number of them finds the same, in the same order.
func TestWorkersHaveNoPart(t *testing.T) {
	s, err := ParseScope(Head + "pauses=0")
	if err != nil {
		t.Fatal(err)
	}
	var want *Result
	for workers := 1; workers <= 3; workers++ {
		r, err := Explore(context.Background(), Options{Scope: s, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = r
		}
		if *r != *want {
			t.Errorf("%d workers found %+v, one %+v", workers, *r, *want)
		}
	}
}

// TestNodesAreInterchangeable: merging what differs in names only leaves out
// nothing but that. With two standbys it halves the states, at most.
func TestNodesAreInterchangeable(t *testing.T) {
	s, err := ParseScope(Head + "pauses=0 leaders=0 crashes=0")
	if err != nil {
		t.Fatal(err)
	}
	var states [2]int
	for i, plain := range []bool{false, true} {
		r, err := Explore(context.Background(), Options{Scope: s, Plain: plain})
		if err != nil || r.Violation != nil {
			t.Fatal(err, r.Violation)
		}
		states[i] = r.States
	}
	t.Logf("%d states, %d with the names told apart", states[0], states[1])
	if states[1] <= states[0]*3/2 || states[1] > 2*states[0] {
		t.Errorf("%d states, %d with the names told apart: want nearly twice as many", states[0], states[1])
	}
}

// TestColdStart: two nodes that start at once, with an empty etcd.
func TestColdStart(t *testing.T) { exhaust(t, "cold nodes=2 drops=0 pauses=0 crashes=1 leaders=0") }

// TestOtherFaults: an operator's deletion, keepalives for a lease that is gone,
// a planned stop, a restart, views that lag, a finer T.
func TestOtherFaults(t *testing.T) {
	const none = "drops=0 pauses=0 crashes=0 leaders=0 "
	for _, words := range []string{
		none + "deletes=1", none + "drops=1 ghosts=1 nodes=2", none + "stops=1 crashes=1",
		none + "crashes=1 restarts=1 nodes=2", none + "crashes=1 lag=4 eager=1", none + "crashes=1 ttl=3",
	} {
		t.Run(words[len(none):], func(t *testing.T) { exhaust(t, words) })
	}
}
