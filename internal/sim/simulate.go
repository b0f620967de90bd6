package sim

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Options is what a run of many episodes is asked for. It goes on until the
// first of its limits, or until its context is done; some limit there must be.
type Options struct {
	Seed uint64
	// From is the number of the first episode.
	From int
	// Episodes is how many to run; 0 is no limit.
	Episodes int
	// Simulated is how much time is to be simulated, at least; 0 is no limit.
	Simulated Span
	// Enough is the number of episodes from which on it is a fault of the run
	// that something never happened (Summary.Missing); 0 is never.
	Enough int
	// Workers is how many episodes run at the same time; 0 is one for each core.
	// It has no part in what is found.
	Workers int
	// Progress, if any, is shown what was found so far, from time to time. It
	// holds up the run, and must not keep what it is shown.
	Progress func(*Summary)
	// Now is the wall clock by which the run's speed is measured, if it is.
	Now func() time.Time
}

func (o *Options) now() time.Time {
	if o.Now == nil {
		return time.Time{}
	}
	return o.Now()
}

// Summary is what a run found. All but Wall depends on the seed, the number of
// the first episode and how many there were: a run that ended early found what
// one of that many episodes finds.
type Summary struct {
	Seed  uint64
	From  int
	Stats Stats
	// Doubles is how many episodes were run twice, to the same end.
	Doubles int
	// Hash is over the trajectories of all episodes.
	Hash uint64
	// Courses is how many different courses the episodes took: a course is the
	// order in which faults struck and machines went from phase to phase,
	// whatever the times. Beyond some millions it is an estimate, and Exact false.
	Courses int
	Exact   bool
	// Violations counts those in all episodes; each ends its episode.
	Violations int
	// First is the outcome of the first episode that failed, its schedule shrunk
	// as far as the same property still fails, and FirstEpisode its number; nil
	// when none did.
	First        *Report
	FirstEpisode int
	// Missing names what has to happen now and then and never did, in a run of
	// Options.Enough episodes.
	Missing []string
	Wall    time.Duration
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

// Simulate runs the episodes of a seed over all cores. It ends early, with
// what was found until then, when the context does.
func Simulate(ctx context.Context, o Options) *Summary {
	began := o.now()
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	if o.Episodes > 0 {
		workers = min(workers, o.Episodes)
	}
	t := tally{o: &o, began: began, found: Summary{Seed: o.Seed, From: o.From}}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { t.work(ctx) })
	}
	wg.Wait()
	s := t.sum()
	if s.First != nil && s.First.Violations[0].Property != NotDeterministic {
		s.First = Shrink(s.First)
	}
	if o.Enough > 0 && s.Stats.Episodes >= o.Enough {
		s.Missing = s.Stats.Never()
	}
	return s
}

// tally is what the workers share. An episode takes milliseconds: that each of
// them takes the lock twice is not noticed.
type tally struct {
	o     *Options
	began time.Time

	mu      sync.Mutex
	taken   int
	found   Summary
	courses distinct
}

// progressEvery is every how many episodes a run's progress is shown.
const progressEvery = 16

// take gives the number of the next episode. Whoever takes one runs it, so that
// those that were run are the first ones, without a gap.
func (t *tally) take() (episode int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.o.Episodes > 0 && t.taken >= t.o.Episodes ||
		t.o.Simulated > 0 && t.found.Stats.Simulated >= t.o.Simulated {
		return 0, false
	}
	t.taken++
	return t.o.From + t.taken - 1, true
}

// work runs episodes until there are no more. Once warm, it allocates nothing.
func (t *tally) work(ctx context.Context) {
	w, second := NewWorld(), NewWorld()
	var d deck
	for ctx.Err() == nil {
		i, ok := t.take()
		if !ok {
			return
		}
		s := d.deal(t.o.Seed, i)
		r := w.Run(s)
		double := mix(t.o.Seed+uint64(i))%doubles == 0
		if double && second.Run(s).Hash != r.Hash {
			r.Violations = append(r.Violations, Violation{
				Property: NotDeterministic, At: r.At, Text: "the same schedule took another course",
			})
		}
		t.add(i, r, &w.stats, double)
		w.stats = Stats{}
	}
}

// add takes an episode in. The order in which that happens has no part in what
// comes out.
func (t *tally) add(episode int, r *Report, stats *Stats, double bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := &t.found
	f.Stats.add(stats)
	f.Hash += mix(r.Hash ^ mix(uint64(episode)))
	f.Violations += len(r.Violations)
	if double {
		f.Doubles++
	}
	t.courses.add(r.Course)
	if len(r.Violations) > 0 && (f.First == nil || episode < f.FirstEpisode) {
		f.First, f.FirstEpisode = r.clone(), episode
	}
	if t.o.Progress != nil && f.Stats.Episodes%progressEvery == 0 {
		t.o.Progress(t.sum())
	}
}

// sum brings the summary up to date.
func (t *tally) sum() *Summary {
	f := &t.found
	f.Courses, f.Exact = t.courses.count()
	f.Wall = t.o.now().Sub(t.began)
	return f
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
