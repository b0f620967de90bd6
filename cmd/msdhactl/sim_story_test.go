package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"msdha/internal/fsm"
	"msdha/internal/sim"
)

// TestSimReplaysStories: a story is a schedule, and its trace is what it says.
func TestSimReplaysStories(t *testing.T) {
	file := stories + "f03-container-killed.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, want, _ := strings.Cut(string(text), sim.StoryMark+"\n")
	if out, code, err := run(t, "", "sim", "--schedule", file); code != 0 || out != want {
		t.Errorf("%v: the trace is\n%s\nwant\n%s", err, out, want)
	}
	if out, _, _ := run(t, string(text), "sim", "--schedule", "-"); out != want {
		t.Errorf("from standard input the trace is\n%s", out)
	}
	if out, _, _ := run(t, "", "sim", "--schedule", file, "--all"); len(out) <= len(want) {
		t.Errorf("with --all the trace is no longer:\n%s", out)
	}
	out, _, _ := run(t, "", "sim", "--schedule", file, "--json", "-")
	var f figures
	if err := json.Unmarshal([]byte(out), &f); err != nil || f.Episodes != 1 || f.Events == 0 || f.Simulated != 85 {
		t.Errorf("%v: the figures are %+v", err, f)
	}
}

// TestSimTellsStories: by name or as a file, prose and trace; a trace that is not
// the story's fails.
func TestSimTellsStories(t *testing.T) {
	file := stories + "f03-container-killed.txt"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	byName, code, err := run(t, "", "sim", "--story", "f03-container-killed")
	if code != 0 {
		t.Fatal(err)
	}
	_, trace, _ := strings.Cut(string(text), sim.StoryMark+"\n")
	if !strings.HasPrefix(byName, "F3: SIGKILL to the master's container, ") ||
		!strings.Contains(byName, "\n\ngroup nodes=3 ") || !strings.Contains(byName, "\n\n"+trace+"\n") ||
		!strings.HasSuffix(byName, "\nThis is the trace that the story has.\n") {
		t.Errorf("it prints\n%s", byName)
	}
	if out, _, err := run(t, "", "sim", "--story", file); out != byName {
		t.Errorf("%v: from the file it prints\n%s", err, out)
	}
	other := strings.Replace(string(text), "claim won", "claim lost", 1)
	out, code, err := run(t, other, "sim", "--story", "-")
	if code != 1 || !strings.Contains(err.Error(), "line 12 of the trace is not the story's any more") ||
		strings.Contains(out, "the trace that the story has") {
		t.Errorf("status %d: %v\n%s", code, err, out)
	}
}

func TestSimListsStories(t *testing.T) {
	out, code, err := run(t, "", "sim", "--stories")
	if code != 0 {
		t.Fatal(err)
	}
	files, err := filepath.Glob(stories + "*.txt")
	if err != nil || strings.Count(out, "\n") != len(files) {
		t.Errorf("%v: of %d stories it lists\n%s", err, len(files), out)
	}
	if !strings.Contains(out, "\nf03-container-killed ") ||
		!strings.Contains(out, "  F3: SIGKILL to the master's container, which leaves its keys behind.\n") {
		t.Errorf("it lists\n%s", out)
	}
}

func TestSimShowsWhatBreaksBeyond(t *testing.T) {
	out, code, err := run(t, "", "sim", "--beyond", "paused frontends", "--episodes", "50")
	if code != 0 || !strings.Contains(out, "in 50 episodes there broke: S7\n") {
		t.Errorf("%v: it prints\n%s", err, out)
	}
	for _, args := range [][]string{
		{"--beyond", "nowhere"}, {"--beyond", "all", "--from", "1"}, {"--story", ""}, {"--beyond", ""},
	} {
		if _, code, err := run(t, "", append([]string{"sim"}, args...)...); code != fsm.ExitConfig {
			t.Errorf("%q: status %d, %v", args, code, err)
		}
	}
}
