package sim

import "time"

// random is SplitMix64: small, fast, the same everywhere. Each purpose has a
// stream of its own, so that shrinking one fault does not reshuffle the delays
// of everything else.
type random struct{ state uint64 }

func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	return x ^ x>>31
}

// stream returns the stream for a purpose and an index below it.
func stream(seed uint64, purpose, index int) random {
	return random{mix(seed + mix(uint64(purpose)<<32+uint64(index)+1))}
}

func (r *random) next() uint64 {
	r.state += 0x9E3779B97F4A7C15
	return mix(r.state)
}

// below returns a number in [0, n).
func (r *random) below(n int64) int64 {
	if n <= 0 {
		return 0
	}
	return int64(r.next() % uint64(n))
}

// between returns a duration in [lo, hi].
func (r *random) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(r.below(int64(hi-lo)+1))
}

// chance is true in n of 1000 cases.
func (r *random) chance(n int64) bool { return r.below(1000) < n }

// The purposes of random streams.
const (
	forLink = iota
	forHooks
	forChild
	forRestart
	forClients
	forEtcd
	forSchedule
	forData
	forHelpers
	forEngine
)
