package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Bounds on what is kept of a program's output, in bytes.
const (
	maxLine    = 16 << 10
	maxCapture = 64 << 10
)

// drainWait is how long the output of a program that has ended is waited for
// while its descendants hold the pipe open.
const drainWait = 250 * time.Millisecond

// Output receives what a program writes, line by line and without line ends.
// Lines above 16 KiB come in pieces. It is called from two goroutines, one for
// each stream; the program is held up while it does not return.
type Output func(program string, stderr bool, line string)

// stream reads one of a program's outputs until everybody has closed it.
type stream struct {
	read  *os.File // our end
	write int      // the program's end
	emit  func(line string)
	done  chan struct{}

	keep bool // capture the beginning
	mu   sync.Mutex
	kept []byte
	cut  bool // more was written than is kept
}

func newStream(emit func(line string), keep bool) (*stream, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("cannot create a pipe: %w", err)
	}
	// Ours alone: programs do not expect a non-blocking output.
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_ = unix.Close(fds[0])
		_ = unix.Close(fds[1])
		return nil, fmt.Errorf("cannot prepare a pipe: %w", err)
	}
	return &stream{
		read:  os.NewFile(uintptr(fds[0]), "pipe"),
		write: fds[1],
		emit:  emit,
		done:  make(chan struct{}),
		keep:  keep,
	}, nil
}

// started gives up the program's end and begins to read. What descendants of
// the program write after its end is read as well: closing the pipe would kill
// a daemon with SIGPIPE when it logs its next line.
func (s *stream) started() {
	_ = unix.Close(s.write)
	go s.pump()
}

// abandon is for a program that could not be started.
func (s *stream) abandon() {
	_ = unix.Close(s.write)
	_ = s.read.Close()
}

func (s *stream) pump() {
	defer close(s.done)
	defer s.read.Close() //nolint:errcheck // only read
	buf := make([]byte, maxLine)
	n := 0
	for {
		m, err := s.read.Read(buf[n:])
		s.capture(buf[n : n+m])
		n += m
		n = s.lines(buf, n)
		if err != nil {
			if n > 0 {
				s.emit(text(buf[:n]))
			}
			if !errors.Is(err, io.EOF) {
				s.emit("cannot read more output: " + err.Error())
			}
			return
		}
	}
}

// lines emits all complete lines in buf[:n], moves the rest to the front and
// returns its length, which is less than len(buf).
func (s *stream) lines(buf []byte, n int) int {
	start := 0
	for {
		end := bytes.IndexByte(buf[start:n], '\n')
		if end < 0 {
			break
		}
		s.emit(text(buf[start : start+end]))
		start += end + 1
	}
	if start == 0 && n == len(buf) {
		start = lastRune(buf)
		s.emit(text(buf[:start]))
	}
	return copy(buf, buf[start:n])
}

// lastRune returns where to cut a full buffer so that no character is torn.
func lastRune(buf []byte) int {
	for back := 1; back < utf8.UTFMax; back++ {
		if at := len(buf) - back; utf8.RuneStart(buf[at]) {
			if utf8.FullRune(buf[at:]) {
				break
			}
			return at
		}
	}
	return len(buf)
}

func text(line []byte) string { return strings.TrimSuffix(string(line), "\r") }

func (s *stream) capture(p []byte) {
	if !s.keep {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	room := maxCapture - len(s.kept)
	if len(p) > room {
		p, s.cut = p[:room], true
	}
	s.kept = append(s.kept, p...)
}

// captured returns what was kept so far, and whether that is all.
func (s *stream) captured() (kept []byte, cut bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.kept), s.cut
}

// drain waits for the streams of a program that has ended.
func drain(streams ...*stream) {
	patience := time.NewTimer(drainWait)
	defer patience.Stop()
	for _, s := range streams {
		select {
		case <-s.done:
		case <-patience.C:
			return
		}
	}
}
