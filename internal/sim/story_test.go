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
	all, err := Stories()
	if err != nil || len(all) == 0 {
		t.Fatalf("there are no stories: %v", err)
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) { tell(t, s) })
	}
}

func tell(t *testing.T, s *Story) {
	if !s.Schedule.Calm {
		t.Error("a story is calm, so that its times can be read")
	}
	got, r := s.Tell()
	for _, v := range r.Violations {
		t.Error(v)
	}
	line, g, w := s.Differs(got)
	if line == 0 {
		return
	}
	if *update {
		file := filepath.Join("testdata", s.Name+".txt")
		if err := os.WriteFile(file, []byte(s.head+StoryMark+"\n"+got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("line %d of the trace is\n%s\nwant\n%s\n(make stories writes the traces anew)", line, g, w)
}

// TestAStoryCanDiffer: a trace that is another, shorter or longer is noticed.
func TestAStoryCanDiffer(t *testing.T) {
	s, err := ParseStory("x", "# It begins. It goes\n# on.\n\ngroup nodes=1 calm\nrun 1s\n----\na\nb\n")
	if err != nil {
		t.Fatal(err)
	}
	if s.Begins() != "It begins." || s.Prose != "It begins. It goes\non.\n" {
		t.Errorf("its prose is %q, its first sentence %q", s.Prose, s.Begins())
	}
	for trace, want := range map[string]int{"a\nb\n": 0, "a\nc\n": 2, "a\n": 2, "a\nb\nc\n": 3, "": 1} {
		if line, g, w := s.Differs(trace); line != want {
			t.Errorf("%q differs in line %d (%s, %s), want %d", trace, line, g, w, want)
		}
	}
	if trace, _ := s.Tell(); !strings.HasPrefix(trace, TraceHead) {
		t.Errorf("its trace is %q", trace)
	}
}

func TestWhatIsNoStory(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "want prose in lines that begin with #",
		"# Prose.\ngroup nodes=1 calm\nrun 1s\n": "a line \"----\" and a trace",
		"group nodes=1 calm\nrun 1s\n----\n":     "want prose",
		"# Prose.\ngroup nodes=0\nrun 1s\n----\n": "line 2",
	} {
		if _, err := ParseStory("x", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
