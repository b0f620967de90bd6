package runtime

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm"
	"msdha/internal/testkit"
)

// TestReplay: what ran in production runs again in a test, with the same effects;
// and a difference is found.
func TestReplay(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	recording := func(name string) string { return filepath.Join(g.dir, name+".jsonl") }
	one := echo(t)
	a := g.start("a", nodeOptions{env: []string{"MSDHA_ADDRESS=" + one, "MSDHA_RECORD=" + recording("a")}})
	f := g.frontend("f", "MSDHA_RECORD="+recording("f"))
	s := f.awaitSession(one)
	b := g.start("b", nodeOptions{
		env:   []string{"MSDHA_RECORD=" + recording("b")},
		hooks: map[string]string{"ready": "exit 3"},
	})
	b.expectExit(70)
	g.put("_nodes/x", `{"address":"<&>\u2028`, 0) // JSON in JSON, and broken
	a.stop()
	s.awaitReset(t)
	f.signal(unix.SIGTERM)
	f.expectExit(0)
	for name, least := range map[string]int{"a": 30, "b": 15, "f": 10} {
		text, err := os.ReadFile(recording(name))
		g.must(err)
		steps, cut, err := Replay(strings.NewReader(string(text)))
		if err != nil || cut {
			t.Errorf("%s: cut off %v, %v", name, cut, err)
		}
		if steps < least {
			t.Errorf("%s: %d steps in a whole life", name, steps)
		}
		checkDoctored(t, name, string(text))
	}
}

// TestRecordingOfEachLife: a directory keeps the recordings of former lives.
func TestRecordingOfEachLife(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "made", "here")
	head := Recorded{Backend: &fsm.BackendConfig{Name: "n1", TTL: 3 * time.Second}}
	for _, path := range []string{dir + "/", dir, dir + "/"} { // made, and found
		r, err := NewRecorder(path, head)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	found, err := filepath.Glob(filepath.Join(dir, "n1-*-"+strconv.Itoa(os.Getpid())+RecordingSuffix))
	if err != nil || len(found) != 3 {
		t.Errorf("%d recordings, %v: %q", len(found), err, found)
	}
	for _, path := range found {
		if name, began, err := RecordedLife(path); name != "n1" || time.Since(began).Abs() > patience || err != nil {
			t.Errorf("%s: a life of %q that began at %v, %v", path, name, began, err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if steps, cut, err := Replay(f); steps != 0 || cut || err != nil { // the head is there from the beginning
			t.Errorf("%s: %d steps, cut off %v, %v", path, steps, cut, err)
		}
		_ = f.Close()
	}
	if _, err := NewRecorder("/proc/none/", head); err == nil || !strings.Contains(err.Error(), "MSDHA_RECORD") {
		t.Errorf("a directory that cannot be made: %v", err)
	}
}

// checkDoctored changes one thing in a recording that replays.
func checkDoctored(t *testing.T, name, text string) {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	last := len(lines) - 2 // the line with Exit
	timeout := regexp.MustCompile(`"Timeout":[1-9]`)
	at := 0
	for i, line := range lines {
		if timeout.MatchString(line) {
			at = i
		}
	}
	with := func(i int, line string) string {
		return strings.Join(slices.Concat(lines[:i], []string{line}, lines[i+1:]), "")
	}
	for what, doctored := range map[string]string{
		"another timeout":    with(at, timeout.ReplaceAllString(lines[at], `"Timeout":99`)),
		"an event left out":  with(1, ""),
		"another cause":      with(last, strings.Replace(lines[last], `"Cause":`, `"Cause":1`, 1)),
		"garbage at the end": text[:len(text)-10] + "\n",
		"garbage within":     with(at, lines[at][:len(lines[at])/2]+"\n"),
		"two lines in one":   with(1, strings.TrimSpace(lines[1])),
		"a line of nothing":  with(1, "{}\n"),
		"no TTL":             regexp.MustCompile(`"TTL":\d+`).ReplaceAllString(lines[0], `"TTL":0`) + lines[1],
		"another format":     strings.Replace(text, `"Format":3,`, `"Format":4,`, 1),
		"an old recording":   strings.Replace(text, `"Format":3,`, "", 1),
		"no head":            strings.Join(lines[1:], ""),
		"a head cut off":     lines[0][:len(lines[0])-1],
		"empty":              "",
	} {
		if doctored == text {
			t.Fatalf("%s: %s: nothing was changed", name, what)
		}
		if _, _, err := Replay(strings.NewReader(doctored)); err == nil {
			t.Errorf("%s: %s: not found", name, what)
		}
	}
	for _, short := range []int{1, 10, len(lines[last]) - 1} { // a process that was killed
		steps, cut, err := Replay(strings.NewReader(text[:len(text)-short]))
		if err != nil || !cut || steps != last-1 {
			t.Errorf("%s: cut off by %d bytes: %d steps, cut off %v, %v", name, short, steps, cut, err)
		}
	}
}

// disk is a file on a disk with so much room.
type disk struct{ room int }

func (d *disk) Write(p []byte) (int, error) {
	n := min(d.room, len(p))
	d.room -= n
	if n < len(p) {
		return n, unix.ENOSPC
	}
	return n, nil
}

func (d *disk) Close() error { return nil }

// TestRecordingIsGivenUp: the machine goes on, and the log says once that the
// recording does not.
func TestRecordingIsGivenUp(t *testing.T) {
	t.Parallel()
	head := Recorded{Frontend: &fsm.FrontendConfig{Name: "f", TTL: 3 * time.Second}}
	if _, err := newRecorder(&disk{room: 10}, &head); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("no room for the head: %v", err)
	}
	s := &script{t: t, next: fsm.Never, end: fsm.TreeGone}
	l, _ := testLoop(t, s)
	var text testkit.Output
	log := NewLogger(&text, true, slog.LevelError)
	l.log = log.Logger
	file := &disk{room: 1 << 20}
	var err error
	if l.record, err = newRecorder(file, &head); err != nil {
		t.Fatal(err)
	}
	file.room = 200 // for a step or two
	events := []fsm.EventKind{fsm.GuardLost, fsm.GuardLost, fsm.GuardLost, fsm.GuardLost, fsm.TreeGone}
	go func() {
		for _, kind := range events {
			l.send(fsm.Event{Kind: kind})
		}
	}()
	if code := l.run(fsm.Event{Kind: fsm.Started}); code != 7 || len(s.seen) != len(events)+1 {
		t.Errorf("exit code %d after %d events, want all %d", code, len(s.seen), len(events)+1)
	}
	log.Close()
	if got := text.String(); text.Count(RecordingEnds) != 1 || !strings.Contains(got, "no space left") {
		t.Errorf("want one line of the recording's end in\n%s", got)
	}
}

// TestOldRecording: what another version recorded is refused in words. Its numbers
// meant something else.
func TestOldRecording(t *testing.T) {
	t.Parallel()
	for _, head := range []string{
		`{"Backend":{"Name":"n1","TTL":3000000000,"Version":"v0.4.0"}}`,
		`{"Frontend":{"Name":"f1","TTL":3000000000,"Version":"v0.4.0"}}`,
	} {
		_, _, err := Replay(strings.NewReader(head + "\n" + `{"Now":1,"Event":{"Kind":1}}` + "\n"))
		for _, want := range []string{"format 1", "replays format 3", "v0.4.0"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", head, err, want)
			}
		}
	}
}

func TestRecordedLife(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 11, 22, 7, 8, 9, 123456000, time.UTC)
	for file, owner := range map[string]string{
		"/tmp/record/n1-20261122T070809.123456Z-1.jsonl": "n1",
		"my-own-node-20261122T070809.123456Z-4711.jsonl": "my-own-node",
	} {
		if name, began, err := RecordedLife(file); name != owner || !began.Equal(want) || err != nil {
			t.Errorf("%s: %q, %v, %v", file, name, began, err)
		}
	}
	for _, file := range []string{"n1.jsonl", "n1-1.jsonl", "n1-today-1.jsonl", ""} {
		if name, _, err := RecordedLife(file); err == nil {
			t.Errorf("%q: is a life of %q", file, name)
		}
	}
}
