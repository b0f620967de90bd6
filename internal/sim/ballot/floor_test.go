//go:build !mutants

// With planted bugs built in, but none planted, the rule is the same: once is enough
// for what takes long.

package ballot

import (
	"slices"
	"testing"
)

// floor are the scopes that every change is held against. `make explore` has larger
// ones.
var floor = []struct {
	scope  string
	states int // at least: it would be another scope
}{
	{"reigns=4", 2_400_000},
	{"nodes=4", 1_400_000},
	{"nodes=4 members=3 reigns=2", 150_000},
	{"nodes=4 k=2 reigns=2", 100_000},
	{"start=1 forces=1 changes=0", 100_000},
	{"start=2 forces=1", 500_000},
	{"reigns=2 away=1 cascade=1 changes=2", 300_000},
	{"cascade=1 changes=0", 100_000},
	{"old=1 changes=0", 50_000},
	{"promo=1 entries=2 weight=2 changes=0", 100_000},
	{"promo=1 changes=0", 50_000},
	{"promo=2 changes=0", 50_000},
}

// TestNothingIsLost: in every order of events the master has every acknowledged
// entry, and everything that can happen does.
func TestNothingIsLost(t *testing.T) {
	happened := map[string]int{}
	ran := 0
	for _, c := range floor {
		t.Run(c.scope, func(t *testing.T) {
			ran++
			r := run(t, c.scope, None)
			if !r.Exhausted || r.Story != "" {
				t.Fatalf("%d states, exhausted %v\n%s", r.States, r.Exhausted, r.Story)
			}
			if r.States < c.states {
				t.Errorf("only %d states: the scope is not what it was", r.States)
			}
			first := 2
			if r.Scope.Start == 1 {
				first = 1
			}
			if slices.Contains(r.Reigns[first:], 0) || r.Obligated == 0 {
				t.Errorf("claims by reign %v, with something to keep %d: want all", r.Reigns, r.Obligated)
			}
			for k, n := range r.Happened {
				happened[k] += n
			}
			t.Logf("%d states, %d steps, depth %d, the rule asked %d times", r.States, r.Steps, r.Depth, r.Asked)
		})
	}
	for k, name := range kindNames {
		if ran < len(floor) {
			break // by -run
		}
		if mistake := kind(k) == gives || kind(k) == overrides; (happened[name] == 0) != mistake {
			t.Errorf("%s: %d times", name, happened[name])
		}
	}
}
