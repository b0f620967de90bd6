package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"msdha/internal/sim"
)

// figures is what a run amounts to, for people and for programs.
type figures struct {
	Seed            uint64     `json:"seed"`
	From            int        `json:"from"`
	Episodes        int        `json:"episodes"`
	Events          uint64     `json:"events"`
	Simulated       float64    `json:"simulated_seconds"`
	Years           float64    `json:"cluster_years"`
	EventsPerSecond float64    `json:"events_per_second"`
	Speed           float64    `json:"simulated_seconds_per_second"`
	Wall            float64    `json:"wall_seconds"`
	Doubles         int        `json:"run_twice"`
	Violations      int        `json:"violations"`
	Hash            string     `json:"hash"`
	First           *violation `json:"first,omitempty"`
	Interrupted     bool       `json:"interrupted"`
	Coverage        *coverage  `json:"coverage,omitempty"` // not of a replay
}

// coverage is what happened in a run of many episodes, and what did not.
type coverage struct {
	Courses     int               `json:"distinct_trajectories"`
	Exact       bool              `json:"distinct_trajectories_exact"`
	Faults      map[string]uint64 `json:"faults"`
	Situations  map[string]uint64 `json:"situations"`
	Outside     map[string]uint64 `json:"outside_assumptions"` // properties that broke there
	Transitions int               `json:"transitions"`
	Untaken     []string          `json:"transitions_never_taken"`
	Missing     []string          `json:"missing"`
	never       []string
	enough      bool // to list what never happened
}

// violation is the first one, with the schedule that shows it.
type violation struct {
	Episode  int     `json:"episode"`
	Property string  `json:"property"`
	At       float64 `json:"at_seconds"`
	Text     string  `json:"text"`
	Schedule string  `json:"schedule"`
}

func newFigures(s *sim.Summary) *figures {
	wall := s.Wall.Seconds()
	f := &figures{
		Seed: s.Seed, From: s.From, Episodes: s.Stats.Episodes, Events: s.Stats.Events,
		Simulated: s.Stats.Simulated.Seconds(), Years: s.Stats.Simulated.Years(),
		EventsPerSecond: s.EventsPerSecond(), Speed: s.Stats.Simulated.Seconds() / max(wall, 1e-9), Wall: wall,
		Doubles: s.Doubles, Violations: s.Violations, Hash: fmt.Sprintf("%016x", s.Hash), Coverage: newCoverage(s),
	}
	if s.First != nil {
		f.First = firstViolation(s.First, s.FirstEpisode)
	}
	return f
}

func newCoverage(s *sim.Summary) *coverage {
	v := &coverage{
		Courses: s.Courses, Exact: s.Exact, Missing: append([]string{}, s.Missing...),
		Faults: byName(s.Stats.FaultCounts()), Situations: byName(s.Stats.SometimesCounts()),
		Outside: byName(s.Stats.ShownCounts()), never: s.Stats.Never(), enough: s.Stats.Episodes >= sim.Enough,
	}
	v.Transitions, v.Untaken = s.Stats.Transitions()
	return v
}

func byName(counts []sim.Count) map[string]uint64 {
	m := make(map[string]uint64, len(counts))
	for _, c := range counts {
		m[c.Name] = c.Times
	}
	return m
}

func firstViolation(r *sim.Report, episode int) *violation {
	v := r.Violations[0]
	return &violation{episode, v.Property, v.At.Seconds(), v.Text, r.Schedule.String()}
}

// print writes the figures, and the file that was asked for.
func (o *simOptions) print(c *cobra.Command, f *figures) error {
	if o.json == "-" {
		return printJSON(c.OutOrStdout(), f)
	}
	if _, err := io.WriteString(c.OutOrStdout(), f.String()); err != nil || o.json == "" {
		return err
	}
	return writeJSON(o.json, f)
}

func (f *figures) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-18s "+format+"\n", append([]any{name}, args...)...)
	}
	line("seed", "%d", f.Seed)
	if f.From > 0 {
		line("first episode", "%d", f.From)
	}
	line("episodes", "%d", f.Episodes)
	line("events", "%s", grouped(f.Events))
	line("simulated seconds", "%s", grouped(uint64(f.Simulated)))
	line("cluster-years", "%.4f", f.Years)
	line("events per second", "%s", grouped(uint64(f.EventsPerSecond)))
	line("times real time", "%s", grouped(uint64(f.Speed)))
	line("wall seconds", "%.1f", f.Wall)
	f.Coverage.write(line)
	line("run twice", "%d", f.Doubles)
	line("violations", "%d", f.Violations)
	line("trajectory hash", "%s", f.Hash)
	return b.String()
}

func (v *coverage) write(line func(name, format string, args ...any)) {
	line("trajectories", "%s, in the order of faults and changes of phase", v.courses())
	line("faults", "%s", v.of(v.Faults))
	line("situations", "%s", v.of(v.Situations))
	line("not promised", "%s", v.outside())
	line("transitions", "%d of %d", v.Transitions-len(v.Untaken), v.Transitions)
	if v.enough {
		for _, name := range append(v.never, v.Untaken...) {
			line("  never", "%s", name)
		}
	}
}

// courses is how many different ones there were.
func (v *coverage) courses() string {
	text := grouped(uint64(v.Courses))
	if !v.Exact {
		text = "about " + text + " (±0.1 %)"
	}
	return text
}

// outside says what broke where it was not promised.
func (v *coverage) outside() string {
	var broken []string
	for _, name := range slices.Sorted(maps.Keys(v.Outside)) {
		if n := v.Outside[name]; n > 0 {
			broken = append(broken, name+" "+grouped(n))
		}
	}
	if broken == nil {
		return "nothing"
	}
	return strings.Join(broken, ", ") + ": broke where docs/SAFETY.md does not promise it"
}

// of counts what happened at all.
func (v *coverage) of(counts map[string]uint64) string {
	kinds, times := 0, uint64(0)
	for _, n := range counts {
		times += n
		if n > 0 {
			kinds++
		}
	}
	return fmt.Sprintf("%d of %d, %s times", kinds, len(counts), grouped(times))
}

func printJSON(to io.Writer, v any) error { return json.NewEncoder(to).Encode(v) }

// grouped writes 1234567 as 1,234,567.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
