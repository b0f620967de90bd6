// Package clock tells the time by which leases are judged: CLOCK_BOOTTIME,
// which never jumps and, unlike the monotonic clock behind time.Now, goes on
// while the machine is suspended. An authority that ends at an instant of this
// clock has ended when the machine wakes up (SPEC R2, R4).
package clock

import (
	"fmt"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Never is an instant that does not come: Set(Never) stops a timer.
const Never int64 = math.MaxInt64

// Now returns the time since boot in nanoseconds, suspension included.
func Now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// Linux has had the clock since 2.6.39. Without it no deadline can be
		// kept, and a made-up time would be worse than a stop.
		panic("cannot read CLOCK_BOOTTIME: " + err.Error())
	}
	return ts.Nano()
}

// Timer wakes its owner at an absolute instant. It is a timerfd read through
// the runtime's poller, so that waiting costs no thread and Close ends it.
//
// A wake-up is a hint: one that was under way while Set was called may still
// arrive. The owner compares Now with its own deadline, as it must anyway.
type Timer struct {
	c    chan struct{}
	file *os.File
	done chan struct{} // closed when the reading goroutine has ended

	mu     sync.Mutex // guards fd against Close
	fd     int
	closed bool
}

// NewTimer returns a timer that is not set.
func NewTimer() (*Timer, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_BOOTTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot create a CLOCK_BOOTTIME timer: %w", err)
	}
	t := &Timer{
		c:    make(chan struct{}, 1),
		file: os.NewFile(uintptr(fd), "timerfd"),
		done: make(chan struct{}),
		fd:   fd,
	}
	go t.read()
	return t, nil
}

// C delivers one value per wake-up; wake-ups that nobody takes are coalesced.
func (t *Timer) C() <-chan struct{} { return t.c }

// Set makes the timer fire once when Now reaches at, in nanoseconds since boot,
// instead of at the instant set before. An instant in the past fires at once.
func (t *Timer) Set(at int64) error {
	var spec unix.ItimerSpec // the zero value stops the timer
	if at != Never {
		// Zero would stop it as well; every instant before now means at once.
		spec.Value = unix.NsecToTimespec(max(at, 1))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return os.ErrClosed
	}
	if err := unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME, &spec, nil); err != nil {
		return fmt.Errorf("cannot set the timer to %d ns since boot: %w", at, err)
	}
	return nil
}

// Close ends the timer and its goroutine; nothing is delivered afterwards.
func (t *Timer) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return os.ErrClosed
	}
	t.closed = true
	err := t.file.Close()
	t.mu.Unlock()
	<-t.done
	return err
}

func (t *Timer) read() {
	defer close(t.done)
	var expirations [8]byte
	for {
		if _, err := t.file.Read(expirations[:]); err != nil {
			return // closed
		}
		select {
		case t.c <- struct{}{}:
		default:
		}
	}
}
