//go:build mutants

package explore

import (
	"context"
	"testing"
	"time"

	"msdha/internal/fsm/mutant"
)

func TestTryMutant(t *testing.T) {
	for _, m := range []mutant.Bug{mutant.ClaimNoEpoch, mutant.ClaimFreshEpoch, mutant.HalfWait} {
		mutant.Plant(m)
		s := Floor()
		s.Budget[pauses] = 0
		s.Budget[leaders] = 0
		r, err := Explore(context.Background(), Options{Scope: s, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%v %+v\n%s", m, r, r.Story)
		again, v, err := Replay(r.Story)
		t.Log(again == r.Story, v, err)
		mutant.Plant(mutant.None)
	}
}
