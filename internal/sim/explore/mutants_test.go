//go:build mutants

package explore

import (
	"context"
	"strings"
	"testing"

	"msdha/internal/fsm/mutant"
)

// TestPlantedBugsAreFound: each planted bug is found by the property that it
// must violate, and the story that tells it is the same when it is replayed.
func TestPlantedBugsAreFound(t *testing.T) {
	cases := []struct {
		bug      mutant.Bug
		property string
		scope    string
	}{
		{mutant.ClaimNoEpoch, "S5", ""}, // the whole floor
		{mutant.ClaimFreshEpoch, "S5", "fronts=0"},
		{mutant.HalfWait, "S5", "fronts=0 drops=0 crashes=1 pauses=0"},
		{mutant.NoKill, "S6", "fronts=0 drops=1 crashes=0 pauses=0"},
		{mutant.NoFence, "S6", "nodes=2 fronts=0 drops=2 crashes=0 pauses=0"},
		{mutant.LockOffLease, "S1", "nodes=2 fronts=0 cold drops=0 crashes=0 pauses=0"},
		{mutant.KeepSessions, "S7", "nodes=2 drops=0 crashes=1 pauses=0"},
		// A partition of several rounds.
		{mutant.NoFrontDeadline, "S7", "nodes=2 drops=6 pauses=0 leaders=0 crashes=1 lag=1"},
		{mutant.EarlyRevoke, "S14", "nodes=2 fronts=0 drops=0 crashes=0 pauses=0 stops=1"},
	}
	for _, c := range cases {
		t.Run(c.bug.String(), func(t *testing.T) {
			s, err := ParseScope(Head + c.scope + " only=" + c.property)
			if err != nil {
				t.Fatal(err)
			}
			mutant.Plant(c.bug)
			defer mutant.Plant(mutant.None)
			r, err := Explore(context.Background(), Options{Scope: s})
			if err != nil {
				t.Fatal(err)
			}
			if r.Violation == nil || r.Violation.Property != c.property {
				t.Fatalf("%d states, exhausted %v: found %v, want %s", r.States, r.Exhausted, r.Violation, c.property)
			}
			t.Logf("%d states, depth %d: %v", r.States, r.Depth, r.Violation)
			again, _, err := Replay(r.Story)
			if err != nil || again != r.Story || !strings.Contains(again, "VIOLATION "+c.property) {
				t.Errorf("replayed (%v) it says\n%s\ninstead of\n%s", err, again, r.Story)
			}
		})
	}
}
