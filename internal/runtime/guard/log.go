package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

const (
	// logLines is how many lines wait for a reader of the log; the rest is lost.
	logLines = 16
	// logPatience is how long the guard's end waits for its last lines.
	logPatience = 200 * time.Millisecond
)

// logger writes in a goroutine of its own: a log that nobody reads must not keep
// the guard from its deadlines.
type logger struct {
	write func(string)
	lines chan string
	stop  chan struct{} // closed by close
	done  chan struct{} // closed when the last line is out
}

func newLogger(write func(string)) *logger {
	l := &logger{
		write: write, lines: make(chan string, logLines),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go l.run()
	return l
}

func (l *logger) run() {
	defer close(l.done)
	for {
		select {
		case line := <-l.lines:
			l.write(line)
			continue
		default:
		}
		select {
		case line := <-l.lines:
			l.write(line)
		case <-l.stop:
			return
		}
	}
}

func (l *logger) log(line string) {
	select {
	case l.lines <- line:
	default:
	}
}

func (l *logger) close() {
	close(l.stop)
	select {
	case <-l.done:
	case <-time.After(logPatience):
	}
}

// logToStderr bypasses os.Stderr, which ends the process when nobody reads it.
func logToStderr(text string) {
	_, _ = unix.Write(2, []byte("msdha guard: "+text+"\n"))
}
