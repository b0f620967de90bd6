package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"msdha/internal/fsm"
	"msdha/internal/sim"
)

// simOptions is what `msdhactl sim` is asked for.
type simOptions struct {
	seed     uint64
	episodes int
	workers  int
	json     string // file
	schedule string // file
	all      bool   // the trace shows every step
}

func newSim() *cobra.Command {
	var o simOptions
	c := &cobra.Command{
		Use:   "sim",
		Short: "Simulate groups under faults and look for what must never happen",
		Long: "sim runs the state machines that production runs in simulated groups, over a model of etcd,\n" +
			"networks, clocks, processes and clients, and breaks them: crashes, partitions, pauses, slow and\n" +
			"failing hooks, lost watches, keys deleted by hand. What must always be true is checked at\n" +
			"every step (S1 to S22, L1, L3, L4 in docs/SAFETY.md).\n\n" +
			"The same seed and number of episodes give the same trajectory hash, on any machine and with\n" +
			"any number of workers. If something was violated, the first schedule that shows it is made as\n" +
			"simple as possible and printed; --schedule replays it, and the stories in\n" +
			"internal/sim/testdata as well.\n\n" +
			"Exit codes: 0 nothing was violated, 1 something was, 78 wrong flag or schedule.",
		Example: "  msdhactl sim --seed 1 --episodes 2000\n" +
			"  msdhactl sim --schedule internal/sim/testdata/f03-container-killed.txt",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.run(c)
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "where all randomness comes from")
	f.IntVar(&o.episodes, "episodes", 2000, "how many schedules of faults to run")
	f.IntVar(&o.workers, "workers", 0, "how many to run at the same time (default: one a core)")
	f.StringVar(&o.json, "json", "", "write the figures to this file, - for standard output")
	f.StringVar(&o.schedule, "schedule", "",
		"replay the schedule in this file, - for standard input, and print the trace")
	f.BoolVar(&o.all, "all", false, "with --schedule: every step of every machine, not only what changes something")
	return c
}

func (o *simOptions) run(c *cobra.Command) error {
	for _, name := range []string{"seed", "episodes", "workers"} {
		if o.schedule != "" && c.Flags().Changed(name) {
			return usage(c, fmt.Errorf("--%s has no part in a --schedule", name))
		}
	}
	switch {
	case o.schedule != "":
		return o.replay(c)
	case o.all:
		return usage(c, fmt.Errorf("--all goes with --schedule"))
	case o.episodes < 1:
		return usage(c, fmt.Errorf("--episodes %d: want 1 or more", o.episodes))
	case o.workers < 0:
		return usage(c, fmt.Errorf("--workers %d: want 1 or more, or 0 for one a core", o.workers))
	}
	ctx := c.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	p := newProgress(c.ErrOrStderr(), o.episodes)
	s := sim.Simulate(ctx, sim.Options{
		Now:  time.Now,
		Seed: o.seed, Episodes: o.episodes, Workers: o.workers, Progress: p.show,
	})
	p.clear()
	return o.conclude(c, s)
}

// conclude prints what a run found, and fails if it should not have.
func (o *simOptions) conclude(c *cobra.Command, s *sim.Summary) error {
	if err := o.print(c, newFigures(s)); err != nil {
		return err
	}
	if s.First != nil && o.json != "-" {
		_, err := fmt.Fprintf(c.OutOrStdout(), "\n# %v\n%v", s.First.Violations[0], s.First.Schedule)
		if err != nil {
			return err
		}
	}
	switch {
	case s.Violations > 0:
		return fmt.Errorf("%d violations; replay the schedule with msdhactl sim --schedule FILE", s.Violations)
	case s.Stats.Episodes < o.episodes:
		return fmt.Errorf("interrupted after %d of %d episodes", s.Stats.Episodes, o.episodes)
	}
	return nil
}

// figures is what a run amounts to, for people and for programs.
type figures struct {
	Seed            uint64     `json:"seed"`
	Episodes        int        `json:"episodes"`
	Events          uint64     `json:"events"`
	Simulated       float64    `json:"simulated_seconds"`
	EventsPerSecond float64    `json:"events_per_second"`
	Wall            float64    `json:"wall_seconds"`
	Violations      int        `json:"violations"`
	Hash            string     `json:"hash"`
	First           *violation `json:"first,omitempty"`
}

// violation is the first one, with the schedule that shows it.
type violation struct {
	Property string  `json:"property"`
	At       float64 `json:"at_seconds"`
	Text     string  `json:"text"`
	Schedule string  `json:"schedule"`
}

func newFigures(s *sim.Summary) *figures {
	f := &figures{
		Seed: s.Seed, Episodes: s.Stats.Episodes, Events: s.Stats.Events,
		Simulated: s.Stats.Simulated.Seconds(), EventsPerSecond: s.EventsPerSecond(),
		Wall: s.Wall.Seconds(), Violations: s.Violations, Hash: fmt.Sprintf("%016x", s.Hash),
	}
	if s.First != nil {
		f.First = firstViolation(s.First)
	}
	return f
}

func firstViolation(r *sim.Report) *violation {
	v := r.Violations[0]
	return &violation{v.Property, v.At.Seconds(), v.Text, r.Schedule.String()}
}

// print writes the figures, and the file that was asked for.
func (o *simOptions) print(c *cobra.Command, f *figures) error {
	if o.json == "-" {
		return printJSON(c.OutOrStdout(), f)
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "seed               %d\n"+
		"episodes           %d\n"+
		"events             %s\n"+
		"simulated seconds  %s\n"+
		"events per second  %s\n"+
		"wall seconds       %.1f\n"+
		"violations         %d\n"+
		"trajectory hash    %s\n",
		f.Seed, f.Episodes, grouped(f.Events), grouped(uint64(f.Simulated)),
		grouped(uint64(f.EventsPerSecond)), f.Wall, f.Violations, f.Hash)
	if err != nil || o.json == "" {
		return err
	}
	return writeJSON(o.json, f)
}

// replay runs one schedule and prints what happens.
func (o *simOptions) replay(c *cobra.Command) error {
	text, err := readFile(c.InOrStdin(), o.schedule)
	if err != nil {
		return &failure{fsm.ExitConfig, err}
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
	if n := len(r.Violations); n > 0 {
		return fmt.Errorf("%v", r.Violations[0])
	}
	return nil
}

func (o *simOptions) printReplay(c *cobra.Command, r *sim.Report, wall time.Duration) error {
	f := &figures{
		Seed: r.Schedule.Seed, Episodes: 1, Events: r.Events, Simulated: r.At.Seconds(),
		EventsPerSecond: float64(r.Events) / max(wall.Seconds(), 1e-9), Wall: wall.Seconds(),
		Violations: len(r.Violations), Hash: fmt.Sprintf("%016x", r.Hash),
	}
	if f.Violations > 0 {
		f.First = firstViolation(r)
	}
	if o.json == "-" {
		return printJSON(c.OutOrStdout(), f)
	}
	return writeJSON(o.json, f)
}

func printJSON(to io.Writer, v any) error { return json.NewEncoder(to).Encode(v) }

func readFile(stdin io.Reader, path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}

// grouped writes 1234567 as 1,234,567.
func grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// progress is a line that is written over, on a terminal only.
type progress struct {
	mu    sync.Mutex
	to    io.Writer // nil: nowhere
	total int
	most  int
	next  time.Time
}

func newProgress(to io.Writer, total int) *progress {
	p := &progress{total: total}
	if f, ok := to.(*os.File); ok {
		if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
			p.to = to
		}
	}
	return p
}

func (p *progress) show(done int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, done)
	if now := time.Now(); p.to != nil && now.After(p.next) {
		p.next = now.Add(200 * time.Millisecond)
		fmt.Fprintf(p.to, "\r%d of %d episodes", p.most, p.total)
	}
}

// clear makes room for the figures.
func (p *progress) clear() {
	if p.to != nil {
		fmt.Fprint(p.to, "\r\033[K")
	}
}
