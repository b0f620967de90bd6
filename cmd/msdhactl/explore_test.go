package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func runExplore(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := newRoot()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

// TestExploreFindsAndSimReplays: beyond A3 processes of two reigns overlap; the
// story of it is replayed to the same end.
func TestExploreFindsAndSimReplays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "story")
	const scope = "nodes=2 fronts=0 drops=0 crashes=0 leaders=0 deletes=1 pause=3"
	out, err := runExplore(t, "explore", "--scope", scope, "--save", file)
	if err == nil || !strings.Contains(err.Error(), "S6") {
		t.Fatalf("%v\n%s", err, out)
	}
	story, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"--story", "--schedule"} {
		told, err := runExplore(t, "sim", flag, file)
		if err == nil || !strings.HasPrefix(err.Error(), "S6: ") || told != string(story) {
			t.Errorf("%s: %v\n%s\ninstead of\n%s", flag, err, told, story)
		}
	}
}

// TestAnotherCourse: what was told with other machines is no failure of these.
func TestAnotherCourse(t *testing.T) {
	file := filepath.Join(t.TempDir(), "story")
	if err := os.WriteFile(file, []byte("scope nodes=2\nexecute n2 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runExplore(t, "sim", "--story", file)
	if err != nil || !strings.Contains(out, `another course: action 1, "execute n2 0", is not possible there`) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestExploreExhausts(t *testing.T) {
	out, err := runExplore(t, "explore", "--scope", "drops=0 pauses=0")
	if err != nil || !strings.Contains(out, "every state was seen") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runExplore(t, "explore", "--scope", "pauses=0", "--states", "1000")
	if err != nil || !strings.Contains(out, "not every state was seen") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestExploreRefusesWrongScopes(t *testing.T) {
	for _, scope := range []string{"nodes=9", "nodes=x", "moons=1", "drops=10"} {
		if out, err := runExplore(t, "explore", "--scope", scope); err == nil {
			t.Errorf("%s: %s", scope, out)
		}
	}
}

// TestExploreBallots: every state of a small scope, a bound, and what is refused.
func TestExploreBallots(t *testing.T) {
	out, err := runExplore(t, "explore", "--ballot", "--scope", "reigns=2")
	if err != nil || !strings.Contains(out, "every state was seen, and nothing was lost") {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runExplore(t, "explore", "--ballot", "--states", "1000")
	if err != nil || !strings.Contains(out, "not every state was seen") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, args := range [][]string{
		{"--scope", "ttl=3"},
		{"--scope", "nodes=9"},
		{"--scope", "nodes=x"},
		{"--scope", "nodes=3 members=4"},
		{"--scope", "k=3"},
		{"--plain"},
		{"--boundary"},
	} {
		if out, err := runExplore(t, append([]string{"explore", "--ballot"}, args...)...); err == nil {
			t.Errorf("%q is accepted:\n%s", args, out)
		}
	}
}
