//go:build mutants

package sim

import (
	"regexp"
	"testing"

	"msdha/internal/fsm/mutant"
)

var storyPlants = regexp.MustCompile("planted: `([a-z-]+)`")

// TestStoriesShowTheirBugs: where a story names a planted bug, that bug breaks it, or an
// episode that is drawn near it, as the property sees it that has to kill the bug.
func TestStoriesShowTheirBugs(t *testing.T) {
	defer mutant.Plant(mutant.None)
	all, err := Stories()
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, s := range all {
		for _, m := range storyPlants.FindAllStringSubmatch(s.Prose, -1) {
			shown++
			bug := bugNamed(t, m[1])
			mutant.Plant(bug)
			w := NewWorld()
			w.check.only = planted[bug].by
			near := plant{by: planted[bug].by, shape: nearStory(s.Name)}
			found := len(w.Run(&s.Schedule).Violations) > 0 || hunt(near, mutantSeeds[0], quickEpisodes).episodes > 0
			mutant.Plant(mutant.None)
			if !found {
				t.Errorf("%s: with %v planted %s holds", s.Name, bug, planted[bug].by)
			}
		}
	}
	if shown == 0 {
		t.Error("no story names a planted bug")
	}
}

func bugNamed(t *testing.T, name string) mutant.Bug {
	t.Helper()
	for bug := mutant.None + 1; bug < mutant.NumBugs; bug++ {
		if bug.String() == name {
			return bug
		}
	}
	t.Fatalf("there is no planted bug %q", name)
	return mutant.None
}
