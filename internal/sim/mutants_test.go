//go:build mutants

package sim

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"msdha/internal/fsm/mutant"
)

// wantedMutants is make mutants: planted bugs, over several seeds.
var wantedMutants = flag.String("mutants", "",
	"hunt these planted bugs (names with commas between them, or all) over five seeds, and print the table")

const (
	// episodesPerBug bounds a hunt; most bugs fall within a hundred.
	episodesPerBug = 20000
	// quickEpisodes is what a bug of make test may take at most.
	quickEpisodes = 2000
)

// mutantSeeds are those of make mutants; make test takes the first.
var mutantSeeds = []uint64{7, 11, 23, 42, 1009}

// TestPlantedBugsAreKilled plants each bug in the machines and wants the named
// property to notice, whatever else notices too. The bugs that take long are
// left to make mutants.
func TestPlantedBugsAreKilled(t *testing.T) {
	if !mutant.Built {
		t.Fatal("the build tag mutants plants no bugs")
	}
	defer mutant.Plant(mutant.None)
	for bug := mutant.None + 1; bug < mutant.NumBugs; bug++ {
		p, ok := planted[bug]
		if ok && p.slow {
			continue
		}
		t.Run(bug.String(), func(t *testing.T) {
			if !ok {
				t.Fatal("it has no property that must kill it")
			}
			mutant.Plant(bug)
			c := hunt(p, mutantSeeds[0], episodesPerBug)
			switch {
			case c.episodes == 0:
				t.Fatalf("it survived %d episodes of %s", episodesPerBug, p.by)
			case c.episodes > quickEpisodes:
				t.Errorf("it took %d episodes, more than %d: mark it slow", c.episodes, quickEpisodes)
			}
			t.Logf("killed by %s in episode %d", p.by, c.episodes)
		})
	}
}

// TestMutants is make mutants.
func TestMutants(t *testing.T) {
	if *wantedMutants == "" {
		isHunted(t)
		return
	}
	defer mutant.Plant(mutant.None)
	fmt.Printf("%-23s %-12s %-12s %9s %-28s %10s %7s\n",
		"bug", "source", "killed by", "episodes", "of each seed", "simulated", "wall")
	hunted, survivors := 0, 0
	began := time.Now()
	for bug := mutant.None + 1; bug < mutant.NumBugs; bug++ {
		if *wantedMutants != "all" && !slices.Contains(strings.Split(*wantedMutants, ","), bug.String()) {
			continue
		}
		hunted++
		p := planted[bug]
		if p.drawn {
			p.shape, p.why = nil, ""
		}
		mutant.Plant(bug)
		start := time.Now()
		var all []catch
		for _, seed := range mutantSeeds {
			all = append(all, hunt(p, seed, episodesPerBug))
		}
		row := summarize(all)
		by := p.by
		if row.survived {
			by = "SURVIVED"
			survivors++
			t.Errorf("%v survived: %s did not notice it in %d episodes", bug, p.by, episodesPerBug)
		}
		fmt.Printf("%-23s %-12s %-12s %9d %-28s %10v %6.1fs%s\n", bug, p.source, by, row.median.episodes,
			row.each, row.median.simulated.Round(time.Second), time.Since(start).Seconds(), p.note())
	}
	fmt.Printf("%d bugs, %d survivors, %v\n", hunted, survivors, time.Since(began).Round(time.Second))
}

// isHunted: a bug that make test leaves out is one that make mutants takes
// (TestMakeRunsTheCanaries holds that it does), with a property to be killed by.
func isHunted(t *testing.T) {
	t.Helper()
	for bug := mutant.None + 1; bug < mutant.NumBugs; bug++ {
		if p, ok := planted[bug]; !ok || p.by == "" || p.source == "" {
			t.Errorf("%v has no property that must kill it, or no source", bug)
		}
	}
}

// catch is one hunt's outcome: how many episodes it took, 0 for none, and the
// time that they simulated.
type catch struct {
	episodes  int
	simulated time.Duration
}

// summary is the median of several hunts. A bug survives if it does so with
// most seeds.
type summary struct {
	median   catch
	each     string
	survived bool
}

func summarize(all []catch) summary {
	var each []string
	for i := range all {
		text := fmt.Sprint(all[i].episodes)
		if all[i].episodes == 0 {
			text = "-"
		}
		each = append(each, text)
	}
	slices.SortFunc(all, func(a, b catch) int { return a.rank() - b.rank() })
	m := all[len(all)/2]
	return summary{median: m, each: strings.Join(each, " "), survived: m.episodes == 0}
}

func (c catch) rank() int {
	if c.episodes == 0 {
		return 1 << 30
	}
	return c.episodes
}

// hunt runs the episodes of a seed, over all cores, up to the first in which
// the property fails. What it finds depends on the seed alone.
func hunt(p plant, seed uint64, limit int) catch {
	var next, first atomic.Int64
	first.Store(int64(limit))
	took := make([]time.Duration, limit)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			w := NewWorld()
			w.check.only = p.by
			for {
				i := next.Add(1) - 1
				if i >= first.Load() {
					return
				}
				s := SeedSchedule(seed, int(i))
				if p.shape != nil {
					p.shape(&s)
				}
				r := w.Run(&s)
				took[i] = r.At
				if len(r.Violations) == 0 && !(p.by == NotDeterministic && NewWorld().Run(&s).Hash != r.Hash) {
					continue
				}
				for f := first.Load(); i < f && !first.CompareAndSwap(f, i); f = first.Load() {
				}
			}
		})
	}
	wg.Wait()
	n := int(first.Load())
	if n == limit {
		return catch{}
	}
	c := catch{episodes: n + 1}
	for _, d := range took[:n+1] {
		c.simulated += d
	}
	return c
}

// TestWithoutABugNothingIsKilled guards the hunt itself, and the shapes: what
// they narrow the schedules to breaks nothing by itself.
func TestWithoutABugNothingIsKilled(t *testing.T) {
	mutant.Plant(mutant.None)
	if c := hunt(plant{}, 7, 300); c.episodes != 0 {
		t.Errorf("something fails in episode %d", c.episodes)
	}
	for bug := mutant.None + 1; bug < mutant.NumBugs; bug++ {
		if shape := planted[bug].shape; shape != nil {
			if c := hunt(plant{shape: shape}, 7, 60); c.episodes != 0 {
				t.Errorf("something fails in episode %d of the schedules for %v", c.episodes, bug)
			}
		}
	}
}

// TestHuntsAreRepeatable: the number of workers has no part in what is found.
func TestHuntsAreRepeatable(t *testing.T) {
	defer mutant.Plant(mutant.None)
	mutant.Plant(mutant.GuardUnarmed)
	p := planted[mutant.GuardUnarmed]
	want := hunt(p, 7, episodesPerBug)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if got := hunt(p, 7, episodesPerBug); got != want || want.episodes == 0 {
		t.Errorf("one worker: %+v, several: %+v", got, want)
	}
}
