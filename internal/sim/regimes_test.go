package sim

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// beyondEpisodes is how many episodes of each regime have to show what breaks.
const beyondEpisodes = 1200

// TestRegimes: outside of the assumptions exactly that breaks which docs/SAFETY.md
// says, and all else holds: S1, S2 and S5 under any pause, S7 under any pause of
// a backend.
func TestRegimes(t *testing.T) {
	for _, r := range Regimes() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			broken, first := r.Beyond(1, beyondEpisodes)
			if first != nil {
				t.Errorf("%v\n%s", first.Violations[0], first.Schedule)
			}
			if !slices.Equal(broken, r.Breaks) {
				t.Errorf("in %d episodes %q broke, want %q", beyondEpisodes, broken, r.Breaks)
			}
		})
	}
}

// TestSafetyQuotesRegimes: what people read is what was seen.
func TestSafetyQuotesRegimes(t *testing.T) {
	text, err := os.ReadFile("../../docs/SAFETY.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Regimes() {
		if !strings.Contains(string(text), r.Row()+"\n") {
			t.Errorf("docs/SAFETY.md lacks the line\n%s", r.Row())
		}
	}
}
