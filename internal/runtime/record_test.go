package runtime

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
		steps, err := Replay(strings.NewReader(string(text)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if steps < least {
			t.Errorf("%s: %d steps in a whole life", name, steps)
		}
		checkDoctored(t, name, string(text))
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
		"another timeout":   with(at, timeout.ReplaceAllString(lines[at], `"Timeout":99`)),
		"an event left out": with(1, ""),
		"another cause":     with(last, strings.Replace(lines[last], `"Cause":`, `"Cause":1`, 1)),
		"cut off":           text[:len(text)-10],
		"no head":           strings.Join(lines[1:], ""),
		"empty":             "",
	} {
		if doctored == text {
			t.Fatalf("%s: %s: nothing was changed", name, what)
		}
		if _, err := Replay(strings.NewReader(doctored)); err == nil {
			t.Errorf("%s: %s: not found", name, what)
		}
	}
}
