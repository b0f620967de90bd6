package sim

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"msdha/internal/fsm"
)

// Regime is a world in which one of the assumptions does not hold. Nothing that
// needs it is promised there; a run shows what breaks and what holds all the
// same (docs/SAFETY.md, "Outside of the assumptions").
type Regime struct {
	Name string
	Text string
	// Breaks are the properties that break, Rarely those that do in few episodes of
	// a thousand, both in order. TestRegimes wants all of the first and none but these.
	Breaks, Rarely []string

	draw func(d drawer, s *Schedule)
}

// Regimes lists them.
func Regimes() []Regime {
	return []Regime{
		{
			Name: "drift", Text: "clocks are wrong by up to 10 %",
			Breaks: []string{"S3", "S4", "S5", "S7"}, Rarely: []string{"L5"},
			draw: func(d drawer, s *Schedule) { s.drawDrifting(d, 100_000) },
		},
		{
			Name: "more drift", Text: "clocks are wrong by up to 40 %",
			Breaks: []string{"S3", "S4", "S5", "S7"}, Rarely: []string{"L1", "L5", "L6", "S6"},
			draw: func(d drawer, s *Schedule) { s.drawDrifting(d, 400_000) },
		},
		{
			Name: "freeze", Text: "virtual machines of nodes are frozen, their clocks too",
			Breaks: []string{"S6", "S8"}, Rarely: []string{"S3", "S4"},
			draw: func(d drawer, s *Schedule) { s.addFault(d, []FaultKind{Freeze}, 6*s.TTL) },
		},
		{
			Name:   "pauses",
			Text:   "agent, guard and main process of a node are stopped, or SIGKILL does nothing, for any time",
			Breaks: []string{"S6", "S8"},
			draw: func(d drawer, s *Schedule) {
				s.addFault(d, []FaultKind{StopAll, Suspend, Unkillable, Unkillable}, 6*s.TTL)
				s.addFault(d, []FaultKind{KillAgent, Cut, StopGuard, CutAll}, 3*s.TTL)
			},
		},
		{
			Name:   "paused frontends",
			Text:   "a frontend is stopped between a check and the write after it, or frozen, for any time",
			Breaks: []string{"S7"},
			draw: func(d drawer, s *Schedule) {
				s.addFault(d, []FaultKind{KillAll, Cut, CutAll}, 2*s.TTL)
				s.Fronts, s.Clients = 1, 4
				last := s.Faults[len(s.Faults)-1]
				stop := Fault{
					Kind: [...]FaultKind{StopAgent, Suspend, Freeze}[d.below(3)], On: last.On, Count: last.Count,
					After: last.After, Who: Who(s.Nodes), Dur: drawDuration(d, s.TTL) + 3*s.TTL,
				}
				s.Faults = append(s.Faults, stop)
			},
		},
		{
			Name: "unsound leases", Text: "leases are revoked by hand, or renewed by a leader that was replaced",
			Breaks: []string{"S3"},
			draw: func(d drawer, s *Schedule) {
				s.addFault(d, []FaultKind{RevokeLease, StaleLeader}, 2*s.TTL)
			},
		},
		{
			Name: "etcd goes back", Text: "etcd is restored from a backup, or begins anew",
			Breaks: []string{"S3", "S15"}, Rarely: []string{"L3", "L7", "S2", "S5", "S7", "S8", "S9", "S16", "S17"},
			draw: func(d drawer, s *Schedule) {
				s.Faults = append(s.Faults, Fault{Kind: Backup, After: time.Duration(d.below(int64(4 * s.TTL)))})
				s.addFault(d, []FaultKind{Restore}, time.Second)
				s.addFault(d, []FaultKind{Cut, KillAll, Recreate}, 2*s.TTL)
			},
		},
		{
			Name: "disks go back", Text: "disks of members come back older than they were",
			Breaks: []string{"S23"},
			draw:   func(d drawer, s *Schedule) { s.drawRollbacks(d) },
		},
	}
}

// harmless are faults that end reigns and break no assumption.
var harmless = []FaultKind{Cut, CutAll, KillAgent, KillAll}

// drawDrifting lets clocks be wrong by ppm while masters are lost the hard way.
func (s *Schedule) drawDrifting(d drawer, ppm int64) {
	s.Drift, s.Fronts, s.Clients = ppm, 2, 4
	s.addFault(d, []FaultKind{Cut, KillAll, StopAgent, CutAll}, 3*s.TTL)
	s.addFault(d, []FaultKind{LagWatch, Deaf, StopAgent, CutAll}, 3*s.TTL)
	// The sooner _master is deleted after a round, the longer its owner believes.
	f := s.Faults[0]
	f.Kind, f.Dur = DeleteMaster, 0
	s.Faults = append(s.Faults, f)
}

// drawRollbacks lets members' disks go back in a row of short reigns. A2 holds.
func (s *Schedule) drawRollbacks(d drawer) {
	s.Log, s.Data, s.Members, s.K = true, true, s.Nodes, 1
	s.drawReigns(d)
	s.Faults = slices.DeleteFunc(s.Faults, func(f Fault) bool { return f.Kind == StopGuard })
	for n := range 3 {
		s.Faults = append(s.Faults, Fault{
			Kind: Rollback, Who: Who(d.below(int64(s.Nodes))), On: OnMaster, Count: 1 + n,
			After: time.Duration(d.below(int64(2 * s.TTL))), Dur: time.Second,
		})
	}
}

// Row is the regime as docs/SAFETY.md quotes it.
func (r *Regime) Row() string {
	return "| " + r.Text + " | " + strings.Join(r.Breaks, ", ") + " | " + strings.Join(r.Rarely, ", ") + " |"
}

// addFault adds one of the kinds, at a master.
func (s *Schedule) addFault(d drawer, kinds []FaultKind, least time.Duration) {
	f := Fault{
		Kind: kinds[d.below(int64(len(kinds)))], Who: Master, On: OnMaster, Count: 1 + int(d.below(2)),
		After: time.Duration(d.below(int64(2 * s.TTL))), Dur: least + drawDuration(d, s.TTL),
	}
	f.Arg = drawArgument(d, f.Kind)
	if f.Kind == StaleLeader || f.Kind == RevokeLease {
		f.Dur = time.Duration(d.below(int64(2 * electionTime)))
	}
	s.Faults = append(s.Faults, f)
}

// drawBeyond draws an episode of a regime: what goes beyond the assumptions, and
// a few of the faults that end reigns.
func (r *Regime) drawBeyond(d drawer) Schedule {
	s := Schedule{Nodes: 3, Fronts: 1, Clients: 2, TTL: ttls[d.below(3)], Seed: uint64(d.below(1 << 40))}
	s.FrontTTL = s.TTL
	s.Drift = []int64{0, fsm.DriftPPM}[d.below(2)]
	r.draw(d, &s)
	span := 12 * s.TTL
	for n := d.below(3); n > 0; n-- {
		s.Faults = append(s.Faults, drawFault(d, &s, harmless, span))
	}
	s.Until = span + 6*s.TTL + 2*recovery(&s)
	return s
}

// Beyond runs episodes of a regime, until the context ends, and returns the
// properties that broke where they are not promised, in order, and the first
// violation of one that is.
func (r *Regime) Beyond(ctx context.Context, seed uint64, episodes int) (broken []string, first *Report) {
	w := NewWorld()
	for i := range episodes {
		if ctx.Err() != nil {
			break
		}
		rnd := stream(seed, forSchedule, i+2)
		s := r.drawBeyond(&rnd)
		if report := w.Run(&s); len(report.Violations) > 0 && first == nil {
			first = report
		}
	}
	for i, n := range w.stats.Shown {
		if n > 0 {
			broken = append(broken, properties[i].name)
		}
	}
	slices.SortFunc(broken, inOrder)
	return broken, first
}

// inOrder puts S2 before S15.
func inOrder(a, b string) int {
	return cmp.Or(strings.Compare(a[:1], b[:1]), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// Unexpected are those of the broken properties that were not seen to break when
// docs/SAFETY.md was written.
func (r *Regime) Unexpected(broken []string) (more []string) {
	for _, p := range broken {
		if !slices.Contains(r.Breaks, p) && !slices.Contains(r.Rarely, p) {
			more = append(more, p)
		}
	}
	return more
}
