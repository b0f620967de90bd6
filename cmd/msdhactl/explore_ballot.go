package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/sim/ballot"
)

const ballotHelp = "--ballot explores something else: finals, member lists and logs, without time, and whether an\n" +
	"acknowledged entry is ever missing from the master. Its smallest scope is\n\n" +
	"  "

const ballotFields = "\n\n" +
	"  nodes members k how many there are, how many of them are in the list, how many a write waits for\n" +
	"  reigns entries  how many there may be, and how many entries a master writes\n" +
	"  changes forces  changes of the list, promotions with accepted loss (0 or 1)\n" +
	"  promo weight    length of the record that a promotion writes, and of any other\n" +
	"  start           0: a master; 1: data on one node; 2: a master that was just given a list\n" +
	"  away old cascade 1: nodes may be gone for long; finals of older vacancies stay;\n" +
	"                  a standby goes on with a host that is master no longer\n\n"

// ballots is `msdhactl explore --ballot`.
func (o *exploreOptions) ballots(c *cobra.Command) error {
	scope, err := ballot.ParseScope(o.scope)
	if err != nil {
		return usage(c, err)
	}
	if o.boundary || o.plain || o.workers != 0 {
		return usage(c, fmt.Errorf("--boundary, --plain and --workers say nothing with --ballot"))
	}
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	out := c.OutOrStdout()
	fmt.Fprintf(out, "%v\n%9s %12s %12s %8s\n", scope, "depth", "states", "steps", "MiB")
	full := false
	last := time.Time{}
	show := func(r *ballot.Result, used int) {
		fmt.Fprintf(out, "%9d %12s %12s %8d\n", r.Depth, grouped(uint64(r.States)), grouped(uint64(r.Steps)), used)
	}
	r, err := ballot.Explore(ctx, ballot.Options{
		Scope: scope, States: o.states, Now: time.Now,
		Progress: func(r *ballot.Result) {
			used := inUse()
			if o.memory > 0 && used > o.memory {
				full = true
				stop()
			}
			if time.Since(last) > time.Second {
				last = time.Now()
				show(r, used)
			}
		},
	})
	if err != nil {
		return err
	}
	show(r, inUse())
	return o.concludeBallots(c, r, full)
}

func (o *exploreOptions) concludeBallots(c *cobra.Command, r *ballot.Result, full bool) error {
	out := c.OutOrStdout()
	fmt.Fprintf(out, "%s states, depth %d, widest level %s, %.1f s\n",
		grouped(uint64(r.States)), r.Depth, grouped(uint64(r.Widest)), r.Wall.Seconds())
	switch {
	case r.Story != "":
		fmt.Fprintf(out, "\n%s", r.Story)
		if o.save != "" {
			if err := os.WriteFile(o.save, []byte(r.Story), 0o666); err != nil {
				return err
			}
		}
		return fmt.Errorf("an acknowledged entry is lost")
	case r.Exhausted:
		fmt.Fprintln(out, "every state was seen, and nothing was lost")
		return nil
	case full || o.states > 0 && r.States >= o.states:
		fmt.Fprintln(out, "not every state was seen: the bound was reached; nothing was lost")
		return nil
	}
	return &failure{exitInterrupted, fmt.Errorf(
		"interrupted after %s states, in none of which anything was lost", grouped(uint64(r.States)))}
}
