package sim

import (
	"regexp"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the simulator must reach in a second of one core, with every check on.
const (
	leastEvents    = 1_000_000
	leastSimulated = 30_000 // seconds
)

// BenchmarkVolume runs the group that the rate is promised for, one episode
// after the other on one core: three backends, two frontends with clients, a
// TTL of 10 s, faults as they are drawn in every run.
func BenchmarkVolume(b *testing.B) {
	var d deck
	s, cpu := measure(b, func(i int) *Schedule { return d.dealFixed(1, i) })
	if rate := float64(s.Events) / cpu; rate < leastEvents {
		b.Errorf("%.0f events a second, want at least %d", rate, leastEvents)
	}
	if rate := s.Simulated.Seconds() / cpu; rate < leastSimulated {
		b.Errorf("%.0f simulated seconds a second, want at least %d", rate, leastSimulated)
	}
}

// dealFixed deals faults to the group that the rate is promised for.
func (d *deck) dealFixed(seed uint64, episode int) *Schedule {
	d.r = stream(seed, forSchedule, episode+2)
	d.s.drawGroup(&d.r)
	s := &d.s
	s.Nodes, s.Fronts, s.Clients, s.TTL, s.FrontTTL, s.Mixed = 3, 2, 4, 10*time.Second, 10*time.Second, 0
	if s.MasterTTL > 0 {
		s.MasterTTL = 4 * s.TTL
	}
	s.drawFaults(&d.r)
	return s
}

// BenchmarkEpisode runs episodes as they are drawn.
func BenchmarkEpisode(b *testing.B) {
	var d deck
	measure(b, func(i int) *Schedule { return d.deal(1, i) })
}

// measure runs episodes and returns what they amounted to, and the seconds of
// one core that they took: those that others had are not counted.
func measure(b *testing.B, deal func(i int) *Schedule) (s Stats, cpu float64) {
	b.Helper()
	b.ReportAllocs()
	w := NewWorld()
	used := cpuTime(b)
	for i := 0; b.Loop(); i++ {
		s := deal(i)
		if r := w.Run(s); len(r.Violations) > 0 {
			b.Fatalf("%v\n%s", r.Violations[0], s)
		}
	}
	cpu = (cpuTime(b) - used).Seconds()
	s = w.Stats()
	b.ReportMetric(float64(s.Events)/cpu, "events/cpu-s")
	b.ReportMetric(s.Simulated.Seconds()/cpu, "sim-s/cpu-s")
	b.ReportMetric(float64(s.Events)/b.Elapsed().Seconds(), "events/s")
	return s, cpu
}

// BenchmarkCores runs the same episodes with one worker and with two, in short
// turns. "ratio" is that of the rates in the best turn of each, which others who
// use the machine spoil least: nearly 2. "cpu-ratio" is what an event costs with
// two workers over what it costs with one: nearly 1 as long as they do not
// disturb each other.
func BenchmarkCores(b *testing.B) {
	if runtime.GOMAXPROCS(0) < 2 {
		b.Skip("there is one core")
	}
	var best [3]time.Duration
	var cpu [3]time.Duration
	for i := 0; b.Loop(); i++ {
		for _, workers := range []int{1 + i%2, 2 - i%2} {
			began, used := time.Now(), cpuTime(b)
			Simulate(b.Context(), Options{Seed: 1, Episodes: 300, Workers: workers})
			took := time.Since(began)
			if best[workers] == 0 || took < best[workers] {
				best[workers] = took
			}
			cpu[workers] += cpuTime(b) - used
		}
	}
	b.ReportMetric(best[1].Seconds()/best[2].Seconds(), "ratio")
	b.ReportMetric(cpu[2].Seconds()/cpu[1].Seconds(), "cpu-ratio")
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// TestWarmWorldsAllocateNothing: once a world has seen a group of some size,
// drawing and running episodes takes no memory from the heap, but for the names
// of history keys that have more than two digits: one for each claim or release
// of such an epoch. Positions, member lists and reigns to be fenced are texts;
// where there are some, one event in five hundred may make one.
func TestWarmWorldsAllocateNothing(t *testing.T) {
	const episodes = 75
	for _, texts := range []bool{false, true} {
		w := NewWorld()
		var d deck
		each := func(do func(s *Schedule)) {
			for i := range episodes {
				// A witness has as many registrations as there are: it is no value.
				if s := d.deal(4, i); s.Witness == 0 && (s.Log || s.Fence > 0 || s.Members > 0) == texts {
					do(s)
				}
			}
		}
		run := func() { each(func(s *Schedule) { w.Run(s) }) }
		run()
		allowed := int(w.stats.Events / 500)
		if !texts {
			allowed = 0
			each(func(s *Schedule) {
				trace, _ := Trace(s, false)
				allowed += len(longEpoch.FindAllString(trace, -1))
			})
		}
		if n := testing.AllocsPerRun(2, run); int(n) > allowed {
			t.Errorf("episodes in a warm world (texts %v) allocate %v times, want at most %d", texts, n, allowed)
		}
	}
}

var longEpoch = regexp.MustCompile(`Claim\(epoch \d{3,}\)|epoch \d{3,} is released`)
