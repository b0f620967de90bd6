package evidence

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Timeline prints what happens, when it happens. Many write to it.
type Timeline struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

// NewTimeline begins at 0 s. Without a writer nothing is printed.
func NewTimeline(out io.Writer) *Timeline {
	if out == nil {
		out = io.Discard
	}
	return &Timeline{out: out, start: time.Now()}
}

// Say prints a line under the seconds since the beginning.
func (t *Timeline) Say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(t.out, "%7.2f  %s\n", time.Since(t.start).Seconds(), text)
}

// Heading sets a fault apart.
func (t *Timeline) Heading(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "\n%7.2f  == %s\n", time.Since(t.start).Seconds(), text)
}

// Close prints nothing any more.
func (t *Timeline) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = io.Discard
}
