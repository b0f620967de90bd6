package sim

import "testing"

// BenchmarkEpisode runs drawn episodes one after the other on one core.
// allocs/op stays small: a world keeps its memory from episode to episode.
func BenchmarkEpisode(b *testing.B) {
	b.ReportAllocs()
	w := NewWorld()
	i := 0
	for b.Loop() {
		s := SeedSchedule(1, i)
		if r := w.Run(&s); len(r.Violations) > 0 {
			b.Fatalf("%v\n%s", r.Violations[0], &s)
		}
		i++
	}
	s := w.Stats()
	b.ReportMetric(float64(s.Events)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(s.Simulated.Seconds()/b.Elapsed().Seconds(), "sim-s/s")
	b.ReportMetric(float64(s.Events)/s.Simulated.Seconds(), "events/sim-s")
}
