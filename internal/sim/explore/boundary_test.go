//go:build !mutants

// With planted bugs built in, but none planted, the machines are the same: once is
// enough for what takes long.

package explore

import (
	"context"
	"testing"
)

// TestTheBoundaryIsSharp: S6 holds up to G + K + P = T and not one tick beyond,
// and everything else at every length of a pause.
func TestTheBoundaryIsSharp(t *testing.T) {
	const ticks = 2
	seen := 0
	err := Boundaries(context.Background(), ticks, nil, func(b *Boundary) {
		seen++
		if v := b.Result.Violation; v != nil {
			t.Errorf("G %d, P %d: %v\n%s", b.Grace, b.Pause, v, b.Result.Story)
		}
		if want := b.Grace+b.Pause > ticks; b.Overlaps != want {
			t.Errorf("G %d, P %d, T %d: processes of two reigns are alive: %v, want %v",
				b.Grace, b.Pause, ticks, b.Overlaps, want)
		}
		t.Logf("G %d, P %d: overlap %v, %d states", b.Grace, b.Pause, b.Overlaps, b.Result.States)
	})
	if err != nil || seen != ticks*(ticks+1) {
		t.Errorf("%d scopes were explored, %v", seen, err)
	}
}
