package sim

import (
	"slices"
	"sync"
	"time"

	"msdha/internal/fsm"
)

// drawer draws numbers: from a seed in volume, from rapid in the properties,
// where small numbers are what a failure shrinks to.
type drawer interface {
	below(n int64) int64
}

// SeedSchedule is the schedule of one episode of a run with a seed.
func SeedSchedule(seed uint64, episode int) Schedule {
	return *new(deck).deal(seed, episode)
}

// deck deals the schedules of a seed, one after the other into the same memory.
type deck struct {
	r random
	s Schedule
}

func (d *deck) deal(seed uint64, episode int) *Schedule {
	d.r = stream(seed, forSchedule, episode+2)
	d.s.draw(&d.r)
	return &d.s
}

func drawSchedule(d drawer) (s Schedule) {
	s.draw(d)
	return s
}

// draw draws an episode: one in eight near a story, because what was found once
// by a coincidence of milliseconds lies close to what has not been found yet.
func (s *Schedule) draw(d drawer) {
	s.drawGroup(d)
	if told := told(); d.below(8) == 7 {
		s.drawNear(d, &told[d.below(int64(len(told)))])
		return
	}
	s.drawFaults(d)
	s.drawWitnesses(d)
}

// told are the schedules of the stories.
var told = sync.OnceValue(func() (all []Schedule) {
	stories, err := Stories()
	if err != nil {
		panic(err) // they are part of the program, and tested
	}
	for _, t := range stories {
		all = append(all, t.Schedule)
	}
	return all
})

// drawNear draws an episode that begins like another: in its group, with its
// faults, each a little earlier or later, and maybe one more.
func (s *Schedule) drawNear(d drawer, t *Schedule) {
	seed, drift, faults := s.Seed, s.Drift, append(s.Faults[:0], t.Faults...)
	*s = *t
	s.Seed, s.Drift, s.Faults = seed, max(drift, t.Drift), faults
	s.Calm, s.Show, s.Notices, s.Files, s.Traffic = d.below(2) == 1, 0, false, false, false
	if !s.Calm {
		s.Apart = 0
	}
	for i := range s.Faults {
		f := &s.Faults[i]
		near := [...]time.Duration{0, 0, time.Millisecond, 20 * time.Millisecond, time.Second}[d.below(5)]
		f.After = max(0, f.After+time.Duration(d.below(2*int64(near)+1))-near)
		if f.Dur > 0 && d.below(4) == 3 {
			f.Dur = drawDuration(d, s.TTL)
		}
	}
	if d.below(2) == 1 {
		s.Faults = append(s.Faults, drawFault(d, s, deadly[:], t.Until))
	}
	s.Core, s.Until = 0, t.Until+6*s.TTL+2*recovery(s)
}

var ttls = []time.Duration{3 * time.Second, 10 * time.Second, 5 * time.Second, 2 * time.Second}

// drawGroup draws all of an episode but its faults. It keeps their memory.
func (s *Schedule) drawGroup(d drawer) {
	*s = Schedule{
		Nodes: 3, Fronts: 1, Clients: 2, TTL: ttls[d.below(int64(len(ttls)))], Faults: s.Faults[:0],
	}
	s.FrontTTL = s.TTL
	switch d.below(4) {
	case 1:
		s.FrontTTL = 4 * s.TTL
	case 2:
		s.Nodes = 2
	case 3:
		s.Nodes, s.Fronts = 4, 2
	}
	options := d.below(64)
	s.After, s.Data = options&1 != 0, options&6 == 6
	if options&56 == 56 {
		s.MasterTTL = 4 * s.TTL
	}
	switch d.below(8) {
	case 6:
		s.Mixed = ttls[d.below(int64(len(ttls)))]
	case 7:
		s.Twin = s.Nodes > 2 && !s.Data // a twin without the data could squat on the name
	}
	s.Drift = []int64{0, 1000, 100}[d.below(3)]
	s.Seed = uint64(d.below(1 << 40))
	s.drawHooks(d)
	s.drawObservers(d)
}

// drawFaults draws first which faults may occur at all: a mix of few kinds
// finds what a mix of all would drown.
func (s *Schedule) drawFaults(d drawer) {
	span := 12 * s.TTL
	mask := drawMask(d, make([]FaultKind, 0, 12))
	for i, k := range mask {
		if !s.Log && (k == Apart || k == Narrow || k >= AddMember && k <= LowerK) { // there they mean nothing
			mask[i] = LeaderGone
		}
	}
	if s.Log {
		mask = append(mask, replicated[d.below(int64(len(replicated)))], replicated[d.below(int64(len(replicated)))])
	}
	if s.Monitor > 0 && d.below(2) == 1 {
		mask = append(mask, Sick, Sick)
	}
	if d.below(2) == 1 { // what is about a vacancy needs one
		s.Faults = append(s.Faults, Fault{
			Kind: deadly[d.below(int64(len(deadly)))], Who: Master, On: OnMaster, Count: 1,
			After: time.Duration(d.below(int64(2 * s.TTL))), Dur: drawDuration(d, s.TTL),
		})
	}
	if n := len(s.Faults); n == 1 && d.below(2) == 1 { // its guard's helper, if it has one, is in trouble, too
		s.Faults = append(s.Faults, Fault{
			Kind: [...]FaultKind{StopHelper, KillHelper, Stick, StopHelper}[d.below(4)], Who: Master, On: OnHelper,
			Count: 1, After: time.Duration(d.below(int64(10 * time.Millisecond))), Dur: drawDuration(d, s.TTL),
		})
	}
	for n := d.below(9); n > 0; n-- {
		f := drawFault(d, s, mask, span)
		if last := len(s.Faults) - 1; last >= 0 && d.below(3) == 1 {
			// Troubles that coincide find what single ones cannot.
			f.On, f.Count, f.After = s.Faults[last].On, s.Faults[last].Count, s.Faults[last].After
		}
		s.Faults = append(s.Faults, f)
	}
	if s.Log && d.below(2) == 1 {
		s.Faults = s.Faults[:len(s.Faults)/2]
		s.drawReigns(d)
		span = 24 * s.TTL
	}
	s.Until = span + 6*s.TTL + 2*recovery(s)
	if d.below(2) == 1 {
		s.Core = 2*s.TTL + time.Duration(d.below(int64(span-2*s.TTL)))
		for i := range s.Faults { // else hardly anything would stay broken
			if f := &s.Faults[i]; lasts(f.Kind) && d.below(2) == 1 {
				f.Dur = max(f.Dur, span)
			}
		}
	}
}

// deadly are the faults that end a master's reign without a release.
var deadly = [...]FaultKind{Cut, CutAll, StopAgent, KillAgent, KillAll, StopAll}

// drawMask chooses the kinds of an episode. Every second one is about reigns
// that end the hard way.
func drawMask(d drawer, kinds []FaultKind) []FaultKind {
	for n := 1 + d.below(4); n > 0; n-- {
		kinds = append(kinds, 1+FaultKind(d.below(int64(EngineSilent)-1)))
	}
	if d.below(2) == 1 {
		kinds = append(kinds, deadly[d.below(int64(len(deadly)))])
	}
	return kinds
}

func drawFault(d drawer, s *Schedule, mask []FaultKind, span time.Duration) Fault {
	f := Fault{Kind: mask[d.below(int64(len(mask)))]}
	f.Who = Who(d.below(int64(s.Nodes+s.Fronts+2)) - 2)
	switch {
	case f.Who < Master, slices.Contains(deadly[:], f.Kind) && d.below(2) == 1:
		f.Who = Master
	case s.Fronts > 0 && f.Kind >= Lossy && f.Kind <= CutAll && d.below(2) == 1:
		f.Who = Who(s.Nodes) // else frontends are rarely cut off for long enough
	}
	f.Dur = drawDuration(d, s.TTL)
	if f.Kind == SlowHook && d.below(4) == 3 {
		f.Dur = hang
	}
	if d.below(2) == 0 {
		f.After = time.Duration(d.below(int64(span)))
	} else {
		f.On = 1 + Milestone(d.below(int64(numMilestones)-1))
		f.Count = [...]int{1, 1, 2, 1, 3, 2, 4}[d.below(7)]
		if f.On == OnRenewal {
			f.Count = 1 + int(d.below(30))
		}
		if f.On == OnStart && f.Who == Master {
			f.Who = 0 // whoever starts does not reign
		}
		f.After = drawOffset(d, f.On, s.TTL)
	}
	f.Arg = drawArgument(d, f.Kind)
	return f
}

// drawArgument keeps within the assumptions.
func drawArgument(d drawer, k FaultKind) int {
	arg := argumentOf(k)
	switch {
	case arg == nil:
		return 0
	case arg == skewArgument:
		return [...]int{fsm.DriftPPM, -fsm.DriftPPM, 500, -500}[d.below(4)]
	case arg == minTTLArgument:
		return [...]int{0, 4, 12, 30}[d.below(4)]
	case arg.needed:
		return arg.first + int(d.below(int64(len(arg.names))))
	}
	if v := int(d.below(int64(len(arg.names)) + 1)); v > 0 {
		return arg.first + v - 1
	}
	return 0
}

// hang is longer than any episode.
const hang = time.Hour

// drawOffset prefers the edges: at once, and around the deadlines that count
// from the milestone.
func drawOffset(d drawer, on Milestone, ttl time.Duration) time.Duration {
	var edge time.Duration
	switch on {
	case OnVacancy: // the wait for its end
		edge = [...]time.Duration{0, 2*ttl + ttl/50, ttl, 2 * ttl}[d.below(4)]
	case OnRenewal: // the end of authority, of the grace, of the lease
		edge = [...]time.Duration{0, ttl, ttl / 3, ttl + fsm.Grace(ttl), ttl - fsm.Grace(ttl)}[d.below(5)]
	default: // requests and hooks
		edge = [...]time.Duration{0, 0, ttl / 3, 0, ttl, 2 * ttl}[d.below(6)]
	}
	near := [...]time.Duration{
		0, 1, time.Millisecond, 3 * time.Millisecond, 10 * time.Millisecond, ttl / 10, ttl / 2,
	}[d.below(7)]
	if d.below(2) == 1 {
		return max(0, edge-near)
	}
	return edge + near
}

func drawDuration(d drawer, ttl time.Duration) time.Duration {
	around := []time.Duration{
		ttl / 3, ttl, ttl / 10, 3 * ttl, ttl - fsm.Grace(ttl), 2 * ttl, 5 * ttl, ttl + fsm.Grace(ttl)/2,
	}[d.below(8)]
	return max(time.Millisecond, around+time.Duration(d.below(int64(ttl/4)))-ttl/8)
}
