//go:build mutants

package sim

import (
	"msdha/internal/fsm/mutant"
)

// What may be got wrong when the death of an incarnation is attested (SPEC E11).
func init() {
	planted[mutant.AttestBeforeReaping] = plant{by: "E11", source: "issue 6"}
	planted[mutant.AttestMainEnd] = plant{by: "E11", source: "issue 6"}
	planted[mutant.ChildBeforeAgent] = plant{by: "E11", source: "issue 6, SPEC R5"}
	planted[mutant.AttestByName] = plant{
		by: "E11", source: "issue 6",
		shape: lateForANamesake, why: "helpers that sleep for a TTL, and a second node of that name",
	}
	planted[mutant.AttestByHostname] = plant{
		by: "E11", source: "issue 6", drawn: true,
		shape: nearStory("cloned-host-with-the-same-container-id"), why: "near that story",
	}
	planted[mutant.AttestByContainer] = plant{
		by: "E11", source: "issue 6", drawn: true,
		shape: nearStory("cloned-host-with-the-same-container-id"), why: "near that story",
	}
	planted[mutant.AttestNoCompare] = plant{
		by: "E11", source: "issue 6",
		shape: nearStory("late-helper"), why: "near that story",
	}
	planted[mutant.FenceLies] = plant{
		by: "E11", source: "issue 6", drawn: true,
		shape: nearStory("fence-attests"), why: "near that story",
	}
	planted[mutant.PastAttested] = plant{
		by: "K4", source: "SPEC K4",
		shape: nearStory("attested-in-a-backup"), why: "near that story",
	}
}

// lateForANamesake: the helper of a node that has died is stopped until a second node
// with its name may have it.
func lateForANamesake(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Nodes, s.Twin, s.Data, s.Log, s.Members, s.K, s.Witness = max(3, s.Nodes), true, false, false, 0, 0, 0
	s.Fence, s.Proves, s.Faults = 0, false, nil
	at := 6*s.TTL + r.between(0, s.TTL/2)
	for _, who := range []Who{0, Who(s.Nodes - 1)} {
		s.Faults = append(s.Faults,
			Fault{Kind: KillAgent, Who: who, After: at},
			Fault{Kind: StopHelper, Who: who, On: OnHelper, Count: 1, Dur: s.TTL - r.between(0, s.TTL/10)})
	}
}
