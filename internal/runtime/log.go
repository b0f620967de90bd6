package runtime

import (
	"io"
	"log/slog"
	"sync"
	"time"

	"msdha/internal/runtime/config"
)

const (
	// logLimit is how many bytes of log are kept while nobody takes them.
	logLimit = 1 << 20
	// logPatience is how long the end of a process waits for its last lines.
	logPatience = time.Second
)

// Log is a slog.Logger whose users never wait for whoever reads the log: one of
// them is the goroutine that renews the lease, and a log driver that is stuck
// must not cost the node its authority. Lines that find no room are lost, and
// counted.
type Log struct {
	*slog.Logger
	queue *queue
}

// NewLogger logs in text or JSON; attrs are on every line. Close it at the end.
func NewLogger(w io.Writer, json bool, level slog.Level, attrs ...any) *Log {
	logger := func(w io.Writer) *slog.Logger {
		opts := &slog.HandlerOptions{Level: level}
		if json {
			return slog.New(slog.NewJSONHandler(w, opts)).With(attrs...)
		}
		return slog.New(slog.NewTextHandler(w, opts)).With(attrs...)
	}
	direct := logger(w)
	q := &queue{out: w, done: make(chan struct{}), sorry: func(n int) {
		direct.Warn("lines of the log were lost, since nobody took them in time", "lines", n)
	}}
	q.change.L = &q.mu
	go q.run()
	return &Log{Logger: logger(q), queue: q}
}

// Close writes what is left, as far as somebody takes it within a second.
func (l *Log) Close() { l.queue.close() }

// Settle waits until there is ample room. It is for what a program writes: that
// may be held up, as if it wrote to the log itself.
func (l *Log) Settle() { l.queue.settle() }

// queue is an io.Writer that takes whole lines and writes them elsewhere.
type queue struct {
	out   io.Writer
	sorry func(lost int)
	done  chan struct{} // closed when everything is written after close

	mu     sync.Mutex
	change sync.Cond
	lines  []byte
	lost   int
	closed bool
}

func (q *queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.lines)+len(line) > logLimit {
		q.lost++
		return len(line), nil
	}
	q.lines = append(q.lines, line...)
	q.change.Broadcast()
	return len(line), nil
}

func (q *queue) run() {
	defer close(q.done)
	var spare []byte
	for {
		q.mu.Lock()
		for len(q.lines) == 0 && !q.closed {
			q.change.Wait()
		}
		batch, lost, last := q.lines, q.lost, q.closed
		q.lines, q.lost = spare[:0], 0
		q.change.Broadcast()
		q.mu.Unlock()
		if len(batch) > 0 {
			_, _ = q.out.Write(batch) // where the log cannot be written nothing can be said
		}
		if lost > 0 {
			q.sorry(lost)
		}
		if last {
			return
		}
		spare = batch
	}
}

func (q *queue) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) > logLimit/2 && !q.closed {
		q.change.Wait()
	}
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.change.Broadcast()
	q.mu.Unlock()
	select {
	case <-q.done:
	case <-time.After(logPatience):
	}
}

// Report logs everything that is wrong with the environment, a line each.
func Report(log *Log, warnings []config.Warning, err error) {
	for _, w := range warnings {
		log.Warn("configuration", "warning", w.String())
	}
	if err == nil {
		return
	}
	if faults, ok := err.(config.Faults); ok {
		for _, f := range faults {
			log.Error("configuration", "fault", f.Error())
		}
		return
	}
	log.Error("configuration", "fault", err)
}
