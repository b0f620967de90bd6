//go:build mutants

package sim

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"msdha/internal/fsm/mutant"
)

// killers names the property that must notice each planted bug.
var killers = map[mutant.Bug]string{
	mutant.HalfWait:          "S5",
	mutant.ReceiveDeadline:   "S3",
	mutant.LockOffLease:      "S1",
	mutant.ClaimNoEpoch:      "S5",
	mutant.ClaimFreshEpoch:   "S5",
	mutant.NoKill:            "S6",
	mutant.KeepSessions:      "S7",
	mutant.OwnLargerTTL:      "S7",
	mutant.InputFirst:        "S3",
	mutant.EarlyRevoke:       "S14",
	mutant.ChildIsTree:       "S14",
	mutant.NoWaitAbsentEpoch: "S5",
	mutant.NoFence:           "S6",
}

// shapes narrow the episodes down to where a bug exists at all.
var shapes = map[mutant.Bug]func(*Schedule){
	mutant.OwnLargerTTL: func(s *Schedule) { s.FrontTTL = 4 * s.TTL },
}

// episodesPerBug bounds the hunt; most bugs fall within a hundred.
const episodesPerBug = 20000

// TestPlantedBugsAreKilled plants each bug in the machines and wants the named
// property to notice, whatever else notices too.
func TestPlantedBugsAreKilled(t *testing.T) {
	if !mutant.Built {
		t.Fatal("the build tag mutants plants no bugs")
	}
	defer mutant.Plant(mutant.None)
	for bug := mutant.None + 1; bug < mutant.NumBugs; bug++ {
		t.Run(bug.String(), func(t *testing.T) {
			want, ok := killers[bug]
			if !ok {
				t.Fatal("it has no property that must kill it")
			}
			mutant.Plant(bug)
			n := hunt(want, shapes[bug])
			if n < 0 {
				t.Fatalf("it survived %d episodes of %s", episodesPerBug, want)
			}
			t.Logf("killed by %s in episode %d", want, n)
		})
	}
}

// TestWithoutABugNothingIsKilled guards the hunt itself.
func TestWithoutABugNothingIsKilled(t *testing.T) {
	mutant.Plant(mutant.None)
	w := NewWorld()
	for i := range 300 {
		s := SeedSchedule(7, i)
		for _, v := range w.Run(&s).Violations {
			t.Errorf("episode %d: %v\n%s", i, v, &s)
		}
	}
}

// TestAViolationShrinksToWhatReplaysIt: what is printed about a bug is simple,
// and shows the same bug again.
func TestAViolationShrinksToWhatReplaysIt(t *testing.T) {
	defer mutant.Plant(mutant.None)
	mutant.Plant(mutant.HalfWait)
	s := Simulate(t.Context(), Options{Seed: 7, Episodes: 100})
	if s.Violations == 0 || s.First == nil {
		t.Fatal("nothing was found")
	}
	want := s.First.Violations[0]
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

// hunt returns an episode in which the property fails, or -1.
func hunt(property string, shape func(*Schedule)) int {
	var next, found atomic.Int64
	found.Store(-1)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			w := NewWorld()
			w.check.only = property
			for found.Load() < 0 {
				i := next.Add(1) - 1
				if i >= episodesPerBug {
					return
				}
				s := SeedSchedule(7, int(i))
				if shape != nil {
					shape(&s)
				}
				if len(w.Run(&s).Violations) > 0 {
					found.Store(i)
				}
			}
		})
	}
	wg.Wait()
	return int(found.Load())
}
