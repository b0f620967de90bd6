package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"msdha/chaos/rig"
)

// fault is one way to end a reign, and how often each system meets it.
type fault struct {
	name, title string
	runs        int
}

// faults in the order in which they are played, and of the tables.
var faults = []fault{
	{"kill", "container killed, stays down", 5},
	{"crash", "container dies, restart policy", 5},
	{"stop", "container stopped", 5},
	{"switchover", "switchover", 5},
	{"postmaster", "postmaster killed", 3},
	{"agent", "agent killed", 3},
	{"partition", "master disconnected", 3},
	{"pause", "container paused", 3},
}

// system is a configuration of what is measured.
type system struct {
	name, title string
	ttl         time.Duration
	period      time.Duration        // of its renewals: a fault's phase is drawn from it
	patroni     *rig.PatroniSettings // nil for ourselves
}

// systems in the order of their columns. Patroni's are its defaults with the HAProxy
// of its example, and the smallest settings of the baselines with HAProxy to match.
var systems = []system{
	{name: "msdha-t10", title: "msdha, T = 10", ttl: 10 * time.Second, period: 10 * time.Second / 3},
	{name: "msdha-t3", title: "msdha, T = 3", ttl: 3 * time.Second, period: time.Second},
	{
		name: "patroni-default", title: "Patroni, defaults", ttl: 30 * time.Second, period: 10 * time.Second,
		patroni: &rig.PatroniSettings{
			TTL: 30 * time.Second, LoopWait: 10 * time.Second, RetryTimeout: 10 * time.Second,
			Check: 3 * time.Second, Fall: 3, Rise: 2,
		},
	},
	{
		name: "patroni-smallest", title: "Patroni, smallest", ttl: 5 * time.Second, period: time.Second,
		patroni: &rig.PatroniSettings{
			TTL: 5 * time.Second, LoopWait: time.Second, RetryTimeout: 2 * time.Second,
			Check: time.Second, Fall: 2, Rise: 1,
		},
	},
}

// cell is one run that is wanted.
type cell struct {
	system system
	fault  fault
	run    int // 1 is the first
}

func (c cell) String() string { return fmt.Sprintf("%s %s %d", c.system.name, c.fault.name, c.run) }

// tries is how often one run may fail for a reason of the rig before it is left out.
const tries = 3

// plan is what is wanted: rounds of all faults, and within a fault every system in
// turn, so that a busy minute of the machine meets all of them. Who is first changes.
func plan(systems []system, faults []fault, atMost int) (all []cell) {
	rounds := 0
	for _, f := range faults {
		rounds = max(rounds, f.runs)
	}
	if atMost > 0 {
		rounds = min(rounds, atMost)
	}
	for round := range rounds {
		for i, f := range faults {
			for j := range systems {
				if s := systems[(round+i+j)%len(systems)]; round < f.runs {
					all = append(all, cell{s, f, round + 1})
				}
			}
		}
	}
	return all
}

// next is the first of the plan that is neither there nor has failed too often in
// this invocation.
func next(plan []cell, done []record, failed map[string]int) (cell, bool) {
	for _, c := range plan {
		have := slices.ContainsFunc(done, func(r record) bool { return r.is(c) && r.Failed == "" })
		if !have && failed[c.String()] < tries {
			return c, true
		}
	}
	return cell{}, false
}

// choose picks those that are named, all without names.
func choose[T any](all []T, name func(T) string, names string) (chosen []T, err error) {
	if names == "" {
		return all, nil
	}
	for _, n := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(x T) bool { return name(x) == n })
		if i < 0 {
			var known []string
			for _, x := range all {
				known = append(known, name(x))
			}
			return nil, fmt.Errorf("there is no %q: want some of %s, with commas", n, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
