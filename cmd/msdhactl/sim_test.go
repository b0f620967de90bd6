package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"msdha/internal/fsm"
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
		"cluster-years      0.0", "times real time    ", "trajectories       40, ", "run twice          ",
		"faults             ", "not promised       ", "situations         ", "transitions        ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not print %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "never") {
		t.Errorf("so few episodes are said to lack something:\n%s", out)
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
		f.Violations != 0 || f.First != nil || len(f.Hash) != 16 || f.Years == 0 || f.Speed == 0 ||
		f.Interrupted {
		t.Errorf("the figures are %+v", f)
	}
	v := f.Coverage
	if v.Courses != 40 || !v.Exact || len(v.Faults) < 20 || v.Situations["settled"] == 0 || len(v.Outside) < 20 ||
		v.Transitions <= len(v.Untaken) || len(v.Untaken) == 0 || v.Missing == nil || len(v.Missing) > 0 {
		t.Errorf("they cover %+v", v)
	}
	out, _, _ := run(t, "", "sim", "--episodes", "40", "--workers", "3", "--json", "-")
	if g := read([]byte(out)); g.Hash != f.Hash || g.Events != f.Events || !reflect.DeepEqual(g.Coverage, v) {
		t.Errorf("with other workers the figures are %+v, want %+v", g, f)
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
		{[]string{"sim", "--from", "-1"}, "--from -1: want 0 or more"},
		{[]string{"sim", "--cluster-years", "0"}, "--cluster-years 0: want more than 0"},
		{[]string{"sim", "--cluster-years", "NaN"}, "--cluster-years NaN: want more than 0"},
		{[]string{"sim", "--cluster-years", "1e9"}, "--cluster-years 1e+09: want more than 0, and at most 100000"},
		{[]string{"sim", "--duration", "-1s"}, "--duration -1s: want more than 0"},
		{[]string{"sim", "--duration", "10"}, `invalid argument "10"`},
		{[]string{"sim", "--all"}, "--all goes with --schedule"},
		{[]string{"sim", "--schedule", dir + "/none.txt"}, "none.txt: no such file or directory"},
		{[]string{"sim", "--schedule", bad}, `line 3 "at 1s melt n1": unknown fault "melt", want one of`},
		{[]string{"sim", "--schedule", bad, "--seed", "1"}, "--seed has no part in --schedule"},
		{[]string{"sim", "--story", "x", "--duration", "1s"}, "--duration has no part in --story"},
		{[]string{"sim", "--story", "x", "--schedule", "y"}, "--story does not go with --schedule"},
		{[]string{"sim", "--story", "x", "--all"}, "--all goes with --schedule"},
		{[]string{"sim", "--stories", "--json", "-"}, "--json has no part in --stories"},
		{[]string{"sim", "--story", "no-such"}, "there is no story and no file no-such; msdhactl sim --stories lists"},
		{[]string{"sim", "--story", bad}, "cannot read the story " + bad + ": want prose"},
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
