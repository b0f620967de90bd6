package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/sim"
	"msdha/internal/sim/explore"
)

// replay runs one schedule and prints what happens.
func (o *simOptions) replay(c *cobra.Command) error {
	text, err := readFile(c.InOrStdin(), o.schedule)
	if err != nil {
		return &failure{fsm.ExitConfig, err}
	}
	if explore.IsStory(string(text)) {
		return replayExploration(c, string(text))
	}
	s, err := sim.ParseSchedule(string(text))
	if err != nil {
		return &failure{fsm.ExitConfig, fmt.Errorf("cannot read the schedule %s: %w", o.schedule, err)}
	}
	began := time.Now()
	trace, r := sim.Trace(&s, o.all)
	if o.json != "-" {
		if _, err := io.WriteString(c.OutOrStdout(), trace); err != nil {
			return err
		}
	}
	if o.json != "" {
		if err := o.printReplay(c, r, time.Since(began)); err != nil {
			return err
		}
	}
	return violated(r)
}

func violated(r *sim.Report) error {
	if len(r.Violations) > 0 {
		return fmt.Errorf("%v", r.Violations[0])
	}
	return nil
}

func (o *simOptions) printReplay(c *cobra.Command, r *sim.Report, wall time.Duration) error {
	span := sim.Span(r.At / time.Microsecond)
	seconds := max(wall.Seconds(), 1e-9)
	f := &figures{
		Seed: r.Schedule.Seed, Episodes: 1, Events: r.Events, Simulated: span.Seconds(), Years: span.Years(),
		EventsPerSecond: float64(r.Events) / seconds, Speed: span.Seconds() / seconds, Wall: wall.Seconds(),
		Violations: len(r.Violations), Hash: fmt.Sprintf("%016x", r.Hash),
	}
	if f.Violations > 0 {
		f.First = firstViolation(r, 0)
	}
	if o.json == "-" {
		return printJSON(c.OutOrStdout(), f)
	}
	return writeJSON(o.json, f)
}

// tell prints what a story is about, then what happens, and whether that is what
// its file says.
func (o *simOptions) tell(c *cobra.Command) error {
	s, text, err := findStory(c.InOrStdin(), o.story)
	switch {
	case explore.IsStory(text):
		return replayExploration(c, text)
	case err != nil:
		return &failure{fsm.ExitConfig, err}
	}
	trace, r := s.Tell()
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%s\n%v\n%s\n", s.Prose, &s.Schedule, trace); err != nil {
		return err
	}
	if err := violated(r); err != nil {
		return err
	}
	if line, got, want := s.Differs(trace); line > 0 {
		return fmt.Errorf("line %d of the trace is not the story's any more:\n%s\nwant\n%s", line, got, want)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), "This is the trace that the story has.")
	return err
}

// findStory takes a name of those that the program carries, else a file, whose
// text it returns as well.
func findStory(stdin io.Reader, name string) (s *sim.Story, text string, err error) {
	all, err := sim.Stories()
	if err != nil {
		return nil, "", err
	}
	for _, s := range all {
		if s.Name == name {
			return s, "", nil
		}
	}
	bytes, err := readFile(stdin, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("there is no story and no file %s; msdhactl sim --stories lists the stories", name)
	}
	if err != nil {
		return nil, "", err
	}
	text = string(bytes)
	if s, err = sim.ParseStory(strings.TrimSuffix(filepath.Base(name), ".txt"), text); err != nil {
		err = fmt.Errorf("cannot read the story %s: %w; --schedule replays one without a trace", name, err)
	}
	return s, text, err
}

func listStories(c *cobra.Command) error {
	all, err := sim.Stories()
	if err != nil {
		return err
	}
	width := 0
	for _, s := range all {
		width = max(width, len(s.Name))
	}
	for _, s := range all {
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%-*s  %s\n", width, s.Name, s.Begins()); err != nil {
			return err
		}
	}
	return nil
}

func readFile(stdin io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}
