//go:build mutants

package sim

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A shape narrows the drawn schedules to those in which a bug exists at all, or
// to the neighbourhood of a coincidence that takes too long to be drawn.

func largerFrontTTL(s *Schedule) { s.FrontTTL = 4 * s.TTL }

func smallTTL(s *Schedule) { s.TTL, s.FrontTTL = time.Second, time.Second }

// nearRead deletes _master within some milliseconds of the next read of a
// frontend whose clock may be slow: only there T(1−ρ) differs from T.
func nearRead(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Drift = 1000
	for n := range 4 {
		s.Faults = append(s.Faults, Fault{
			Kind: DeleteMaster, On: OnRenewal, Count: 2 + 3*n, Who: Who(s.Nodes),
			After: s.TTL/4 - 3*time.Millisecond + r.between(0, 12*time.Millisecond),
		})
	}
	s.Fronts = max(s.Fronts, 1)
}

// nearStory keeps to a story, its times shifted a little.
func nearStory(name string) func(*Schedule) {
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		panic(err)
	}
	head, _, _ := strings.Cut(string(text), StoryMark+"\n")
	return nearText(head)
}

// nearText keeps to a schedule, its times shifted a little.
func nearText(text string) func(*Schedule) {
	told, err := ParseSchedule(text)
	if err != nil {
		panic(err)
	}
	return func(s *Schedule) {
		r := stream(s.Seed, forSchedule, 9)
		c := told
		c.Seed, c.Faults = s.Seed, slices.Clone(told.Faults)
		for i := range c.Faults {
			f := &c.Faults[i]
			shift := max(f.After/100, 5*time.Millisecond)
			f.After = max(0, f.After+r.between(-shift, shift))
			f.Dur += r.between(-f.Dur/10, f.Dur/10)
		}
		*s = c
	}
}

// unnoticedReign: the second master reigns for milliseconds, while the watches
// of those who wait lag; then etcd compacts, and they list.
const unnoticedReign = `
group nodes=3 fronts=0 clients=0 ttl=10s calm
at 30s kill-all n1 for 10m
on vacancy 1 after 19s lag-watch n2 for 3s
on vacancy 1 after 19s lag-watch n3 for 3s
on claim 2 after 10ms delete-master master
on claim 2 after 200ms compact n1
on claim 2 after 220ms break-watch n2
on claim 2 after 220ms break-watch n3
run 100s`
