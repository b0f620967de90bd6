//go:build docker

// Package chaos breaks groups in containers and looks from outside at what that
// costs. README.md says how to run it and what came out.
package chaos

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"msdha/chaos/rig"
)

// tier says in which runs a scenario takes part: `make test` has the fast ones,
// `make chaos` all but the long ones, `make chaos-long` those.
type tier string

const (
	fast tier = "fast"
	full tier = "full"
	long tier = "long"
	// soaking is the random mix. self are attempts of the rig to see through groups
	// that are wrong on purpose; the long run has them, too.
	soaking tier = "soak"
	self    tier = "self"
)

// scenario is one way to hurt a group, on a cluster that was steady before. Each
// has a file of its own, which says what is promised and how that is seen.
type scenario struct {
	name string // of the fault in research/features.md (c), and what happens
	tier tier
	play func(*play)
	// options are for another cluster than the common one, shared by who has the same.
	options *rig.Options
	// beside: it takes so long that it runs on a cluster of its own beside all others.
	beside bool
	// mayLose says why acknowledged rows may be missing afterwards; empty where none
	// may.
	mayLose string
	// judge replaces what every other scenario is held to.
	judge func(*play)
	// prepare changes options before the cluster starts.
	prepare func(*testing.T, *rig.Options)
}

var (
	engine  *rig.Engine
	results *rig.Results
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if engine, err = rig.Connect(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "##### NO SCENARIO WAS RUN: %v #####\n", err)
		if os.Getenv("MSDHA_REQUIRE_DOCKER") == "1" {
			return 1
		}
		return 0
	}
	if err := engine.Sweep(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	results = rig.NewResults(os.Getenv("MSDHA_CHAOS_RESULTS"))
	ended := make(chan int, 1)
	go func() { ended <- m.Run() }()
	var code int
	select {
	case code = <-ended:
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "\nchaos: interrupted; removing containers, networks and volumes")
		code = 130
	}
	// A second Ctrl-C finds the default behaviour: it ends this at once.
	stop()
	if err := engine.Sweep(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// TestChaos plays the scenarios of the chosen tier, one after another, on one
// cluster as long as that stays whole.
func TestChaos(t *testing.T) {
	chosen := tier(cmp.Or(os.Getenv("MSDHA_CHAOS"), string(fast)))
	pattern := os.Getenv("MSDHA_CHAOS_ONLY") // names or parts of names, separated by commas
	var common, apart []scenario
	for _, s := range scenarios {
		if !selected(&s, chosen, pattern) {
			continue
		}
		if s.beside {
			apart = append(apart, s)
		} else {
			common = append(common, s)
		}
	}
	if len(common)+len(apart) == 0 {
		t.Fatalf("MSDHA_CHAOS=%s, MSDHA_CHAOS_ONLY=%s: no scenario is that", chosen, pattern)
	}
	fmt.Print(selection(slices.Concat(common, apart), chosen, pattern))
	begin := time.Now()
	t.Run("all", func(t *testing.T) {
		for _, s := range apart {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				l := lane{name: "beside"}
				defer l.close(t)
				l.play(t, &s)
			})
		}
		t.Run("one", func(t *testing.T) {
			t.Parallel()
			l := lane{name: "common"}
			defer l.close(t)
			for _, s := range common {
				t.Run(s.name, func(t *testing.T) { l.play(t, &s) })
			}
		})
	})
	if err := results.Print(os.Stdout, time.Since(begin)); err != nil {
		t.Error(err)
	}
}

func selected(s *scenario, chosen tier, pattern string) bool {
	if pattern == "" {
		return s.tier == chosen || chosen == full && s.tier == fast || chosen == long && s.tier == self
	}
	for _, p := range strings.Split(pattern, ",") {
		if strings.Contains(s.name, p) {
			return true
		}
	}
	return false
}

// selection says what is played, and what is not: a scenario that was left out
// must never look like one that passed.
func selection(played []scenario, chosen tier, pattern string) string {
	what := cmp.Or(pattern, string(chosen))
	text := fmt.Sprintf("chaos: %d of %d scenarios (%s)\n", len(played), len(scenarios), what)
	left := map[tier][]string{}
	for _, s := range scenarios {
		if !slices.ContainsFunc(played, func(p scenario) bool { return p.name == s.name }) {
			left[s.tier] = append(left[s.tier], s.name)
		}
	}
	for _, at := range []struct{ tier, command string }{
		{string(fast), "make chaos"},
		{string(full), "make chaos"},
		{string(long), "make chaos-long"},
		{string(self), "make chaos-long"},
		{string(soaking), "make chaos-soak"},
	} {
		if names := left[tier(at.tier)]; len(names) > 0 {
			text += fmt.Sprintf("chaos: left out, in %s: %s\n", at.command, strings.Join(names, " "))
		}
	}
	return text
}

// lane plays scenarios one after another. Its cluster serves the next one with
// the same options, as long as none has failed on it.
type lane struct {
	name    string
	cluster *rig.Cluster
	options *rig.Options
	count   int
}

func (l *lane) play(t *testing.T, s *scenario) {
	if s.options != l.options {
		l.close(t)
	}
	if l.cluster == nil {
		l.open(t, s)
	}
	p := &play{Cluster: l.cluster, t: t, ctx: t.Context(), name: s.name}
	p.result.Scenario, p.result.TTL = s.name, l.cluster.Opts.TTL
	p.mayLose = s.mayLose
	defer func() {
		p.result.Failed = t.Failed()
		if s.judge == nil || t.Failed() {
			results.Add(p.result)
		}
		if t.Failed() || os.Getenv("MSDHA_CHAOS_KEEP") == "1" {
			dir, err := l.cluster.Keep(context.Background())
			t.Logf("logs and recordings are in %s (%v)", dir, err)
		}
		if t.Failed() {
			l.close(t)
		}
	}()
	p.begin()
	s.play(p)
	if s.judge != nil {
		s.judge(p)
		return
	}
	p.judge()
}

func (l *lane) open(t *testing.T, s *scenario) {
	opts := rig.Options{}
	if s.options != nil {
		opts = *s.options
	}
	if s.prepare != nil {
		s.prepare(t, &opts)
	}
	l.count++
	opts.Name, opts.Out = fmt.Sprintf("%s%d", l.name, l.count), os.Stdout
	c, err := rig.Start(t.Context(), engine, opts)
	if err != nil {
		t.Fatal(err)
	}
	l.cluster, l.options = c, s.options
}

func (l *lane) close(t *testing.T) {
	if l.cluster == nil {
		return
	}
	if err := l.cluster.Close(context.Background()); err != nil {
		t.Error(err)
	}
	l.cluster = nil
}
