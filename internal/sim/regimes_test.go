package sim

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// beyondEpisodes is how many episodes of each regime have to show what breaks.
const beyondEpisodes = 1200

// TestRegimes: outside of the assumptions that breaks which docs/SAFETY.md says,
// and all else holds: S1, S2 and S5 under any pause, S7 under any pause of
// a backend.
func TestRegimes(t *testing.T) {
	for _, r := range Regimes() {
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			broken, first := r.Beyond(t.Context(), 1, beyondEpisodes)
			if first != nil {
				t.Errorf("%v\n%s", first.Violations[0], first.Schedule)
			}
			for _, p := range r.Breaks {
				if !slices.Contains(broken, p) {
					t.Errorf("in %d episodes %s did not break: is it promised here?", beyondEpisodes, p)
				}
			}
			if more := r.Unexpected(broken); more != nil {
				t.Errorf("%q broke as well, want no more than %q and %q", more, r.Breaks, r.Rarely)
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
