//go:build mutants

package sim

import (
	"testing"

	"msdha/internal/fsm/mutant"
)

// TestTheFirstViolationIsFoundAgain: whatever the number of workers, the first
// violation is the same, and its episode can be run alone.
func TestTheFirstViolationIsFoundAgain(t *testing.T) {
	defer mutant.Plant(mutant.None)
	mutant.Plant(mutant.HalfWait)
	one := Simulate(t.Context(), Options{Seed: 7, Episodes: 100, Workers: 1})
	four := Simulate(t.Context(), Options{Seed: 7, Episodes: 100, Workers: 4})
	if one.First == nil || four.First == nil {
		t.Fatal("nothing was found")
	}
	if one.FirstEpisode != four.FirstEpisode || one.Violations != four.Violations ||
		one.First.Schedule.String() != four.First.Schedule.String() {
		t.Errorf("one worker finds %v in episode %d, four find %v in episode %d",
			one.First.Violations[0], one.FirstEpisode, four.First.Violations[0], four.FirstEpisode)
	}
	alone := Simulate(t.Context(), Options{Seed: 7, From: one.FirstEpisode, Episodes: 1})
	if alone.First == nil || alone.First.Violations[0] != one.First.Violations[0] {
		t.Errorf("episode %d alone shows %v, want %v", one.FirstEpisode, alone.First, one.First.Violations[0])
	}
}
