package sim

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"msdha/internal/fsm"
)

// TestClockInverse: true is the first instant at which the clock shows t.
func TestClockInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := clock{
			offset: rapid.Int64Range(0, int64(2000*time.Hour)).Draw(t, "offset"),
			ppm:    rapid.Int64Range(-2000, 2000).Draw(t, "ppm"),
		}
		at := fsm.Instant(c.offset + rapid.Int64Range(0, int64(100*time.Hour)).Draw(t, "at"))
		now := c.true(at)
		if c.local(now) < at {
			t.Fatalf("%+v: at %d the clock shows %d, want at least %d", c, now, c.local(now), at)
		}
		if c.local(now-1) >= at {
			t.Fatalf("%+v: the clock shows %d already at %d", c, at, now-1)
		}
	})
	if got := (clock{offset: 5}).true(fsm.Never); got != forever {
		t.Errorf("Never is at %d", got)
	}
}

func TestClockRate(t *testing.T) {
	for _, ppm := range []int64{-1000, -1, 0, 1, 1000} {
		c := clock{offset: 77, ppm: ppm}
		const span = int64(100 * time.Second)
		want := span + span/million*ppm
		if got := int64(c.local(span)) - 77; got != want {
			t.Errorf("%d ppm: in 100 s the clock goes %d, want %d", ppm, got, want)
		}
	}
}

// TestAgenda: what is earlier comes first, and at the same instant what was
// put there first.
func TestAgenda(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h agenda
		pushed, popped := 0, 0
		last := occurrence{at: -1}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.IntRange(0, 2).Draw(t, "pop") == 0 && len(h.list) > 0 {
				o := h.pop()
				popped++
				if o.at < last.at || o.at == last.at && o.number < last.number {
					t.Fatalf("%+v came after %+v", o, last)
				}
				last = o
				continue
			}
			// Nothing is ever put before what is happening.
			pushed++
			at := max(last.at, 0) + rapid.Int64Range(0, 5).Draw(t, "after")
			h.push(occurrence{at: at, number: uint64(pushed)})
		}
		for len(h.list) > 0 {
			o := h.pop()
			popped++
			if o.at < last.at || o.at == last.at && o.number < last.number {
				t.Fatalf("%+v came after %+v", o, last)
			}
			last = o
		}
		if pushed != popped {
			t.Fatalf("%d were put, %d came out", pushed, popped)
		}
	})
}

func TestRandomStreams(t *testing.T) {
	a, b, c := stream(1, forLink, 0), stream(1, forHooks, 0), stream(1, forLink, 1)
	again := stream(1, forLink, 0)
	for i := range 100 {
		x := a.next()
		if x == b.next() || x == c.next() {
			t.Fatalf("number %d is the same in two streams", i)
		}
		if x != again.next() {
			t.Fatalf("number %d of a stream differs between two runs", i)
		}
	}
}

func TestRandomIsEven(t *testing.T) {
	r := stream(7, forClients, 0)
	var count [10]int
	for range 100_000 {
		count[r.below(10)]++
	}
	for i, n := range count {
		if n < 9500 || n > 10500 {
			t.Errorf("%d was drawn %d times of 100000, want about 10000", i, n)
		}
	}
	for range 1000 {
		if d := r.between(3, 5); d < 3 || d > 5 {
			t.Fatalf("between(3, 5) is %d", d)
		}
	}
	if r.below(0) != 0 || r.below(-1) != 0 {
		t.Error("below nothing is not 0")
	}
}
