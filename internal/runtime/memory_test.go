package runtime

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm"
)

func openMemory(t *testing.T, dir string) (*memory, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	m, err := newMemory(dir, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return m, &log
}

// TestMemory: what is kept across lives, and what is not worth keeping (SPEC K4).
func TestMemory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	m, log := openMemory(t, dir)
	if h := m.held(); h != (fsm.Held{}) || log.Len() != 0 {
		t.Errorf("at first: %+v, %s", h, log)
	}
	want := fsm.Held{
		Cluster: 1<<64 - 1, Rev: 1<<62 + 1, Epoch: 7, TTL: 9 * time.Second, Serial: 1<<62 + 3, Reinit: true,
	}
	for e := range want.Epoch {
		m.remember(fsm.Held{Epoch: e})
	}
	m.remember(want) // the last one counts
	m.close()
	if err := os.WriteFile(filepath.Join(dir, "."+fileSeen+".123"), []byte("{"), 0o644); err != nil {
		t.Fatal(err) // what a life left that was killed
	}
	m, log = openMemory(t, dir)
	defer m.close()
	if h := m.held(); h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
	// What a version wrote that knew of no member lists.
	old := `{"Cluster":12,"Rev":34,"Epoch":5,"TTL":3000000000}` + "\n"
	if err := os.WriteFile(filepath.Join(dir, fileSeen), []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	log.Reset()
	want = fsm.Held{Cluster: 12, Rev: 34, Epoch: 5, TTL: 3 * time.Second}
	if h := m.held(); h != want || log.Len() != 0 {
		t.Errorf("%q gives %+v, %s", old, h, log)
	}
	for _, garbage := range []string{"", "{", `{"Epoch":"x"}`, "\x00", `{"Epoch":5,"Rev":-}`} {
		if err := os.WriteFile(filepath.Join(dir, fileSeen), []byte(garbage), 0o644); err != nil {
			t.Fatal(err)
		}
		log.Reset()
		if h := m.held(); h != (fsm.Held{}) || !strings.Contains(log.String(), "level=WARN") {
			t.Errorf("%q gives %+v, %s", garbage, h, log)
		}
	}
}

// TestMemoryReportsFailures: a directory that vanishes is said, one that cannot be
// made is refused with a cure.
func TestMemoryReportsFailures(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	m, log := openMemory(t, dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	m.remember(fsm.Held{Epoch: 1})
	m.close()
	if !strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("logged: %s", log)
	}
	if err := os.WriteFile(dir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := newMemory(dir, slog.New(slog.DiscardHandler))
	if err == nil || !strings.Contains(err.Error(), "MSDHA_STATE_DIR") {
		t.Errorf("a file as MSDHA_STATE_DIR: %v", err)
	}
}
