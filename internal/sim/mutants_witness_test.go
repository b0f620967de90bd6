//go:build mutants

package sim

import (
	"time"

	"msdha/internal/fsm/mutant"
)

// What a witness may get wrong (SPEC E11).
func init() {
	planted[mutant.WitnessPause] = plant{
		by: "E11", source: "issue 6", drawn: true, shape: witnessed, why: "groups with witnesses",
	}
	planted[mutant.WitnessReadsLast] = plant{
		by: "E11", source: "issue 6", drawn: true, shape: backAtOnce, why: "containers that are back at once",
	}
	planted[mutant.WitnessAnyBoot] = plant{
		by: "E11", source: "issue 6", drawn: true, shape: cloned, why: "machines that are clones",
	}
	planted[mutant.WitnessByName] = plant{
		by: "E11", source: "issue 6", drawn: true, shape: namesakes, why: "two nodes of one name",
	}
	planted[mutant.Witness404] = plant{
		by: "E11", source: "issue 6", drawn: true, shape: otherEngines, why: "witnesses that ask another engine",
	}
	planted[mutant.WitnessAnyRoot] = plant{
		by: "E11", source: "review of issue 6", drawn: true, shape: joined, why: "containers with another's network",
	}
}

// witnessed gives every host a witness, and some container a pause.
func witnessed(s *Schedule) {
	s.setWitnesses()
	s.Faults = append(s.Faults, Fault{Kind: StopAll, Who: Master, On: OnMaster, Count: 1, Dur: s.TTL})
}

func (s *Schedule) setWitnesses() {
	for i := range s.Faults { // else the numbers would mean others
		if int(s.Faults[i].Who) >= s.Nodes+s.Fronts {
			s.Faults[i].Who = 0
		}
	}
	s.Witness = s.Nodes
}

// backAtOnce: the container starts again while its witness is still looking.
func backAtOnce(s *Schedule) {
	s.setWitnesses()
	for n := range 3 {
		s.Faults = append(s.Faults, Fault{
			Kind: KillAll, Who: Who(n % s.Nodes), After: s.TTL * time.Duration(3+n),
			Dur: time.Duration(1+n) * time.Millisecond,
		})
	}
}

// cloned: two machines have the same containers, and one of these ends.
func cloned(s *Schedule) {
	s.setWitnesses()
	s.Clones = true
	s.Faults = append(s.Faults, Fault{Kind: KillAll, Who: 1, After: 5 * s.TTL, Dur: 2 * s.TTL})
}

// namesakes: the last node bears the first one's name, and ends.
func namesakes(s *Schedule) {
	s.setWitnesses()
	s.Twin, s.Data, s.Log = true, false, false
	s.Faults = append(s.Faults, Fault{Kind: KillAll, Who: Who(s.Nodes - 1), After: 6 * s.TTL, Dur: 2 * s.TTL})
}

// otherEngines: a witness is led to an engine that knows no container of ours.
func otherEngines(s *Schedule) {
	s.setWitnesses()
	s.Faults = append(s.Faults,
		Fault{Kind: EngineOther, Who: 0, After: 2 * s.TTL, Dur: 8 * s.TTL},
		Fault{Kind: KillAgent, Who: Who(s.Nodes + s.Fronts), After: 3 * s.TTL, Dur: time.Second})
}

// joined: the container ends whose network, and so whose files, the master's has.
func joined(s *Schedule) {
	s.setWitnesses()
	s.Joined = true
	s.Faults = append(s.Faults, Fault{Kind: NetworkEnds, Who: Master, On: OnMaster, Count: 1, Dur: 3 * s.TTL})
}
