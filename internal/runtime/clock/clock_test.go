package clock

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

const patience = 5 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newTimer(t *testing.T) *Timer {
	t.Helper()
	timer, err := NewTimer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = timer.Close() })
	return timer
}

func expectFire(t *testing.T, timer *Timer, notBefore int64) {
	t.Helper()
	select {
	case <-timer.C():
		if now := Now(); now < notBefore {
			t.Fatalf("fired %d ns early", notBefore-now)
		}
	case <-time.After(patience):
		t.Fatal("did not fire")
	}
}

func TestNowIsTheUptime(t *testing.T) {
	before := Now()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	after := Now()
	seconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	// The file cuts off after hundredths.
	uptime := int64(seconds * 1e9)
	if uptime < before-2e7 || uptime > after+2e7 {
		t.Fatalf("uptime %d ns is not within [%d, %d]", uptime, before, after)
	}
}

func TestNowNeverGoesBack(t *testing.T) {
	last := Now()
	for range 10_000 {
		now := Now()
		if now < last {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
}

func TestTimerFiresAtTheInstant(t *testing.T) {
	timer := newTimer(t)
	for _, ahead := range []time.Duration{30 * time.Millisecond, time.Millisecond, 0} {
		at := Now() + int64(ahead)
		if err := timer.Set(at); err != nil {
			t.Fatal(err)
		}
		expectFire(t, timer, at)
	}
}

func TestTimerInThePastFiresAtOnce(t *testing.T) {
	timer := newTimer(t)
	for _, at := range []int64{Now() - 1e9, 1, 0, -1} {
		if err := timer.Set(at); err != nil {
			t.Fatal(err)
		}
		expectFire(t, timer, 0)
	}
}

func TestTimerFollowsTheLastSet(t *testing.T) {
	timer := newTimer(t)
	soon := Now() + int64(40*time.Millisecond)
	for _, at := range []int64{Now() + 1e12, soon} { // moved forward
		if err := timer.Set(at); err != nil {
			t.Fatal(err)
		}
	}
	expectFire(t, timer, soon)
	for _, at := range []int64{Now() + int64(20*time.Millisecond), Never} { // stopped
		if err := timer.Set(at); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-timer.C():
		t.Fatal("a stopped timer fired")
	case <-time.After(80 * time.Millisecond):
	}
}

func TestClosedTimer(t *testing.T) {
	timer := newTimer(t)
	if err := timer.Set(Now() + 1e12); err != nil {
		t.Fatal(err)
	}
	if err := timer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := timer.Set(0); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("Set after Close: %v", err)
	}
	if err := timer.Close(); !errors.Is(err, os.ErrClosed) {
		t.Fatalf("Close after Close: %v", err)
	}
}
