package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// timeline prints what happens, when it happens. Many write to it.
type timeline struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
}

func newTimeline(out io.Writer) *timeline {
	if out == nil {
		out = io.Discard
	}
	return &timeline{out: out, start: time.Now()}
}

func (t *timeline) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(t.out, "%7.2f  %s\n", time.Since(t.start).Seconds(), text)
}

// heading sets a fault apart.
func (t *timeline) heading(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.out, "\n%7.2f  == %s\n", time.Since(t.start).Seconds(), text)
}

func (t *timeline) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = io.Discard
}

// quiet transitions are the routine of joining.
var quiet = map[string]bool{
	"Inspecting": true, "Granting": true, "Registering": true, "Listing": true, "Starting": true,
	"NotReady": true, "Readying": true, "Vacant": true, "Leaving": true,
}

// agent shows a line of an agent's log: transitions with their reason, and what
// went wrong. The whole log is in a file.
func (t *timeline) agent(name, line string) {
	l, ok := parseLog(line)
	switch {
	case !ok:
		t.say("%-3s %s", name, strings.TrimSpace(line))
	case l.Msg == "transition" && !quiet[l.To]:
		t.say("%-3s %s -> %s: %s", name, l.From, l.To, l.Why)
	case l.Msg == "ends":
		t.say("%-3s ends: %s", name, l.Cause)
	case l.Level == "ERROR":
		t.say("%-3s %s %s", name, l.Msg, strings.TrimSpace(strings.Join(
			[]string{l.Hook, l.Outcome, l.Error, l.Fault, l.LastError}, " ")))
	}
}
