package runtime

import (
	"fmt"
	"log/slog"

	"msdha/internal/fsm"
	"msdha/internal/runtime/clock"
)

// machine is a fsm.Member or a fsm.Gateway.
type machine interface {
	Step(now fsm.Instant, ev *fsm.Event, out *fsm.Effects)
	Next() fsm.Instant
}

// driver carries a machine's effects out, in the goroutine of the loop.
type driver interface {
	execute(e *fsm.Effect, now fsm.Instant)
	// stepped is called after each Step, before its effects are carried out.
	stepped(now fsm.Instant)
}

// loop is the one goroutine that owns a machine. Everything else posts to it.
type loop struct {
	machine machine
	driver  driver
	timer   *clock.Timer
	posts   chan func()
	done    chan struct{} // closed when the loop has ended
	record  *Recorder
	log     *slog.Logger

	out   fsm.Effects
	code  int
	ended bool
}

func newLoop(m machine, record *Recorder, log *slog.Logger) (*loop, error) {
	t, err := clock.NewTimer()
	if err != nil {
		return nil, err
	}
	return &loop{
		machine: m, timer: t, record: record, log: log,
		posts: make(chan func(), 64), done: make(chan struct{}),
	}, nil
}

// post hands f to the loop's goroutine. After the loop's end it is dropped.
func (l *loop) post(f func()) {
	select {
	case l.posts <- f:
	case <-l.done:
	}
}

// send posts an event.
func (l *loop) send(ev fsm.Event) { l.post(func() { l.step(&ev) }) }

// run steps the machine until it exits, and returns the exit code.
func (l *loop) run(first fsm.Event) int {
	defer close(l.done)
	defer l.timer.Close() //nolint:errcheck // nothing depends on it any more
	l.step(&first)
	for !l.ended {
		select {
		case f := <-l.posts:
			f()
		case <-l.timer.C():
			l.step(&fsm.Event{Kind: fsm.Tick})
		}
	}
	return l.code
}

// step is one Step and its effects. The time is read once: s, from which
// authority counts, is before anything is sent (SPEC R2).
func (l *loop) step(ev *fsm.Event) {
	if l.ended {
		return
	}
	now := fsm.Instant(clock.Now())
	l.out.Reset()
	l.machine.Step(now, ev, &l.out)
	if err := l.record.Step(now, ev, &l.out); err != nil {
		l.log.Error(RecordingEnds, "error", err)
	}
	if s := l.out.Stray; s[0] != "" {
		l.log.Error("the table says this cannot be; please report it", "phase", s[0], "signal", s[1])
		l.out.Stray = [2]string{}
	}
	l.driver.stepped(now)
	for i := range l.out.List {
		l.driver.execute(&l.out.List[i], now)
	}
	if err := l.timer.Set(int64(l.machine.Next())); err != nil {
		l.fail(fmt.Errorf("cannot set the timer: %w", err))
	}
}

// fail ends the process: without a timer no deadline would be kept. The guard
// ends what is left.
func (l *loop) fail(err error) {
	l.log.Error("internal failure", "error", err)
	l.end(fsm.ExitAgain)
}

func (l *loop) end(code int) { l.ended, l.code = true, code }
