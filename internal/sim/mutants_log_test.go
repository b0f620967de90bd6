//go:build mutants

package sim

import (
	"time"

	"msdha/internal/fsm"
)

// Shapes for the bugs of elections and member lists: nodes with databases, of
// whom n are members, and a row of short reigns.

func (s *Schedule) asDatabases(nodes, members int) random {
	r := stream(s.Seed, forSchedule, 9)
	s.Nodes, s.Members, s.K, s.Quorum = nodes, members, 1, 0
	s.Log, s.Data, s.Twin, s.Mixed, s.MasterTTL, s.Core, s.Fence, s.Observers = true, true, false, 0, 0, 0, 0, 0
	s.Faults = s.Faults[:0]
	s.Until = 30*s.TTL + 2*recovery(s)
	return r
}

func databases(s *Schedule) {
	r := s.asDatabases(3+int(s.Seed%2), 3+int(s.Seed%2))
	s.drawReigns(&r)
}

// inReign adds a fault of the n-th reign.
func (s *Schedule) inReign(n int, k FaultKind, who Who, after, dur time.Duration, arg int) {
	s.Faults = append(s.Faults, Fault{Kind: k, Who: who, On: OnMaster, Count: n, After: after, Dur: dur, Arg: arg})
}

// lastCopyRemoved removes the one member that keeps up with the master, and
// kills the master soon.
func lastCopyRemoved(s *Schedule) {
	r := s.asDatabases(4, 4)
	at, gone := r.between(s.TTL, 2*s.TTL), Who(r.below(4))
	left := Who(r.below(4))
	for w := range Who(4) {
		if w != gone && w != left {
			s.inReign(1, Apart, w, at-r.between(0, s.TTL/2), r.between(s.TTL, 3*s.TTL), 0)
		}
	}
	s.inReign(1, RemoveMember, gone, at, 0, 0)
	s.inReign(1, KillAll, Master, at+r.between(0, s.TTL), 10*s.TTL, 0)
}

// newCopyOnly lets only a member that is being added keep up with the master.
func newCopyOnly(s *Schedule) {
	r := s.asDatabases(4, 3)
	at := r.between(s.TTL, 2*s.TTL)
	left := Who(r.below(3))
	for w := range Who(3) {
		if w != left {
			s.inReign(1, Apart, w, at-r.between(0, s.TTL/4), r.between(s.TTL, 3*s.TTL), 0)
		}
	}
	s.inReign(1, AddMember, 3, at, 0, 0)
	s.inReign(1, KillAll, Master, at+r.between(0, s.TTL), 10*s.TTL, 0)
}

// oneKeepsUp breaks, for a moment, the connection of the one member that keeps up with a
// master whose writes wait for two, and kills both.
func oneKeepsUp(s *Schedule) {
	r := s.asDatabases(4, 4)
	s.K = 2
	at, keeps, other := r.between(s.TTL, 2*s.TTL), Who(r.below(4)), Who(r.below(4))
	for w := range Who(4) {
		switch w {
		case keeps:
			s.inReign(1, Apart, w, at, r.between(s.TTL/10, s.TTL/3), 0)
		case other: // it may be the master
		default:
			s.inReign(1, Apart, w, at-r.between(0, s.TTL/2), 3*s.TTL, 0)
		}
	}
	end := at + r.between(s.TTL/2, s.TTL)
	s.inReign(1, KillAll, Master, end, 12*s.TTL, 0)
	s.inReign(1, KillAll, keeps, end, 12*s.TTL, 0)
}

// unarmed lets the members hook fail for long, while reigns change.
func unarmed(s *Schedule) {
	r := s.asDatabases(3, 3)
	for w := range Who(3) {
		for n := range 4 {
			s.inReign(1+n/2, SlowHook, w, time.Duration(n%2)*s.TTL, time.Hour, int(fsm.HookMembers))
		}
	}
	s.drawReigns(&r)
}

// briefReigns kills masters right after their hooks, while their databases'
// streams begin.
func briefReigns(s *Schedule) {
	r := s.asDatabases(3, 3)
	s.inReign(1, Apart, Master, r.between(0, s.TTL), r.between(s.TTL, 3*s.TTL), 0)
	s.inReign(1, KillAll, Master, r.between(s.TTL, 2*s.TTL), r.between(3*s.TTL, 8*s.TTL), 0)
	s.inReign(2, KillAll, Master, r.between(0, s.TTL/2), 12*s.TTL, 0)
	s.inReign(3, KillAll, Master, r.between(0, s.TTL/2), 12*s.TTL, 0)
}

// lateFollows lets follow hooks hang while a master's agent is stopped and its
// database goes on.
func lateFollows(s *Schedule) {
	r := s.asDatabases(3, 3)
	at := r.between(0, s.TTL/2)
	for w := range Who(3) {
		s.Faults = append(s.Faults, Fault{
			Kind: SlowHook, Who: w, On: OnClaim, Count: 1 + int(r.below(2)), Dur: 4 * s.TTL, Arg: int(fsm.HookFollow),
		})
	}
	n := 1 + int(r.below(2))
	s.inReign(n, StopAgent, Master, at, 9*s.TTL, 0)
	s.inReign(n, StopGuard, Master, at, 9*s.TTL, 0)
}

// debts lets fence hooks hang while their claimant is asked to stop.
func debts(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Nodes, s.Fence, s.Mixed, s.Twin = max(3, s.Nodes), max(3, s.Nodes), 0, false
	s.inReign(1, KillAll, Master, r.between(0, s.TTL), 0, 0)
	for w := range Who(s.Nodes) {
		s.Faults = append(s.Faults, Fault{
			Kind: SlowHook, Who: w, On: OnVacancy, Count: 1, Dur: 2 * s.TTL, Arg: int(fsm.HookFence),
		})
	}
	s.Faults = append(s.Faults, Fault{Kind: Stop, Who: Master, On: OnClaim, Count: 2, After: r.between(0, 2*s.TTL)})
}

// switchovers are requests in each reign, some of them by hand and of the reign before.
func switchovers(s *Schedule) {
	r := s.asDatabases(3, 3)
	for n := range 4 {
		s.inReign(1+n/2, Switchover, Who(r.below(4)), r.between(0, s.TTL), r.between(s.TTL, 5*s.TTL), int(r.below(2)))
	}
}

// strangers are nodes outside of a list whose writes wait for nobody.
func strangers(s *Schedule) {
	s.Log, s.Members, s.K, s.Twin, s.Ranks, s.Observers = false, max(1, s.Nodes-1), 0, false, false, 0
}

// acceptedLoss lets an operator promote a node before the list is armed, and the
// node that made the data come back after that one's end.
func acceptedLoss(s *Schedule) {
	r := s.asDatabases(3, 3)
	for w := range Who(3) {
		for n := range 3 {
			s.inReign(1+n, SlowHook, w, 0, time.Hour, int(fsm.HookMembers))
		}
		s.Faults = append(s.Faults, Fault{Kind: SlowHook, Who: w, Dur: time.Hour, Arg: int(fsm.HookMembers)})
	}
	s.inReign(1, KillAll, Master, r.between(s.TTL/2, 2*s.TTL), r.between(5*s.TTL, 9*s.TTL), 0)
	s.Faults = append(s.Faults, Fault{
		Kind: ForcePromote, Who: Who(r.below(3)), On: OnVacancy, Count: 1, After: s.TTL, Dur: 3 * s.TTL,
	})
	s.inReign(2, KillAll, Master, r.between(s.TTL/2, 2*s.TTL), 12*s.TTL, 0)
}
