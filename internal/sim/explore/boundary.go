package explore

import (
	"context"
	"time"
)

// Boundary is what a group does whose grace and pauses grow: A3 says that no
// process of an earlier reign lives when a master hook starts as long as
// G + K + P ≤ T.
type Boundary struct {
	Grace, Pause int // ticks
	// Overlaps: S6 was violated.
	Overlaps bool
	Result   *Result
}

// BoundaryScope has what the worst case needs: _master deleted right after a
// round, the rounds after that lost, and one pause when SIGKILL is due. In the
// case of a lease that expires a whole T is to spare.
func BoundaryScope(ticks, grace, pause int) Scope {
	s := Floor()
	s.Nodes, s.Fronts, s.Lag = 2, 0, 1
	s.Ticks, s.Grace, s.Pause = ticks, grace, pause
	s.Budget = budgets{}
	s.Budget[drops], s.Budget[pauses], s.Budget[deletes] = uint8(ticks-1), 1, 1
	return s
}

// Boundaries explores every grace from 1 tick to T and every pause from 0 to T,
// for a T of so many ticks. Whatever is violated apart from S6 ends it: the
// result has the violation.
func Boundaries(ctx context.Context, ticks int, now func() time.Time, each func(*Boundary)) error {
	for g := 1; g <= ticks; g++ {
		for p := 0; p <= ticks; p++ {
			o := Options{Scope: BoundaryScope(ticks, g, p), Note: "S6", Now: now}
			r, err := Explore(ctx, o)
			if err != nil {
				return err
			}
			each(&Boundary{Grace: g, Pause: p, Overlaps: r.Noted, Result: r})
			if !r.Exhausted {
				return nil
			}
		}
	}
	return nil
}
