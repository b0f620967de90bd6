//go:build !mutants

// With planted bugs built in, but none planted, the machines are the same: once is
// enough for what takes long.

package explore

import (
	"context"
	"testing"
)

// TestTheBoundaryIsSharp: S6 holds up to G + K + P = T and not one tick beyond.
func TestTheBoundaryIsSharp(t *testing.T) {
	const ticks = 2
	for _, c := range []struct{ grace, pause int }{{1, 1}, {2, 0}, {1, 2}, {2, 1}} {
		s := BoundaryScope(ticks, c.grace, c.pause)
		s.Only = "S6"
		r, err := Explore(context.Background(), Options{Scope: s})
		if err != nil {
			t.Fatal(err)
		}
		safe := c.grace+c.pause <= ticks
		if safe != (r.Violation == nil) || safe && !r.Exhausted {
			t.Errorf("G %d, P %d, T %d: %d states, exhausted %v, found %v\n%s",
				c.grace, c.pause, ticks, r.States, r.Exhausted, r.Violation, r.Story)
		}
	}
}
