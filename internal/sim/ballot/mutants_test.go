//go:build mutants

package ballot

import (
	"testing"

	"msdha/internal/fsm/mutant"
)

// TestPlantedBugsLose: the rule that the machines use is what keeps the entries.
func TestPlantedBugsLose(t *testing.T) {
	for _, c := range []struct {
		bug   mutant.Bug
		scope string
	}{
		{mutant.SmallQuorum, "changes=0 reigns=2"},
		{mutant.OldVacancy, "changes=0 old=1"},
		{mutant.NoDetach, "changes=0 reigns=2"},
		{mutant.StandBackThenClaim, "changes=0 reigns=2"},
		{mutant.StrangerClaims, "nodes=4 members=3 changes=0"},
		{mutant.StaleAnchor, "start=1 changes=0 forces=1"},
		{mutant.StaleAnchor, "start=2 changes=0 reigns=2"},
		{mutant.AlwaysArmed, "start=2 changes=0 reigns=2"},
		{mutant.SettleEarly, "reigns=2"},
		{mutant.MasterLeaves, ""},
	} {
		t.Run(c.bug.String()+" "+c.scope, func(t *testing.T) {
			mutant.Plant(c.bug)
			defer mutant.Plant(mutant.None)
			mustLose(t, c.scope, None)
		})
	}
}
