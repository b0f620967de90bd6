package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/sim"
)

const stories = "../../internal/sim/testdata/"

// run executes msdhactl and returns what it printed and its exit status.
func run(t *testing.T, stdin string, args ...string) (stdout string, code int, err error) {
	t.Helper()
	var out bytes.Buffer
	c := newRoot()
	c.SetArgs(args)
	c.SetIn(strings.NewReader(stdin))
	c.SetOut(&out)
	c.SetErr(&out)
	err = c.ExecuteContext(t.Context())
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
	case errors.As(err, &coded):
		code = coded.ExitCode()
	default:
		code = 1
	}
	return out.String(), code, err
}

func TestSimFigures(t *testing.T) {
	out, code, err := run(t, "", "sim", "--seed", "3", "--episodes", "40", "--workers", "2")
	if code != 0 {
		t.Fatal(err)
	}
	for _, want := range []string{
		"seed               3\n", "episodes           40\n", "events             ",
		"simulated seconds  ", "events per second  ", "violations         0\n", "trajectory hash    ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not print %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "\r") {
		t.Errorf("progress is shown although nobody looks:\n%q", out)
	}
}

func TestSimJSON(t *testing.T) {
	read := func(text []byte) (f figures) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return f
	}
	file := filepath.Join(t.TempDir(), "figures.json")
	if out, code, err := run(t, "", "sim", "--episodes", "40", "--workers", "1", "--json", file); code != 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := read(text)
	if f.Seed != 1 || f.Episodes != 40 || f.Events == 0 || f.Simulated == 0 || f.EventsPerSecond == 0 ||
		f.Violations != 0 || f.First != nil || len(f.Hash) != 16 {
		t.Errorf("the figures are %+v", f)
	}
	out, _, _ := run(t, "", "sim", "--episodes", "40", "--workers", "3", "--json", "-")
	if g := read([]byte(out)); g.Hash != f.Hash || g.Events != f.Events {
		t.Errorf("with other workers the figures are %+v, want %+v", g, f)
	}
}

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

// TestSimFailsOnAViolation: status 1, and the schedule is there to be replayed.
func TestSimFailsOnAViolation(t *testing.T) {
	s := sim.SeedSchedule(1, 0)
	found := &sim.Summary{Violations: 2, First: &sim.Report{
		Schedule:   &s,
		Violations: []sim.Violation{{Property: "S5", At: time.Second, Text: "too early"}},
	}}
	c := newSim()
	var out bytes.Buffer
	c.SetOut(&out)
	o := simOptions{episodes: 1}
	if err := o.conclude(c, found); err == nil || !strings.Contains(err.Error(), "2 violations") {
		t.Errorf("the error is %v", err)
	}
	_, printed, ok := strings.Cut(out.String(), "# S5 at 1s: too early\n")
	if again, err := sim.ParseSchedule(printed); !ok || err != nil || again.String() != s.String() {
		t.Errorf("%v: it prints\n%s", err, out.String())
	}
	out.Reset()
	o.json = "-"
	var f figures
	if err := o.conclude(c, found); err == nil {
		t.Error("with --json it does not fail")
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil || f.Violations != 2 || f.First.Schedule != s.String() {
		t.Errorf("%v: the figures are %+v", err, f)
	}
	interrupted := &sim.Summary{}
	if err := o.conclude(c, interrupted); err == nil || !strings.Contains(err.Error(), "interrupted after 0 of 1") {
		t.Errorf("the error is %v", err)
	}
}

func TestSimErrors(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.txt")
	if err := os.WriteFile(bad, []byte("# a schedule\ngroup nodes=2\nat 1s melt n1\nrun 10s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"sim", "--wrong"}, "unknown flag: --wrong; see msdhactl sim --help"},
		{[]string{"sim", "--episodes", "many"}, `invalid argument "many"`},
		{[]string{"sim", "--episodes", "0"}, "--episodes 0: want 1 or more"},
		{[]string{"sim", "--workers", "-1"}, "--workers -1: want 1 or more"},
		{[]string{"sim", "--all"}, "--all goes with --schedule"},
		{[]string{"sim", "--schedule", dir + "/none.txt"}, "none.txt: no such file or directory"},
		{[]string{"sim", "--schedule", bad}, `line 3 "at 1s melt n1": unknown fault "melt", want one of`},
		{[]string{"sim", "--schedule", bad, "--seed", "1"}, "--seed has no part in a --schedule"},
		{[]string{"sim", "more"}, `unknown command "more"`},
		{[]string{"nonsense"}, `unknown command "nonsense" for "msdhactl"`},
		{nil, "a command is missing; see msdhactl --help"},
	}
	for _, tt := range tests {
		_, code, err := run(t, "", tt.args...)
		if code != fsm.ExitConfig || err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: status %d, %v; want %d and %q", tt.args, code, err, fsm.ExitConfig, tt.want)
		}
	}
}

func TestSimCannotWriteItsFigures(t *testing.T) {
	_, code, err := run(t, "", "sim", "--episodes", "1", "--json", t.TempDir()+"/none/figures.json")
	if code != 1 || err == nil || !strings.Contains(err.Error(), "figures.json") {
		t.Errorf("status %d: %v", code, err)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) is %s", n, got)
		}
	}
}
