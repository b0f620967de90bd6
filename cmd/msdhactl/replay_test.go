package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/runtime"
)

// recording makes a short life: a machine that is told the time.
func recording(t *testing.T, path string) {
	t.Helper()
	cfg := &fsm.FrontendConfig{Name: "f1", TTL: 3 * time.Second}
	r, err := runtime.NewRecorder(path, runtime.Recorded{Frontend: cfg})
	if err != nil {
		t.Fatal(err)
	}
	m, out := fsm.NewGateway(cfg), fsm.Effects{}
	for i, ev := range []fsm.Event{{Kind: fsm.Started}, {Kind: fsm.Tick}, {Kind: fsm.Tick}} {
		out.Reset()
		now := fsm.Instant(time.Hour) + fsm.Instant(i)
		m.Step(now, &ev, &out)
		if err := r.Step(now, &ev, &out); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReplayCommand(t *testing.T) {
	dir := t.TempDir()
	whole, cut, wrong := filepath.Join(dir, "a.jsonl"), filepath.Join(dir, "b.jsonl"), filepath.Join(dir, "c")
	recording(t, whole)
	text, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for path, changed := range map[string]string{
		cut: string(text[:len(text)-3]), wrong: strings.Replace(string(text), `"Effects":[`, `"Effects":[{},`, 1),
	} {
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("no recording"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runExplore(t, "replay", dir)
	want := whole + ": 3 steps, all agree\n" + cut + ": 2 steps, all agree; the last line is cut off\n"
	if err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = runExplore(t, "replay", whole, wrong)
	if report(err) != 1 || !strings.Contains(out, wrong+": after 0 steps: line 2") ||
		!strings.HasPrefix(out, whole+": 3 steps") {
		t.Errorf("%v\n%s", err, out)
	}
	for want, args := range map[int][]string{
		1:  {"replay", t.TempDir()},
		78: {"replay"},
	} {
		if out, err := runExplore(t, args...); report(err) != want {
			t.Errorf("%v: want exit %d: %v\n%s", args, want, err, out)
		}
	}
}
