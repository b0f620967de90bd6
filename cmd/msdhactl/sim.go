package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/sim"
)

// simOptions is what `msdhactl sim` is asked for.
type simOptions struct {
	seed     uint64
	from     int
	episodes int // 0: no limit
	years    float64
	duration time.Duration
	workers  int
	json     string // file
	schedule string // file
	story    string // name or file
	stories  bool   // list them
	save     string // file for the schedule of a violation
	beyond   string // name of a regime, or all
	all      bool   // the trace shows every step
}

// Of a run for which no limit is asked.
const defaultEpisodes = 2000

func newSim() *cobra.Command {
	var o simOptions
	c := &cobra.Command{
		Use:   "sim",
		Short: "Simulate groups under faults and look for what must never happen",
		Long: "sim runs the state machines that production runs in simulated groups, over a model of etcd,\n" +
			"networks, clocks, processes and clients, and breaks them: crashes, partitions, pauses, slow and\n" +
			"failing hooks, lost watches, keys deleted by hand. What must always be true is checked at\n" +
			"every step (the properties of docs/SAFETY.md).\n\n" +
			"A run goes on until the first of its limits: --episodes, --cluster-years, --duration, or Ctrl-C,\n" +
			"and then says what was done. All that it finds depends on the seed and the number of episodes,\n" +
			"whatever ended it, on any machine and with any number of workers. One episode in 20 is run\n" +
			"twice, which must give the same trajectory.\n\n" +
			"If something was violated, the first schedule that shows it is made as simple as possible and\n" +
			"printed, with the number of its episode: --seed S --from E --episodes 1 runs that one again,\n" +
			"--schedule replays a schedule. Some faults and situations must occur now and then: a run of\n" +
			fmt.Sprintf("%d episodes or more in which one of them never did has failed, too.\n\n", sim.Enough) +
			"Each property holds under assumptions: clocks drift by at most 0.1 %, pauses are short, etcd is\n" +
			"linearizable … What breaks in worlds without one of them, and only that, --beyond shows.\n\n" +
			"--story tells a story: an episode that somebody has read, with what it shows. Its trace must be\n" +
			"the one in its file.\n\n" +
			"Exit codes: 0 nothing was violated, 1 something was, or never happened, or a story has another\n" +
			"trace, 78 wrong flag, schedule or story, 130 ended by SIGINT or SIGTERM, nothing being wrong\n" +
			"until then.",
		Example: "  msdhactl sim --seed 1 --episodes 2000\n" +
			"  msdhactl sim --cluster-years 1\n" +
			"  msdhactl sim --duration 10m --json figures.json\n" +
			"  msdhactl sim --story f03-container-killed\n" +
			"  msdhactl sim --schedule internal/sim/testdata/f03-container-killed.txt",
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return o.run(c)
		},
	}
	o.flags(c)
	return c
}

func (o *simOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.Uint64Var(&o.seed, "seed", 1, "where all randomness comes from")
	f.IntVar(&o.from, "from", 0, "the number of the first episode")
	f.IntVar(&o.episodes, "episodes", 0, fmt.Sprintf(
		"how many schedules of faults to run (default %d, if there is no other limit)", defaultEpisodes))
	f.Float64Var(&o.years, "cluster-years", 0, "how much time of how many groups to simulate, in years")
	f.DurationVar(&o.duration, "duration", 0, "how long to run, such as 90s or 10m")
	f.IntVar(&o.workers, "workers", 0, "how many to run at the same time (default: one a core)")
	f.StringVar(&o.json, "json", "", "write the figures to this file, - for standard output")
	f.StringVar(&o.schedule, "schedule", "",
		"replay the schedule in this file, - for standard input, and print the trace")
	f.StringVar(&o.story, "story", "",
		"tell the story of that name, or in that file, - for standard input, and compare its trace")
	f.BoolVar(&o.stories, "stories", false, "list the stories")
	f.StringVar(&o.save, "save", "", "write the schedule of a violation to this file, too")
	f.StringVar(&o.beyond, "beyond", "",
		"show what breaks in the world of that name, in which an assumption does not hold, or in all")
	f.BoolVar(&o.all, "all", false, "with --schedule: every step of every machine, not only what changes something")
}

func (o *simOptions) run(c *cobra.Command) error {
	if err := o.check(c); err != nil {
		return usage(c, err)
	}
	switch {
	case o.schedule != "":
		return o.replay(c)
	case o.story != "":
		return o.tell(c)
	case o.stories:
		return listStories(c)
	case o.beyond != "":
		return o.goBeyond(c)
	}
	return o.simulate(c)
}

// check refuses flags that do not go together, or say nothing.
func (o *simOptions) check(c *cobra.Command) error {
	flags := c.Flags()
	mode := ""
	for _, name := range []string{"schedule", "story", "stories", "beyond"} {
		switch {
		case !flags.Changed(name):
		case mode != "":
			return fmt.Errorf("--%s does not go with --%s", name, mode)
		case flags.Lookup(name).Value.String() == "":
			return fmt.Errorf("--%s is empty", name)
		default:
			mode = name
		}
	}
	if mode != "" {
		for _, name := range []string{"seed", "from", "episodes", "cluster-years", "duration", "workers", "save"} {
			if flags.Changed(name) && !(mode == "beyond" && (name == "seed" || name == "episodes")) {
				return fmt.Errorf("--%s has no part in --%s", name, mode)
			}
		}
	}
	switch {
	case o.all && mode != "schedule":
		return fmt.Errorf("--all goes with --schedule")
	case o.json != "" && mode != "" && mode != "schedule":
		return fmt.Errorf("--json has no part in --%s", mode)
	case o.from < 0:
		return fmt.Errorf("--from %d: want 0 or more", o.from)
	case flags.Changed("episodes") && o.episodes < 1:
		return fmt.Errorf("--episodes %d: want 1 or more", o.episodes)
	case flags.Changed("cluster-years") && !(o.years > 0 && o.years <= mostYears):
		return fmt.Errorf("--cluster-years %v: want more than 0, and at most %d", o.years, mostYears)
	case flags.Changed("duration") && o.duration <= 0:
		return fmt.Errorf("--duration %v: want more than 0", o.duration)
	case o.workers < 0:
		return fmt.Errorf("--workers %d: want 1 or more, or 0 for one a core", o.workers)
	}
	return nil
}

// mostYears is what simulated time has room for.
const mostYears = 100_000
