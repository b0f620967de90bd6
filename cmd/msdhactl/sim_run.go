package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/sim"
)

// exitInterrupted is that of a run which a signal has ended: 128 + SIGINT.
const exitInterrupted = 130

// simulate runs episodes until the first limit, or until it is interrupted.
func (o *simOptions) simulate(c *cobra.Command) error {
	parent := c.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx := parent
	if o.duration > 0 {
		timed, cancel := context.WithTimeout(parent, o.duration)
		defer cancel()
		ctx = timed
	}
	if o.episodes == 0 && o.years == 0 && o.duration == 0 {
		o.episodes = defaultEpisodes
	}
	p := newProgress(c.ErrOrStderr(), o)
	s := sim.Simulate(ctx, sim.Options{
		Seed: o.seed, From: o.from, Episodes: o.episodes, Simulated: o.span(), Enough: sim.Enough,
		Workers: o.workers, Progress: p.show, Now: time.Now,
	})
	p.clear()
	return o.conclude(c, s, parent.Err() != nil)
}

func (o *simOptions) span() sim.Span { return sim.Span(o.years * float64(sim.Year)) }

// conclude prints what a run found, and fails if it should not have.
func (o *simOptions) conclude(c *cobra.Command, s *sim.Summary, interrupted bool) error {
	f := newFigures(s)
	f.Interrupted = interrupted
	if err := o.print(c, f); err != nil {
		return err
	}
	if s.First != nil && o.json != "-" {
		_, err := fmt.Fprintf(c.OutOrStdout(), "\n# %v\n# again: msdhactl sim --seed %d --from %d --episodes 1\n%v",
			s.First.Violations[0], s.Seed, s.FirstEpisode, s.First.Schedule)
		if err != nil {
			return err
		}
	}
	if s.First != nil && o.save != "" {
		text := fmt.Sprintf("# %v\n%v", s.First.Violations[0], s.First.Schedule)
		if err := os.WriteFile(o.save, []byte(text), 0o666); err != nil {
			return err
		}
	}
	switch {
	case s.Violations > 0:
		return fmt.Errorf("%d violations; replay the schedule with msdhactl sim --schedule FILE", s.Violations)
	case len(s.Missing) > 0:
		return fmt.Errorf("in %d episodes there never was: %s", s.Stats.Episodes, strings.Join(s.Missing, ", "))
	case interrupted:
		return &failure{exitInterrupted, fmt.Errorf(
			"interrupted after %d episodes; nothing was violated until then", s.Stats.Episodes)}
	}
	return nil
}
