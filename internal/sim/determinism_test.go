package sim

import (
	"context"
	"testing"
	"time"
)

// TestASchedulesCourseIsItsOwn: what happens depends on the schedule alone, not
// on the world's earlier episodes, nor on anything that differs between runs.
func TestASchedulesCourseIsItsOwn(t *testing.T) {
	const episodes = 150
	var first [episodes]uint64
	used := NewWorld()
	for i := range episodes {
		s := SeedSchedule(3, i)
		first[i] = used.Run(&s).Hash
	}
	for i := episodes - 1; i >= 0; i-- {
		s := SeedSchedule(3, i)
		if h := used.Run(&s).Hash; h != first[i] {
			t.Errorf("episode %d took another course when it was run again: %x, then %x\n%s", i, first[i], h, &s)
		}
		if h := NewWorld().Run(&s).Hash; h != first[i] {
			t.Errorf("episode %d took another course in a new world: %x, then %x\n%s", i, first[i], h, &s)
		}
	}
}

func TestSeedsDiffer(t *testing.T) {
	seen := map[uint64]int{}
	w := NewWorld()
	for i := range 100 {
		s := SeedSchedule(uint64(i), 0)
		h := w.Run(&s).Hash
		if j, ok := seen[h]; ok {
			t.Errorf("seeds %d and %d have the same hash", i, j)
		}
		seen[h] = i
	}
}

// TestTheTraceChangesNothing: looking at an episode is not part of it.
func TestTheTraceChangesNothing(t *testing.T) {
	for i := range 20 {
		s := SeedSchedule(5, i)
		plain := NewWorld().Run(&s).Hash
		s.Notices, s.Files, s.Traffic = true, true, true
		if _, r := Trace(&s, true); r.Hash != plain {
			t.Errorf("episode %d takes another course when it is traced", i)
		}
	}
}

func TestSimulateDoesNotDependOnItsWorkers(t *testing.T) {
	run := func(workers int) *Summary {
		return Simulate(context.Background(), Options{Seed: 9, Episodes: 150, Workers: workers})
	}
	one := run(1)
	if one.Stats.Episodes != 150 || one.Violations != 0 || one.First != nil {
		t.Fatalf("%d episodes, %d violations: %v", one.Stats.Episodes, one.Violations, one.First)
	}
	for _, workers := range []int{0, 2, 5} {
		if s := run(workers); s.Hash != one.Hash || s.Stats != one.Stats {
			t.Errorf("with %d workers: hash %x, want %x", workers, s.Hash, one.Hash)
		}
	}
	if other := Simulate(context.Background(), Options{Seed: 10, Episodes: 150}); other.Hash == one.Hash {
		t.Error("another seed has the same hash")
	}
}

func TestSimulateEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s := Simulate(ctx, Options{Episodes: 1000}); s.Stats.Episodes != 0 {
		t.Errorf("%d episodes were run", s.Stats.Episodes)
	}
}

// TestNothingIsLeftOfAnEarlierEpisode: who has not started yet has no lease, nor
// anything else of an earlier episode in the same world.
func TestNothingIsLeftOfAnEarlierEpisode(t *testing.T) {
	used := NewWorld()
	before := Schedule{Nodes: 3, TTL: 3 * time.Second, FrontTTL: 3 * time.Second, Until: 30 * time.Second}
	for seed := range 20 {
		used.Run(&before) // in the end its nodes have the leases 1, 2 and 3
		s := before
		s.Seed = uint64(seed)
		s.Faults = []Fault{{Kind: RevokeLease, Who: Who(seed % 3), After: time.Second}}
		if used.Run(&s).Hash != NewWorld().Run(&s).Hash {
			t.Errorf("seed %d takes another course in a world that was used before", seed)
		}
	}
}
