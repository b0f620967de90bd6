//go:build mutants

package sim

import (
	"testing"

	"msdha/internal/fsm/mutant"
)

// A canary is a planted bug that must be found from every one of its seeds. If
// one is not, the simulator has become blind, and its silence about the code
// means nothing: generator, faults, model or checker no longer get to where the
// bug is.
var canaries = []struct {
	bug      mutant.Bug
	property string
	episodes int // in which each seed has to find it
}{
	{mutant.ReceiveDeadline, "S3", 20},
	{mutant.HalfWait, "S5", 40},
	{mutant.NoFence, "S6", 40},
	{mutant.KeepSessions, "S7", 40},
	{mutant.EarlyRevoke, "S14", 100},
	{mutant.ResumeFromNow, "S16", 60},
	{mutant.LoserStuck, "L4", 60},
	{mutant.Random, NotDeterministic, 10},
}

var canarySeeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8}

func TestCanariesAreFound(t *testing.T) {
	defer mutant.Plant(mutant.None)
	for _, c := range canaries {
		mutant.Plant(c.bug)
		for _, seed := range canarySeeds {
			if hunt(plant{by: c.property}, seed, c.episodes).episodes == 0 {
				t.Errorf("the simulator has become blind: %v is planted, and %d episodes of seed %d violate no %s",
					c.bug, c.episodes, seed, c.property)
			}
		}
	}
}

// TestACanaryIsShrunkPrintedAndReplayed goes the whole way of a violation: what
// is printed about a bug is simple, and shows the same bug again.
func TestACanaryIsShrunkPrintedAndReplayed(t *testing.T) {
	defer mutant.Plant(mutant.None)
	mutant.Plant(mutant.HalfWait)
	s := Simulate(t.Context(), Options{Seed: 7, Episodes: 100})
	if s.Violations == 0 || s.First == nil {
		t.Fatal("the simulator has become blind: it finds no violation of S5 with half the wait")
	}
	want := s.First.Violations[0]
	if want.Property != "S5" {
		t.Fatalf("half the wait is noticed as %v, want S5", want)
	}
	again, err := ParseSchedule(s.First.Schedule.String())
	if err != nil {
		t.Fatal(err)
	}
	if got := NewWorld().Run(&again).Violations; len(got) == 0 || got[0] != want {
		t.Errorf("replayed, the schedule shows %v, want %v\n%s", got, want, &again)
	}
	if len(again.Faults) > 2 || again.Fronts > 0 {
		t.Errorf("the schedule is not as simple as it could be:\n%s", &again)
	}
	mutant.Plant(mutant.None)
	if v := NewWorld().Run(&again).Violations; len(v) > 0 {
		t.Errorf("without the bug: %v", v)
	}
}
