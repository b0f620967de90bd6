package explore

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	s := Floor()
	if l := os.Getenv("SCOPE"); l != "" {
		var err error
		if s, err = ParseScope("scope " + l); err != nil {
			t.Fatal(err)
		}
	}
	last := -1
	r, err := Explore(context.Background(), Options{Scope: s, Plain: os.Getenv("PLAIN") != "", Now: time.Now, States: 8_000_000, Progress: func(r *Result) {
		if r.Depth != last {
			last = r.Depth
			if last%5 == 0 {
				fmt.Printf("depth %d states %d frontier %d rate %.0f\n", r.Depth, r.States, r.Frontier, r.Rate())
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v\n rate %.0f\n%s", r, r.Rate(), r.Story)
	if r.Violation != nil {
		t.Logf("%v", r.Violation)
	}
}
