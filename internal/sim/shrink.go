package sim

import (
	"slices"
	"time"
)

// shrinkTries bounds the episodes that shrinking may cost.
const shrinkTries = 2000

// Shrink makes the schedule of a failed episode as simple as it can while the
// same property fails: fewer faults, fewer nodes, plainer options, shorter
// times. It returns the outcome of the simplest.
func Shrink(r *Report) *Report {
	s := shrinker{world: NewWorld(), best: r, property: r.Violations[0].Property, left: shrinkTries}
	s.world.check.only = s.property
	for before := -1; before != s.wins && s.left > 0; {
		before = s.wins
		s.dropFaults()
		s.simplify()
		s.shorten()
	}
	s.world = NewWorld() // as a replay would see it
	if again := s.world.Run(s.best.Schedule); len(again.Violations) > 0 {
		return again
	}
	return s.best
}

type shrinker struct {
	world    *World
	best     *Report
	property string
	left     int
	wins     int
}

// try keeps a change of the schedule if the property still fails.
func (s *shrinker) try(change func(*Schedule)) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	c := *s.best.Schedule
	c.Faults = slices.Clone(c.Faults)
	change(&c)
	if c.String() == s.best.Schedule.String() {
		return false
	}
	r := s.world.Run(&c)
	if len(r.Violations) == 0 {
		return false
	}
	s.best = r
	s.wins++
	return true
}

func (s *shrinker) dropFaults() {
	for size := len(s.best.Schedule.Faults); size > 0; size /= 2 {
		for i := 0; i+size <= len(s.best.Schedule.Faults); {
			if !s.try(func(c *Schedule) { c.Faults = slices.Delete(c.Faults, i, i+size) }) {
				i++
			}
		}
	}
}

// simplify tries what makes the whole episode plainer.
func (s *shrinker) simplify() {
	for _, change := range []func(*Schedule){
		func(c *Schedule) { c.Calm = true },
		func(c *Schedule) { c.Drift = 0 },
		func(c *Schedule) { c.Seed = 0 },
		func(c *Schedule) { c.After = false },
		func(c *Schedule) { c.Log, c.Members, c.K = false, 0, 0 },
		func(c *Schedule) { c.Data = c.Log },
		func(c *Schedule) { c.Ranks = false },
		func(c *Schedule) { c.Fence = 0 },
		func(c *Schedule) { c.Observers = 0 },
		func(c *Schedule) { c.Quorum = 0 },
		func(c *Schedule) { c.Monitor = 0 },
		func(c *Schedule) { c.MasterTTL = 0 },
		func(c *Schedule) { c.Twin = false },
		func(c *Schedule) { c.Clones = false },
		func(c *Schedule) { c.Shared = false },
		func(c *Schedule) { c.Joined = false },
		func(c *Schedule) { c.Proves = false },
		func(c *Schedule) { c.Mixed = 0 },
		func(c *Schedule) { c.Core = 0 },
		func(c *Schedule) { c.FrontTTL = c.TTL },
		func(c *Schedule) { c.Clients = 1 },
		func(c *Schedule) { c.Until = s.best.At + time.Second },
	} {
		s.try(change)
	}
	for s.best.Schedule.Witness > 0 && s.try(func(c *Schedule) { c.without(Who(c.Nodes + c.Fronts + c.Witness - 1)) }) {
	}
	for s.best.Schedule.Fronts > 0 && s.try(func(c *Schedule) { c.without(Who(c.Nodes + c.Fronts - 1)) }) {
	}
	for s.best.Schedule.Nodes > 1 && s.try(func(c *Schedule) { c.without(Who(c.Nodes - 1)) }) {
	}
}

// without takes one node, frontend or witness away, and renumbers the others.
func (s *Schedule) without(who Who) {
	switch {
	case int(who) < s.Nodes:
		if s.Witness == s.Nodes { // the last host goes, and its witness with it
			s.without(Who(s.Nodes + s.Fronts + s.Witness - 1))
		}
		s.Nodes--
		s.Observers = max(0, s.Observers-1)
		s.Members, s.Fence = min(s.Members, s.Nodes-s.Observers), min(s.Fence, s.Nodes)
		s.Quorum = min(s.Quorum, s.Nodes)
		s.K = min(s.K, max(0, s.Members-1))
	case int(who) < s.Nodes+s.Fronts:
		s.Fronts--
	default:
		s.Witness--
	}
	s.Clients = min(s.Clients, 4*s.Fronts)
	s.Faults = slices.DeleteFunc(s.Faults, func(f Fault) bool { return f.Who == who })
	for i := range s.Faults {
		if s.Faults[i].Who > who {
			s.Faults[i].Who--
		}
	}
}

// shorten rounds the times of faults, halves them, and counts milestones down.
func (s *shrinker) shorten() {
	for i := range s.best.Schedule.Faults {
		at := func() *Fault { return &s.best.Schedule.Faults[i] }
		if arg := argumentOf(at().Kind); arg != nil && !arg.needed {
			s.try(func(c *Schedule) { c.Faults[i].Arg = 0 })
		}
		for at().Count > 1 && s.try(func(c *Schedule) { c.Faults[i].Count-- }) {
		}
		for _, unit := range []time.Duration{time.Second, 100 * time.Millisecond, time.Millisecond} {
			s.try(func(c *Schedule) { c.Faults[i].Dur = c.Faults[i].Dur.Round(unit) })
			s.try(func(c *Schedule) { c.Faults[i].After = c.Faults[i].After.Round(unit) })
		}
		for at().Dur > time.Millisecond && s.try(func(c *Schedule) { c.Faults[i].Dur /= 2 }) {
		}
		for at().After > time.Millisecond && s.try(func(c *Schedule) { c.Faults[i].After /= 2 }) {
		}
	}
}
