package runtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"msdha/internal/fsm"
)

// fileSeen is what a node keeps across its lives, by which it recognises an etcd
// that was replaced (SPEC K4).
const fileSeen = "seen.json"

// probe is a file that shows whether files can be made.
const probe = ".probe."

// forgetAfter bounds the wait for a disk at the end.
const forgetAfter = time.Second

// memory keeps fileSeen in MSDHA_STATE_DIR. It writes beside the loop: that is a
// disk, which may be slow or hang, and the lease must not wait for it.
type memory struct {
	dir  string
	log  *slog.Logger
	next chan fsm.Held // the newest that is not written yet
	done chan struct{}
}

func newMemory(dir string, log *slog.Logger) (*memory, error) {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		// What a life left that was killed while it wrote.
		half, _ := filepath.Glob(filepath.Join(dir, ".*.*"))
		for _, path := range half {
			if base := filepath.Base(path); strings.HasPrefix(base, "."+fileSeen) || strings.HasPrefix(base, probe) {
				_ = os.Remove(path)
			}
		}
		var f *os.File
		if f, err = os.CreateTemp(dir, probe+"*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use MSDHA_STATE_DIR: %w; mount a volume there that outlives the container, "+
			"writable for this user", err)
	}
	m := &memory{dir: dir, log: log, next: make(chan fsm.Held, 1), done: make(chan struct{})}
	go m.run()
	return m, nil
}

// remember replaces what is not written yet. Only one goroutine calls it.
func (m *memory) remember(h fsm.Held) {
	select {
	case <-m.next:
	default:
	}
	m.next <- h
}

func (m *memory) run() {
	defer close(m.done)
	for h := range m.next {
		text, err := json.Marshal(h)
		if err == nil {
			err = replaceFile(m.dir, fileSeen, string(text)+"\n", true)
		}
		if err != nil {
			m.log.Error("cannot keep what was seen of etcd in MSDHA_STATE_DIR", "error", err)
		}
	}
}

// held reads what an earlier life remembered. A file that does not parse is
// reported and counts as none.
func (m *memory) held() (h fsm.Held) {
	text, err := os.ReadFile(filepath.Join(m.dir, fileSeen))
	if err == nil {
		err = json.Unmarshal(text, &h)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.log.Warn("ignoring what an earlier life remembered", "file", fileSeen, "error", err)
		return fsm.Held{}
	}
	return h
}

// close writes what is left, unless the disk hangs.
func (m *memory) close() {
	close(m.next)
	select {
	case <-m.done:
	case <-time.After(forgetAfter):
		m.log.Error("MSDHA_STATE_DIR did not take what was seen of etcd", "within", forgetAfter)
	}
}
