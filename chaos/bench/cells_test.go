package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestPlan: every system in turn within a fault, another one first each time, five
// runs of what is cheap and said to have five, three of the rest (issue 6).
func TestPlan(t *testing.T) {
	all := plan(systems, faults, 0)
	count := map[string]int{}
	begins := map[string]int{}
	for i, c := range all {
		count[c.system.name+" "+c.fault.name]++
		if i%len(systems) == 0 {
			begins[c.system.name]++
			seen := map[string]bool{}
			for _, d := range all[i : i+len(systems)] {
				seen[d.system.name] = true
				if d.fault.name != c.fault.name || d.run != c.run {
					t.Fatalf("%v and %v are no turn", c, d)
				}
			}
			if len(seen) != len(systems) {
				t.Fatalf("%v: only %v have their turn", c, seen)
			}
		}
	}
	for _, s := range systems {
		if begins[s.name] < len(all)/len(systems)/len(systems)-2 {
			t.Errorf("%s begins %d of %d turns", s.name, begins[s.name], len(all)/len(systems))
		}
		for _, f := range faults {
			want := 3
			if strings.Contains(" kill crash stop switchover ", " "+f.name+" ") {
				want = 5
			}
			if got := count[s.name+" "+f.name]; got != want {
				t.Errorf("%s %s: %d runs, want %d", s.name, f.name, got, want)
			}
		}
	}
	if got := fmt.Sprint(plan(systems[:2], faults[:2], 1)); got !=
		"[msdha-t10 kill 1 msdha-t3 kill 1 msdha-t3 crash 1 msdha-t10 crash 1]" {
		t.Errorf("one run of two: %s", got)
	}
}

// TestNext: what is there is not measured again; what the rig failed is, but not
// for ever.
func TestNext(t *testing.T) {
	all := plan(systems[:1], faults[:1], 3)
	failed := map[string]int{}
	var done []record
	note := func(why string) string {
		c, ok := next(all, done, failed)
		if !ok {
			return "over"
		}
		done = append(done, record{System: c.system.name, Fault: c.fault.name, Run: c.run, Failed: why})
		if why != "" {
			failed[c.String()]++
		}
		return fmt.Sprint(c.run)
	}
	for i, c := range []struct{ why, want string }{
		{"", "1"},
		{"no engine", "2"},
		{"", "2"},
		{"no engine", "3"},
		{"no engine", "3"},
		{"no engine", "3"},
		{"", "over"},
	} {
		if got := note(c.why); got != c.want {
			t.Errorf("%d: run %s, want %s", i, got, c.want)
		}
	}
	failed = nil // another invocation
	if c, ok := next(all, done, failed); !ok || c.run != 3 {
		t.Errorf("later: %v, %v, want run 3", c, ok)
	}
}

func TestChoose(t *testing.T) {
	got, err := choose(faults, faultName, "stop,kill")
	if err != nil || len(got) != 2 || got[0].name != "stop" || got[1].name != "kill" {
		t.Errorf("%v, %v", got, err)
	}
	if all, err := choose(faults, faultName, ""); err != nil || len(all) != len(faults) {
		t.Errorf("%v, %v", all, err)
	}
	_, err = choose(systems, systemName, "msdha")
	if err == nil || !strings.Contains(err.Error(), "patroni-smallest") {
		t.Errorf("a name that is none: %v", err)
	}
}
