package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/sim/ballot"
	"msdha/internal/sim/explore"
)

// exploreOptions is what `msdhactl explore` is asked for.
type exploreOptions struct {
	scope    string
	states   int
	memory   int // MiB
	workers  int
	plain    bool
	boundary bool
	ballot   bool
	save     string // file
}

func newExplore() *cobra.Command {
	var o exploreOptions
	c := &cobra.Command{
		Use:   "explore",
		Short: "Visit every state of a small group under faults",
		Long: "explore runs the state machines that production runs through every order of events that a small\n" +
			"scope allows, breadth first, and holds each step against S1 to S7, S9, S11 to S14, S16 to S18 and S21\n" +
			"of docs/SAFETY.md, and looks for groups that are stuck. Time\n" +
			"goes in ticks of a part of T; the scope says how many there are and how often each fault may\n" +
			"happen. What it does not name is as in the smallest scope:\n\n" +
			"  " + explore.Floor().String() + "\n\n" +
			"A violation is printed as a story, with as few steps as possible; msdhactl sim --story replays it.\n" +
			"--boundary shows for growing grace and pauses whether processes of two reigns are alive at once.\n\n" +
			"  nodes fronts    how many backends (1 to 4) and frontends (0 or 1) there are\n" +
			"  ttl             ticks of T; a tick is as fine as time gets\n" +
			"  drops pauses crashes leaders restarts stops deletes ghosts\n" +
			"                  budgets: lost or late messages, stopped processes, killed containers, changes of\n" +
			"                  etcd's leader, containers that come back, planned stops, deletions by hand,\n" +
			"                  keepalives granted although the keys are gone\n" +
			"  pause kill hook ticks that a pause lasts, that SIGKILL takes, that a master hook may take\n" +
			"  grace           ticks from fence signal to SIGKILL; 0: what the machines decide\n" +
			"  lag eager       views that may be behind; 1: the frontend may learn of a write at once\n" +
			"  cold            begin with an empty etcd, not with a group that stands\n\n" +
			ballotHelp + ballot.Floor().String() + ballotFields +
			"--states and --memory bound a search; they are looked at after each level.\n\n" +
			"Exit codes: 0 nothing was violated, though maybe not every state was seen (the output says so),\n" +
			"1 something was violated, 78 wrong flag, 130 ended by a signal.",
		Example: "  msdhactl explore\n" +
			"  msdhactl explore --scope 'ttl=3 drops=2 crashes=2' --memory 8000\n" +
			"  msdhactl explore --boundary --scope ttl=3\n" +
			"  msdhactl explore --ballot --scope 'nodes=4 reigns=4'",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	f := c.Flags()
	f.StringVar(&o.scope, "scope", "", "what differs from the smallest scope: name=NUMBER …, or cold")
	f.IntVar(&o.states, "states", 0, "end after so many states (default: none)")
	f.IntVar(&o.memory, "memory", 0, "end when so many MiB are in use (default: never)")
	f.IntVar(&o.workers, "workers", 0, "how many work at the same time (default: one a core)")
	f.BoolVar(&o.plain, "plain", false, "do not merge states that differ in the names of nodes only")
	f.BoolVar(&o.boundary, "boundary", false, "the last safe grace and pause for the scope's ttl")
	f.BoolVar(&o.ballot, "ballot", false, "whether finals and member lists keep every acknowledged entry")
	f.StringVar(&o.save, "save", "", "write the story of a violation to this file, too")
	return c
}

func (o *exploreOptions) run(c *cobra.Command) error {
	if o.states < 0 || o.memory < 0 || o.workers < 0 {
		return usage(c, fmt.Errorf("--states, --memory and --workers: want 0 or more"))
	}
	if o.ballot {
		return o.ballots(c)
	}
	scope, err := explore.ParseScope(explore.Head + o.scope)
	if err != nil {
		return usage(c, err)
	}
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	out := c.OutOrStdout()
	if o.boundary {
		return o.boundaries(ctx, scope.Ticks, out)
	}
	fmt.Fprintf(out, "%v\n%9s %12s %12s %12s %8s %8s\n",
		scope, "depth", "states", "frontier", "steps", "states/s", "MiB")
	full := false
	last := time.Time{}
	r, err := explore.Explore(ctx, explore.Options{
		Scope: scope, States: o.states, Plain: o.plain, Workers: o.workers, Now: time.Now,
		Progress: func(r *explore.Result) {
			used := inUse()
			if o.memory > 0 && used > o.memory {
				full = true
				stop()
			}
			if time.Since(last) > time.Second {
				last = time.Now()
				printProgress(out, r, used)
			}
		},
	})
	if err != nil {
		return err
	}
	printProgress(out, r, inUse())
	return o.conclude(c, r, full)
}

func printProgress(out io.Writer, r *explore.Result, used int) {
	fmt.Fprintf(out, "%9d %12s %12s %12s %8.0f %8d\n",
		r.Depth, grouped(uint64(r.States)), grouped(uint64(r.Frontier)), grouped(uint64(r.Steps)), r.Rate(), used)
}

// inUse is how many MiB the program has from the system.
func inUse() int {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int((m.Sys - m.HeapReleased) >> 20)
}

func (o *exploreOptions) conclude(c *cobra.Command, r *explore.Result, full bool) error {
	out := c.OutOrStdout()
	fmt.Fprintf(out, "%s states, depth %d, widest level %s, %.1f s\n",
		grouped(uint64(r.States)), r.Depth, grouped(uint64(r.Widest)), r.Wall.Seconds())
	switch {
	case r.Violation != nil:
		fmt.Fprintf(out, "\n%s", r.Story)
		if o.save != "" {
			if err := os.WriteFile(o.save, []byte(r.Story), 0o666); err != nil {
				return err
			}
		}
		return fmt.Errorf("%v; replay the story with msdhactl sim --story FILE", r.Violation)
	case r.Exhausted:
		fmt.Fprintln(out, "every state was seen, and nothing was violated")
		return nil
	case full || o.states > 0 && r.States > o.states:
		fmt.Fprintln(out, "not every state was seen: the bound was reached; nothing was violated")
		return nil
	}
	return &failure{exitInterrupted, fmt.Errorf(
		"interrupted after %s states, none of which violated anything", grouped(uint64(r.States)))}
}

// boundaries prints a table of G and P, in ticks, of what overlaps.
func (o *exploreOptions) boundaries(ctx context.Context, ticks int, out io.Writer) error {
	fmt.Fprintf(out, "T is %d ticks, K is 0. A3 allows G + K + P up to T.\n%6s %6s %10s  %-8s %s\n",
		ticks, "G", "P", "states", "overlap", "A3 holds")
	var bad *explore.Result
	wrong := 0
	err := explore.Boundaries(ctx, ticks, time.Now, func(b *explore.Boundary) {
		a3 := b.Grace+b.Pause <= ticks
		fmt.Fprintf(out, "%6d %6d %10s  %-8v %v\n", b.Grace, b.Pause, grouped(uint64(b.Result.States)), b.Overlaps, a3)
		if b.Overlaps == a3 {
			wrong++
		}
		if !b.Result.Exhausted {
			bad = b.Result
		}
	})
	switch {
	case err != nil:
		return err
	case bad != nil && bad.Violation != nil:
		fmt.Fprintf(out, "\n%s", bad.Story)
		return fmt.Errorf("%v", bad.Violation)
	case bad != nil:
		return &failure{exitInterrupted, errors.New("interrupted")}
	case wrong > 0:
		return fmt.Errorf("%d lines do not agree with A3", wrong)
	}
	return nil
}

// replayExploration replays a story that explore has told. That the machines
// take another course by now is no failure.
func replayExploration(c *cobra.Command, text string) error {
	told, v, err := explore.Replay(text)
	var other *explore.OtherCourse
	if err != nil && !errors.As(err, &other) {
		return &failure{fsm.ExitConfig, fmt.Errorf("cannot replay the story: %w", err)}
	}
	if _, err := io.WriteString(c.OutOrStdout(), strings.TrimSpace(told)+"\n"); err != nil {
		return err
	}
	if other != nil {
		_, err := fmt.Fprintf(c.OutOrStdout(), "# %v\n", other)
		return err
	}
	if v != nil {
		return fmt.Errorf("%v", v)
	}
	return nil
}
