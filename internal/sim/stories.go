package sim

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed testdata/*.txt
var storyFiles embed.FS

// Story is an episode that somebody has read: why it is told, its schedule, and
// the trace that was found to show it.
type Story struct {
	Name     string
	Prose    string // lines
	Schedule Schedule
	Trace    string
	head     string // of its file: all but the trace
}

// ParseStory reads a story: prose in lines that begin with '#', a schedule, the
// line StoryMark and a trace.
func ParseStory(name, text string) (*Story, error) {
	head, trace, ok := strings.Cut(text, StoryMark+"\n")
	if !ok || !strings.HasPrefix(head, "# ") {
		return nil, fmt.Errorf(
			"want prose in lines that begin with #, a schedule, a line %q and a trace", StoryMark)
	}
	s, err := ParseSchedule(head)
	if err != nil {
		return nil, err
	}
	var prose strings.Builder
	for line := range strings.Lines(head) {
		if line[0] != '#' {
			break
		}
		prose.WriteString(strings.TrimPrefix(line[1:], " "))
	}
	return &Story{Name: name, Prose: prose.String(), Schedule: s, Trace: trace, head: head}, nil
}

// Begins is the story's first sentence.
func (s *Story) Begins() string {
	text := strings.Join(strings.Fields(s.Prose), " ")
	if first, _, ok := strings.Cut(text, ". "); ok {
		return first + "."
	}
	return text
}

// Tell runs the story and returns its trace as it is now.
func (s *Story) Tell() (trace string, r *Report) { return Trace(&s.Schedule, false) }

// Differs is the number of the first line in which a trace is not the one that
// the story has, with both; 0 if there is none.
func (s *Story) Differs(trace string) (line int, got, want string) {
	a, b := strings.Split(trace, "\n"), strings.Split(s.Trace, "\n")
	for i := range max(len(a), len(b)) {
		got, want = "(the end)", "(the end)"
		if i < len(a) {
			got = a[i]
		}
		if i < len(b) {
			want = b[i]
		}
		if got != want {
			return i + 1, got, want
		}
	}
	return 0, "", ""
}

// Stories are all that the program carries, by name.
func Stories() ([]*Story, error) {
	files, err := storyFiles.ReadDir("testdata")
	if err != nil {
		return nil, err
	}
	all := make([]*Story, len(files))
	for i, f := range files {
		text, err := storyFiles.ReadFile(path.Join("testdata", f.Name()))
		if err != nil {
			return nil, err
		}
		if all[i], err = ParseStory(strings.TrimSuffix(f.Name(), ".txt"), string(text)); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
	}
	return all, nil
}
