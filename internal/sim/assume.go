package sim

import "msdha/internal/fsm"

// assumption is something that a property needs in order to hold. The names are
// those of docs/SAFETY.md. A3 is arithmetic (fsm.Grace) and broken together
// with A2: what should have been dead in time is not.
type assumption uint8

const (
	a0 assumption = 1 << iota // etcd is linearizable and does not go back
	a1                        // clocks drift by at most ρ
	a2                        // what must act is not stopped for long, what is killed is gone soon
	a5                        // a frontend is not stopped for T between a check and the write after it
	a6                        // a lease ends neither before its time, nor unknown to its holder
	a7                        // a disk keeps what was flushed, or comes back empty, and not while etcd is empty, too
)

// properties are what must always be true, with the assumptions under which it
// must. S14 and those below it need none: a machine keeps them by itself.
var properties = [...]struct {
	name  string
	needs assumption
}{
	{"S1", a0},
	{"S2", a0},
	{"S3", a0 | a1 | a6},
	{"S4", a0 | a1},
	{"S5", a0 | a1},
	{"S6", a0 | a1 | a2},
	{"S7", a0 | a1 | a5},
	{"S8", a0 | a1 | a2},
	{"S9", a0},
	{"S15", a0},
	{"S16", a0},
	{"S17", a0}, // a late reply may show that etcd is another one (SPEC K4)
	{"S18", a0},
	{"S19", a2},
	{"S20", a0},
	{"S22", a1},
	{"S23", a0 | a7},
	{"H6", a0},
	{"L2", a0 | a1 | a6},
	{"L5", a0 | a1},
	{"L6", a1 | a2},
	{"L7", a0 | a1},
	{"S10", 0},
	{"S11", 0},
	{"S12", 0},
	{"S13", 0},
	{"S14", 0},
	{"S21", 0},
	{"L1", a1},
	{"L3", 0},
	{"L4", 0},
	{"E6", a0},
	{"E11", 0},
	{"E7", a0},
	{"E8", a0},
	{"N8", 0},
	{"K3", a0 | a1},
	{"K4", 0},
}

const numProperties = len(properties)

func propertyIndex(name string) int {
	for i := range properties {
		if properties[i].name == name {
			return i
		}
	}
	panic("there is no property " + name)
}

// excused reports whether a property is violated where it was never promised,
// and counts that: what breaks outside the assumptions is shown, not hidden.
// fail asks it; where that is not rare its callers ask before, as the arguments
// of a text that nobody will read are allocated all the same.
func (c *checker) excused(property string, a *actor) bool {
	broken := c.broken
	if a != nil {
		broken |= a.broken
		if a.member != nil && !c.sound(a.member.Backend.Lease()) {
			broken |= a6
		}
	}
	i := propertyIndex(property)
	// Who comes back when a revision that went back has caught up cannot know of it.
	blind := c.rewound && property[0] == 'L'
	if properties[i].needs&broken == 0 && !blind {
		return false
	}
	c.shown[i]++
	return true
}

// culprit is who of two gives a reason why a property need not hold: who claimed,
// unless all that it broke is A2, which does not make it early, or who should be
// dead by then.
func culprit(property string, claimant, old *actor) *actor {
	if properties[propertyIndex(property)].needs&claimant.broken&^a2 != 0 {
		return claimant
	}
	return old
}

// breaks notes that an assumption does not hold for one actor: A1, unless its
// clock still runs wrong, and A2 until its container starts anew, the others for
// good. A6 is known by the lease.
func (a *actor) breaks(x assumption) { a.broken |= x }

// driftBreaks reports whether a clock that is off by ppm is beyond A1.
func driftBreaks(ppm int64) bool { return ppm > fsm.DriftPPM || ppm < -fsm.DriftPPM }
