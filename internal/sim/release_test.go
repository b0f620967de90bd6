//go:build !mutants

package sim

import (
	"testing"

	"msdha/internal/fsm/mutant"
)

// TestReleasesHaveNoSwitch: without the build tag no bug can be planted. On is
// a constant false there, and this file would not even compile with Plant.
func TestReleasesHaveNoSwitch(t *testing.T) {
	if mutant.Built {
		t.Error("this build says that bugs can be planted in it")
	}
	for bug := mutant.None; bug < mutant.NumBugs; bug++ {
		if mutant.On(bug) {
			t.Errorf("%v is on", bug)
		}
	}
}
