package tidy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"msdha/internal/fsm/mutant"
)

var (
	evidence = regexp.MustCompile(`(?s)\b(Planted|Story|Stories|Chaos): (.*?)(?:\n-|\n\n|\z)`)
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// unproved compares the stories, planted bugs and chaos scenarios that a text
// names as evidence with those that there are, in both directions.
func unproved(text string, stories, bugs, scenarios []string) []string {
	var out []string
	named := map[string]bool{}
	for _, m := range evidence.FindAllStringSubmatch(text, -1) {
		known := map[string][]string{"Planted": bugs, "Chaos": scenarios}[m[1]]
		if known == nil {
			known = stories
		}
		for _, q := range quoted.FindAllStringSubmatch(m[2], -1) {
			named[q[1]] = true
			if !slices.Contains(known, q[1]) {
				out = append(out, fmt.Sprintf("%s: there is no %s", m[1], q[1]))
			}
		}
	}
	for _, name := range slices.Concat(stories, bugs, scenarios) {
		if !named[name] {
			out = append(out, fmt.Sprintf("%s is evidence of nothing", name))
		}
	}
	return out
}

// TestSafetyNamesItsEvidence: every story, every planted bug and every chaos
// scenario belongs to a property.
func TestSafetyNamesItsEvidence(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "SAFETY.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("..", "sim", "testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no stories: %v", err)
	}
	var stories, bugs []string
	for _, f := range files {
		stories = append(stories, strings.TrimSuffix(filepath.Base(f), ".txt"))
	}
	for b := mutant.None + 1; b < mutant.NumBugs; b++ {
		bugs = append(bugs, b.String())
	}
	var scenarios []string
	for _, name := range chaosSuite(t).names {
		scenarios = append(scenarios, name)
	}
	for _, c := range unproved(string(text), stories, bugs, scenarios) {
		t.Errorf("docs/SAFETY.md: %s", c)
	}
}

func TestEvidenceCanBeMissing(t *testing.T) {
	const text = "- Planted: `b1`\n- Stories: `s1`,\n  `s2`\n\nText with `words`.\n\n- Story: `s3`\n- Chaos: `c1`"
	if got := unproved(text, []string{"s1", "s2", "s3"}, []string{"b1"}, []string{"c1"}); len(got) > 0 {
		t.Errorf("got %q", got)
	}
	want := []string{
		"Stories: there is no s1", "Chaos: there is no c1", "s4 is evidence of nothing", "b2 is evidence of nothing",
		"c2 is evidence of nothing",
	}
	got := unproved(text, []string{"s2", "s3", "s4"}, []string{"b1", "b2"}, []string{"c2"})
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
