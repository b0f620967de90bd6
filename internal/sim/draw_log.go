package sim

import (
	"time"

	"msdha/internal/fsm"
)

// drawHooks draws the hooks that the nodes have, and in every fourth episode a
// database: mostly one with a member list, since only that promises something.
func (s *Schedule) drawHooks(d drawer) {
	switch d.below(16) {
	case 13:
		s.Members, s.K, s.Twin = max(1, s.Nodes-1), 0, false
	case 14:
		s.Fence = s.Nodes
	case 15:
		s.Fence = s.Nodes - 1
	}
	s.Proves = s.Fence > 0 && d.below(2) == 1
	s.Clones = d.below(4) == 3 || s.Twin && d.below(2) == 1
	s.Shared = d.below(8) == 7
	s.Twin = s.Twin && s.Fence == 0 // a twin without the hook could squat on the name
	if d.below(8) == 7 {
		s.Monitor = s.TTL / 2
	}
	s.Ranks = d.below(8) == 7
	if d.below(4) != 3 {
		return
	}
	s.Log, s.Data, s.Twin = true, true, false
	s.Members, s.K = s.Nodes, min(1, s.Nodes-1)
	switch d.below(8) {
	case 4:
		s.K = min(2, s.Nodes-1)
	case 5:
		s.Members = max(2, s.Nodes-1)
	case 6:
		s.K = 0
	case 7:
		s.Members, s.K, s.Quorum = 0, 0, 1+int(d.below(2))
	}
}

// replicated are the faults that concern databases and their members.
var replicated = [...]FaultKind{
	Apart, AddMember, RemoveMember, RaiseK, LowerK, Switchover, Recreate, SlowHook, FailHook, StopChild,
	Reinit, Reinit,
}

// ends are the ways in which a reign ends in drawReigns: with its database, or
// without.
var ends = [...]FaultKind{KillAll, KillAll, StopAgent, Cut, Stop, Switchover, Recreate, CutAll}

// drawReigns draws a row of short reigns: what has been acknowledged in one is
// lost by the third, if at all, and somebody must have been behind, or away.
func (s *Schedule) drawReigns(d drawer) {
	t := int64(s.TTL)
	for n := 1; n <= 2+int(d.below(3)); n++ {
		on := Fault{On: OnMaster, Count: n, After: time.Duration(d.below(t))}
		who := func() Who { return Who(d.below(int64(s.Nodes))) }
		with := func(k FaultKind, w Who, after, dur int64, arg int) {
			f := on
			f.Kind, f.Who, f.Arg, f.Dur = k, w, arg, time.Duration(max(dur, int64(time.Millisecond)))
			f.After += time.Duration(max(after, -int64(f.After)))
			s.Faults = append(s.Faults, f)
		}
		lag := d.below(2 * t)
		switch d.below(6) {
		case 0, 1: // the master alone goes on
			with(Apart, Master, 0, lag+d.below(3*t), 0)
		case 2, 3: // somebody is left behind
			with(Apart, who(), 0, lag+d.below(4*t), 0)
		case 4:
			with(Apart, who(), 0, lag+d.below(2*t), 0)
			with(Apart, who(), 0, lag+d.below(2*t), 0)
		}
		switch d.below(6) {
		case 0:
			with(RemoveMember, who(), lag-d.below(t), 0, 0)
		case 1:
			with(AddMember, who(), lag-d.below(t), 0, 0)
		case 2:
			with([...]FaultKind{RaiseK, LowerK}[d.below(2)], 0, lag-d.below(t), 0, 0)
		case 3:
			h := [...]fsm.Hook{fsm.HookMembers, fsm.HookFollow, fsm.HookPosition, fsm.HookDetach}[d.below(4)]
			with([...]FaultKind{SlowHook, FailHook}[d.below(2)], who(), 0, d.below(4*t), int(h))
		}
		end := ends[d.below(int64(len(ends)))]
		with(end, Master, lag, d.below(9*t), 0)
		if end == StopAgent && d.below(2) == 1 { // its database goes on, and takes writes
			with(StopGuard, Master, lag, d.below(9*t), 0)
		}
		if d.below(2) == 1 {
			with([...]FaultKind{KillAll, KillAll, Cut, StopAgent}[d.below(4)], who(),
				lag+d.below(t/4)-t/8, d.below(6*t), 0)
		}
	}
}
