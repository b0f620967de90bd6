package evidence

import (
	"context"
	"fmt"
	"time"
)

// awaitPace is how often Await asks: a group changes in tenths of seconds.
const awaitPace = 50 * time.Millisecond

// Await repeats a question until nothing is missing any more. Its error names
// what was missing last.
func Await(ctx context.Context, limit time.Duration, missing func() string) error {
	deadline := time.Now().Add(limit)
	look := time.NewTicker(awaitPace)
	defer look.Stop()
	for {
		what := missing()
		if what == "" {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %v: %s", limit, what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}
