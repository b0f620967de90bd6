package sim

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestAnEndedRunIsAShorterOne: whatever ends a run, what it found is what one of
// so many episodes finds.
func TestAnEndedRunIsAShorterOne(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ends := map[string]func() *Summary{
		"its context": func() *Summary {
			return Simulate(ctx, Options{Seed: 6, Workers: 3, Progress: func(s *Summary) {
				if s.Stats.Episodes >= 64 {
					cancel()
				}
			}})
		},
		"the simulated time": func() *Summary {
			return Simulate(t.Context(), Options{Seed: 6, Workers: 3, Simulated: Year / 2000})
		},
	}
	for name, run := range ends {
		s := run()
		n := s.Stats.Episodes
		if n < 64 || n > 200 {
			t.Errorf("ended by %s, it ran %d episodes", name, n)
		}
		again := Simulate(t.Context(), Options{Seed: 6, Workers: 1, Episodes: n})
		if again.Hash != s.Hash || again.Stats != s.Stats || again.Courses != s.Courses || again.Doubles != s.Doubles {
			t.Errorf("ended by %s after %d episodes, it found other things than a run of so many", name, n)
		}
	}
}

// TestARunHasParts: two runs that follow each other find what one finds, and an
// episode can be run alone.
func TestARunHasParts(t *testing.T) {
	run := func(from, n int) *Summary {
		return Simulate(t.Context(), Options{Seed: 7, From: from, Episodes: n})
	}
	whole, first, rest, last := run(0, 60), run(0, 40), run(40, 20), run(59, 1)
	if whole.Hash != first.Hash+rest.Hash || whole.Stats.Events != first.Stats.Events+rest.Stats.Events {
		t.Error("episodes 0 to 39 and 40 to 59 are not episodes 0 to 59")
	}
	s := SeedSchedule(7, 59)
	if r := NewWorld().Run(&s); last.Stats.Events != r.Events || last.Hash != mix(r.Hash^mix(59)) {
		t.Error("episode 59 alone took another course")
	}
}

// TestWhatNeverHappensIsNamed: a long run in which something never happened has
// failed, a short one cannot know.
func TestWhatNeverHappensIsNamed(t *testing.T) {
	short := Simulate(t.Context(), Options{Seed: 1, Episodes: 2, Enough: 3})
	if never := short.Stats.Never(); short.Missing != nil || len(never) == 0 {
		t.Errorf("2 episodes of 3 lack %q, and showed all but %q", short.Missing, never)
	}
	long := Simulate(t.Context(), Options{Seed: 1, Episodes: 3, Enough: 3})
	if len(long.Missing) == 0 || !slices.Equal(long.Missing, long.Stats.Never()) {
		t.Errorf("3 episodes lack %q", long.Missing)
	}
	s := long.Stats
	for i := range s.Sometimes {
		s.Sometimes[i] = 1
	}
	for i := range s.Faults {
		s.Faults[i] = 1
	}
	if never := s.Never(); len(never) != 0 {
		t.Errorf("of a run that had everything it is said that it never had %q", never)
	}
	s.Sometimes[GhostLease], s.Faults[Wipe] = 0, 0
	if never := strings.Join(s.Never(), ", "); never != "fault wipe, situation ghost lease" {
		t.Errorf("it is said that there never was %s", never)
	}
}

func TestTransitionsAreNamed(t *testing.T) {
	var s Stats
	all, untaken := s.Transitions()
	if all < 100 || len(untaken) != all {
		t.Errorf("of %d transitions, an empty run did not take %d", all, len(untaken))
	}
	s.Backend[0], s.Frontend[0] = 1, 1
	if _, untaken := s.Transitions(); len(untaken) != all-2 || !strings.HasPrefix(untaken[0], "backend row 1, ") {
		t.Errorf("after two transitions %d of %d are not taken, the first being %s", len(untaken), all, untaken[0])
	}
}

// TestCoursesIgnoreTimes: two episodes have one course if the same happens in
// the same order, and never otherwise.
func TestCoursesIgnoreTimes(t *testing.T) {
	course := func(text string) (course, hash uint64) {
		s, err := ParseSchedule(text)
		if err != nil {
			t.Fatal(err)
		}
		r := NewWorld().Run(&s)
		return r.Course, r.Hash
	}
	c1, h1 := course("group nodes=2 ttl=10s calm\nat 40s kill-all n1 for 40s\nrun 60s")
	c2, h2 := course("group nodes=2 ttl=10s calm\nat 41s kill-all n1 for 40s\nrun 61s")
	c3, _ := course("group nodes=2 ttl=10s calm\nat 40s kill-all n2 for 40s\nrun 60s")
	if c1 != c2 || h1 == h2 {
		t.Error("the same crash one second later is another course, or the same trajectory")
	}
	if c1 == c3 {
		t.Error("the crash of the other node is the same course")
	}
}

// TestDistinct: exact up to its limit, whatever the order; above it near enough.
func TestDistinct(t *testing.T) {
	const most = 1 << 12
	for _, n := range []int{0, 1, 1000, most, 2 * most, 40 * most} {
		up, down := distinct{most: most}, distinct{most: most}
		for i := range n {
			up.add(uint64(i))
			up.add(uint64(i / 2))
			down.add(uint64(n - 1 - i))
		}
		got, exact := up.count()
		if other, _ := down.count(); other != got {
			t.Errorf("%d numbers: %d in one order, %d in another", n, got, other)
		}
		// Half of most are kept at worst; five times the standard error.
		off := math.Abs(float64(got-n)) / max(float64(n), 1)
		if exact != (n <= most) || exact && got != n || off > 5*1.2/math.Sqrt(most/2) {
			t.Errorf("%d numbers are counted as %d, exact: %v", n, got, exact)
		}
	}
}

func TestSpan(t *testing.T) {
	if s := spanOf(int64(1500 * time.Millisecond)); s.Seconds() != 1.5 {
		t.Errorf("1.5 s are %v s", s.Seconds())
	}
	if y := (1000 * Year).Years(); y != 1000 {
		t.Errorf("1000 years are %v years", y)
	}
}
