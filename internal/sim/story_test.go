package sim

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the traces of the stories anew")

// TestStories holds what happens in each of testdata/*.txt against the trace
// that a person has read and found to show what the prose says. After a change
// of the machines: make stories, then read the difference.
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { tell(t, file) })
	}
}

func tell(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, want, ok := strings.Cut(string(text), StoryMark+"\n")
	if !ok || !strings.HasPrefix(head, "# ") {
		t.Fatalf("%s: want prose in lines that begin with #, a schedule, a line %q and a trace", file, StoryMark)
	}
	s, err := ParseSchedule(head)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if !s.Calm {
		t.Errorf("%s: a story is calm, so that its times can be read", file)
	}
	got, r := Trace(&s, false)
	for _, v := range r.Violations {
		t.Errorf("%s: %v", file, v)
	}
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(file, []byte(head+StoryMark+"\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	line, g, w := difference(got, want)
	t.Errorf("%s: line %d of the trace is\n%s\nwant\n%s\n(make stories writes the traces anew)", file, line, g, w)
}

// difference is the first line in which two texts differ.
func difference(got, want string) (line int, g, w string) {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(a), len(b)) {
		g, w = "(the end)", "(the end)"
		if i < len(a) {
			g = a[i]
		}
		if i < len(b) {
			w = b[i]
		}
		if g != w {
			return i + 1, g, w
		}
	}
	return 0, "", ""
}
