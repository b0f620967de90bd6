package testkit

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOutputOfMany(t *testing.T) {
	var o Output
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 100 {
				fmt.Fprintln(&o, "line")
				_ = o.String()
			}
		})
	}
	wait.Wait()
	if n := o.Count("line\n"); n != 800 || o.String() != strings.Repeat("line\n", 800) {
		t.Errorf("%d lines in %q, want 800", n, o.String())
	}
}

// judged stands in for a test that is judged itself: it ends like one that fails.
type judged struct {
	testing.TB
	said string
}

func (j *judged) Helper() {}

func (j *judged) Fatal(args ...any) { j.Fatalf("%s", fmt.Sprint(args...)) }

func (j *judged) Fatalf(format string, args ...any) {
	j.said = fmt.Sprintf(format, args...)
	panic(j)
}

// fails returns the complaint of a test, empty if it passes.
func fails(test func(testing.TB)) (said string) {
	j := &judged{}
	defer func() {
		if r := recover(); r != nil && r != any(j) {
			panic(r)
		}
		said = j.said
	}()
	test(j)
	return said
}

func TestEventually(t *testing.T) {
	tries := 0
	said := fails(func(t testing.TB) {
		Eventually(t, time.Minute, time.Millisecond, "the third try", func() error {
			if tries++; tries < 3 {
				return errors.New("not yet")
			}
			return nil
		})
	})
	if said != "" || tries != 3 {
		t.Errorf("%d tries, %q", tries, said)
	}
	said = fails(func(t testing.TB) {
		Eventually(t, 3*time.Millisecond, time.Millisecond, "ever", func() error { return errors.New("never") })
	})
	if said != "waited 3ms for ever: never" {
		t.Errorf("what never comes: %q", said)
	}
}

func TestMust(t *testing.T) {
	if said := fails(func(t testing.TB) { Must(t, nil) }); said != "" {
		t.Errorf("no error: %q", said)
	}
	if said := fails(func(t testing.TB) { Must(t, errors.New("broken")) }); said != "broken" {
		t.Errorf("an error: %q", said)
	}
}

func TestCapture(t *testing.T) {
	streams := []*os.File{os.Stdout, os.Stderr}
	long := strings.Repeat("x", 1<<17) // more than a pipe holds
	code, out, errs := Capture(t, func() int {
		fmt.Print(long)
		fmt.Fprint(os.Stderr, "wrong")
		return 7
	})
	if code != 7 || out != long || errs != "wrong" {
		t.Errorf("exit %d, %d bytes, %q", code, len(out), errs)
	}
	if os.Stdout != streams[0] || os.Stderr != streams[1] {
		t.Error("the streams are not what they were")
	}
}
