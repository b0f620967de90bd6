package sim

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMakeRunsTheCanaries: bugs are planted only where the build tag mutants is
// given, so a Makefile that forgets it would pass in silence.
func TestMakeRunsTheCanaries(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"MUTANTS":  "./internal/sim/...",
		"test:":    "-tags mutants $(MUTANTS)",
		"mutants:": "-test.run '^TestMutants$$' -test.timeout 30m -mutants",
	} {
		if _, rest, ok := strings.Cut(string(text), "\n"+target); !ok {
			t.Errorf("the Makefile has no %s", target)
		} else if recipe, _, _ := strings.Cut(rest, "\n\n"); !strings.Contains(recipe, want) {
			t.Errorf("%s in the Makefile does not have %q", target, want)
		}
	}
}
