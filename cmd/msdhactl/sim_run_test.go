package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"msdha/internal/sim"
)

// TestSimFailsOnAViolation: status 1, and the schedule is there to be replayed.
func TestSimFailsOnAViolation(t *testing.T) {
	s := sim.SeedSchedule(1, 0)
	found := &sim.Summary{Seed: 5, Violations: 2, FirstEpisode: 17, First: &sim.Report{
		Schedule:   &s,
		Violations: []sim.Violation{{Property: "S5", At: time.Second, Text: "too early"}},
	}}
	c := newSim()
	var out bytes.Buffer
	c.SetOut(&out)
	var o simOptions
	if err := o.conclude(c, found, true); err == nil || !strings.Contains(err.Error(), "2 violations") {
		t.Errorf("the error is %v", err)
	}
	_, printed, ok := strings.Cut(out.String(), "# S5 at 1s: too early\n"+
		"# again: msdhactl sim --seed 5 --from 17 --episodes 1\n")
	if again, err := sim.ParseSchedule(printed); !ok || err != nil || again.String() != s.String() {
		t.Errorf("%v: it prints\n%s", err, out.String())
	}
	out.Reset()
	o.json = "-"
	var f figures
	if err := o.conclude(c, found, true); err == nil {
		t.Error("with --json it does not fail")
	}
	if err := json.Unmarshal(out.Bytes(), &f); err != nil || f.Violations != 2 || f.First.Schedule != s.String() ||
		f.First.Episode != 17 {
		t.Errorf("%v: the figures are %+v", err, f)
	}
}

// TestSimFailsOnWhatNeverHappened: a long run that lacks something is no evidence.
func TestSimFailsOnWhatNeverHappened(t *testing.T) {
	c := newSim()
	var out bytes.Buffer
	c.SetOut(&out)
	found := &sim.Summary{Missing: []string{"fault wipe", "situation settled"}}
	found.Stats.Episodes = sim.Enough
	err := new(simOptions).conclude(c, found, false)
	if err == nil || !strings.Contains(err.Error(), "episodes there never was: fault wipe, situation settled") {
		t.Errorf("the error is %v", err)
	}
	for _, want := range []string{"  never            fault wipe\n", "  never            backend row 0, "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not print %q:\n%s", want, out.String())
		}
	}
}

// TestSimInterrupted: what was done until then is told, with a status of its own.
func TestSimInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := newRoot()
	c.SetArgs([]string{"sim", "--seed", "8", "--cluster-years", "1000", "--json", "-"})
	var out bytes.Buffer
	c.SetOut(&out)
	time.AfterFunc(300*time.Millisecond, cancel)
	err := c.ExecuteContext(ctx)
	if code := report(err); code != exitInterrupted || !strings.Contains(err.Error(), "nothing was violated") {
		t.Errorf("status %d: %v", code, err)
	}
	var f figures
	if err := json.Unmarshal(out.Bytes(), &f); err != nil || !f.Interrupted || f.Seed != 8 {
		t.Errorf("%v: the figures are %+v", err, f)
	}
}

// TestSimLimits: a run ends at the first of its limits.
func TestSimLimits(t *testing.T) {
	for _, args := range []string{
		"--cluster-years 0.0001 --episodes 100000", "--duration 200ms --cluster-years 1000",
		"--episodes 20 --duration 1h --cluster-years 1000 --from 7",
	} {
		out, code, err := run(t, "", append([]string{"sim", "--json", "-"}, strings.Fields(args)...)...)
		var f figures
		if json.Unmarshal([]byte(out), &f) != nil || code != 0 {
			t.Fatalf("%s: status %d, %v\n%s", args, code, err, out)
		}
		switch {
		case f.Interrupted || f.Episodes == 0:
		case strings.HasPrefix(args, "--cluster") && f.Years >= 0.0001 && f.Years < 0.001:
		case strings.HasPrefix(args, "--duration") && f.Wall >= 0.2 && f.Wall < 20:
		case strings.HasPrefix(args, "--episodes") && f.Episodes == 20 && f.From == 7:
		default:
			t.Errorf("%s: the figures are %+v", args, f)
		}
	}
}

func TestSimProgress(t *testing.T) {
	s := &sim.Summary{Wall: 40 * time.Second, Courses: 5_000_000, Violations: 3}
	s.Stats.Episodes, s.Stats.Simulated, s.Stats.Events = 1000, sim.Year/4, 80_000_000
	for want, o := range map[string]simOptions{
		"2m0s left":  {years: 1},
		"20s left":   {years: 1, duration: time.Minute},
		"1m20s left": {episodes: 3000},
		"0s left":    {episodes: 900},
	} {
		var out bytes.Buffer
		p := newProgress(&out, &o)
		p.show(&sim.Summary{Wall: elsewhere - 1})
		p.show(s)
		p.show(s)
		p.clear()
		if !strings.HasPrefix(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%+v: it says %q, want one line with %q", o, out.String(), want)
		}
		for _, want := range []string{
			"2.0M events/s", "3 violations", "1,000 episodes", "0.2500 cluster-years", "197,235 times real time",
			"about 5,000,000 (±0.1 %) trajectories", "0 of ",
		} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("it does not say %q: %q", want, out.String())
			}
		}
	}
}
