package sim

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Options is what a run of many episodes is asked for.
type Options struct {
	Seed     uint64
	Episodes int
	// Workers is how many episodes run at the same time; 0 is one for each core.
	// It has no part in what is found.
	Workers int
	// Progress, if any, is told how many episodes have ended, from time to time
	// and from several goroutines.
	Progress func(done int)
	// Now is the wall clock by which the run's speed is measured, if it is.
	Now func() time.Time
}

func (o *Options) now() time.Time {
	if o.Now == nil {
		return time.Time{}
	}
	return o.Now()
}

// Summary is what a run found. All but Wall depends on seed and number alone.
type Summary struct {
	Seed  uint64
	Stats Stats
	// Hash is over the trajectories of all episodes.
	Hash uint64
	// Violations counts those in all episodes; each ends its episode.
	Violations int
	// First is the outcome of the first episode that failed, its schedule shrunk
	// as far as the same property still fails; nil when none did.
	First *Report
	Wall  time.Duration
}

// EventsPerSecond is the speed of the run.
func (s *Summary) EventsPerSecond() float64 {
	return float64(s.Stats.Events) / max(s.Wall.Seconds(), 1e-9)
}

// doubles is every how many episodes one is run twice, to see that nothing but
// the schedule decides what happens.
const doubles = 20

// NotDeterministic is the property that an episode violates which takes another
// course when it is run again.
const NotDeterministic = "determinism"

// part is what one worker has found.
type part struct {
	stats      Stats
	hash       uint64
	violations int
	first      *Report
	episode    int // of first
}

// Simulate runs the episodes of a seed over all cores. It ends early, with
// what was found until then, when the context does.
func Simulate(ctx context.Context, o Options) *Summary {
	began := o.now()
	workers := min(o.Workers, o.Episodes)
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), max(o.Episodes, 1))
	}
	parts := make([]part, workers)
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { parts[i].run(ctx, &o, &next) })
	}
	wg.Wait()
	s := &Summary{Seed: o.Seed}
	first := -1
	for i := range parts {
		p := &parts[i]
		s.Stats.add(&p.stats)
		s.Hash += p.hash // commutative: any worker may have run any episode
		s.Violations += p.violations
		if p.first != nil && (first < 0 || p.episode < first) {
			s.First, first = p.first, p.episode
		}
	}
	if s.First != nil && s.First.Violations[0].Property != NotDeterministic {
		s.First = Shrink(s.First)
	}
	s.Wall = o.now().Sub(began)
	return s
}

func (p *part) run(ctx context.Context, o *Options, next *atomic.Int64) {
	w := NewWorld()
	for ctx.Err() == nil {
		i := int(next.Add(1)) - 1
		if i >= o.Episodes {
			break
		}
		s := SeedSchedule(o.Seed, i)
		r := w.Run(&s)
		p.stats.add(&w.stats)
		w.stats = Stats{}
		if mix(o.Seed+uint64(i))%doubles == 0 {
			if again := NewWorld().Run(&s); again.Hash != r.Hash {
				r.Violations = append(r.Violations, Violation{
					Property: NotDeterministic, At: r.At, Text: "the same schedule took another course",
				})
			}
		}
		p.hash += mix(r.Hash ^ mix(uint64(i)))
		p.violations += len(r.Violations)
		if len(r.Violations) > 0 && p.first == nil {
			p.first, p.episode = r, i // a worker's episodes come in order
		}
		if o.Progress != nil && i%16 == 0 {
			o.Progress(i)
		}
	}
}

func (s *Stats) add(o *Stats) {
	s.Episodes += o.Episodes
	s.Events += o.Events
	s.Simulated += o.Simulated
	s.Claims += o.Claims
	s.Written += o.Written
	s.Forwarded += o.Forwarded
	for i, n := range o.Backend {
		s.Backend[i] += n
	}
	for i, n := range o.Frontend {
		s.Frontend[i] += n
	}
	for i, n := range o.Faults {
		s.Faults[i] += n
	}
	for i, n := range o.Sometimes {
		s.Sometimes[i] += n
	}
	for i, n := range o.Shown {
		s.Shown[i] += n
	}
}
