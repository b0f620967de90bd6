package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/sim"
)

// progress says how far a run has come: on a terminal in a line that is written
// over, else in a line now and then.
type progress struct {
	to    io.Writer
	o     *simOptions
	width int // of the terminal; 0 if it is none
	every time.Duration
	next  time.Duration // wall time at which the next line is due
}

// Between two lines.
const (
	onTerminal = 200 * time.Millisecond
	elsewhere  = 30 * time.Second
)

func newProgress(to io.Writer, o *simOptions) *progress {
	p := &progress{to: to, o: o, every: elsewhere, next: elsewhere}
	if f, ok := to.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil {
			p.width, p.every, p.next = max(int(size.Col), 20), onTerminal, 0
		}
	}
	return p
}

// show is called with what was found so far.
func (p *progress) show(s *sim.Summary) {
	if s.Wall < p.next {
		return
	}
	p.next = s.Wall + p.every
	text := p.text(s)
	if p.width == 0 {
		fmt.Fprintln(p.to, text)
		return
	}
	fmt.Fprintf(p.to, "\r\033[K%.*s", p.width-1, text)
}

// clear makes room for the figures.
func (p *progress) clear() {
	if p.width > 0 {
		fmt.Fprint(p.to, "\r\033[K")
	}
}

func (p *progress) text(s *sim.Summary) string {
	v := newCoverage(s)
	kinds := len(v.Faults) + len(v.Situations)
	return fmt.Sprintf("%s left, %.1fM events/s, %s times real time, %d violations, %s episodes, "+
		"%.4f cluster-years, %s trajectories, %d of %d faults and situations, %d of %d transitions",
		p.left(s), s.EventsPerSecond()/1e6, grouped(uint64(s.Stats.Simulated.Seconds()/s.Wall.Seconds())),
		s.Violations, grouped(uint64(s.Stats.Episodes)), s.Stats.Simulated.Years(), v.courses(),
		kinds-len(v.never), kinds, v.Transitions-len(v.Untaken), v.Transitions)
}

// left is how long it takes until the first limit, at the speed so far.
func (p *progress) left(s *sim.Summary) time.Duration {
	left := time.Duration(1<<63 - 1)
	if p.o.duration > 0 {
		left = p.o.duration - s.Wall
	}
	share := func(done, all float64) {
		if all > 0 && done > 0 {
			left = min(left, time.Duration(float64(s.Wall)*max(all/done-1, 0)))
		}
	}
	share(float64(s.Stats.Episodes), float64(p.o.episodes))
	share(s.Stats.Simulated.Years(), p.o.years)
	return max(left, 0).Round(time.Second)
}
