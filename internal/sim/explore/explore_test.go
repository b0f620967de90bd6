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
