package sim

import "time"

// engineFaults are what can go wrong between a container, its engine and its witness;
// the first half strikes a node's host.
var engineFaults = [...]FaultKind{
	EngineSilent, EngineSlow, EngineRestart, EngineOther, StopAll, Recreate, KillAll,
	KillAll, StopAgent, Cut, Lossy, Stick, Delay,
}

// ofWitness is where those of engineFaults begin that strike the witness itself.
const ofWitness = 7

// drawWitnesses gives every third episode witnesses, and its machines trouble with
// their engines, mostly about the time when a container ends.
func (s *Schedule) drawWitnesses(d drawer) {
	if d.below(3) != 1 {
		return
	}
	s.Witness = s.Nodes - int(d.below(2))
	s.Clones = s.Clones || d.below(4) == 1
	for n := d.below(6); n > 0; n-- {
		i := d.below(int64(len(engineFaults)))
		f := Fault{Kind: engineFaults[i], Who: Who(d.below(int64(s.Nodes+1)) - 1), Dur: drawDuration(d, s.TTL)}
		if i >= ofWitness && s.Witness > 0 {
			f.Who = Who(s.Nodes + s.Fronts + int(d.below(int64(s.Witness))))
		}
		last := len(s.Faults) - 1
		switch d.below(3) {
		case 0:
			f.After = time.Duration(d.below(int64(12 * s.TTL)))
		case 1:
			f.On, f.Count, f.After = OnMaster, 1+int(d.below(2)), time.Duration(d.below(int64(2*s.TTL)))
		default:
			if last < 0 {
				continue
			}
			// What coincides finds what single troubles cannot: a container that is back soon.
			f.On, f.Count = s.Faults[last].On, s.Faults[last].Count
			f.After = s.Faults[last].After + time.Duration(d.below(int64(200*time.Millisecond)))
		}
		if (f.Kind == KillAll || f.Kind == Recreate) && d.below(2) == 1 {
			f.Dur = time.Duration(1 + d.below(int64(300*time.Millisecond)))
		}
		s.Faults = append(s.Faults, f)
	}
	if s.Joined = d.below(8) == 7; s.Joined {
		s.Faults = append(s.Faults, Fault{
			Kind: NetworkEnds, Who: Master, On: OnMaster, Count: 1 + int(d.below(2)),
			After: time.Duration(d.below(int64(2 * s.TTL))), Dur: drawDuration(d, s.TTL),
		})
	}
}
