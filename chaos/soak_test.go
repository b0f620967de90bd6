//go:build docker

package chaos

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"msdha/chaos/plan"
	"msdha/chaos/rig"
)

// Fault: everything, drawn from a seed (MSDHA_CHAOS_SEED), for some minutes
// (MSDHA_CHAOS_MINUTES), in rounds of about one: several at once, again while
// the last one heals, whoever it meets.
//
// Promise: never two masters. After each round, with all faults over, etcd there
// and a node ready, a master within T + 0.5 s + 2T and its hooks (SPEC L1), and
// both frontends lead to it (SPEC L3).
//
// Evidence: as everywhere, after each round; the rows are looked up each time. A
// soak in which too few faults were possible has shown nothing, and fails.
// The draws are the same for a seed; whom they meet depends on who is master then.
var soak = scenario{
	name: "f35-soak", tier: soaking,
	options: &rig.Options{Quiet: true}, // rows of 20 minutes have to fit into the volumes
	play: func(p *play) {
		s := &soaker{play: p, seed: number("MSDHA_CHAOS_SEED", 1)}
		minutes := number("MSDHA_CHAOS_MINUTES", 5)
		p.strike("%d minutes of seed %d", minutes, s.seed)
		defer s.explain(minutes)
		for _, k := range plan.Kinds {
			if actions[k.Name] == nil {
				p.t.Fatalf("nobody knows how to %s", k.Name)
			}
		}
		for n := 0; time.Since(p.struck) < time.Duration(minutes)*time.Minute; n++ {
			s.round(n)
		}
		p.Say("%d faults in %s; %d were impossible when they were due",
			s.struck, time.Since(p.struck).Round(time.Second), s.skipped)
		p.must(plan.Enough(s.struck, s.skipped))
		p.old = p.Observer.Master() // of all the outages only the longest is told
	},
}

// number reads a variable.
func number(name string, otherwise uint64) uint64 {
	text := cmp.Or(os.Getenv(name), strconv.FormatUint(otherwise, 10))
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		panic(fmt.Sprintf("%s=%s: want a whole number", name, text))
	}
	return n
}

// soaker hurts one cluster for a long time.
type soaker struct {
	*play
	seed    uint64
	wounds  []*wound
	struck  int
	skipped int
	told    []string // every line of the plan so far, and what became of it
	located time.Time
}

// wound is a fault that is not over.
type wound struct {
	text  string
	of    []*rig.Member
	until time.Time
	heal  func() error
	// slow is what takes its time to begin: closed when it has begun.
	slow chan struct{}
	// rules are filtered for; they vanish when the container is restarted with
	// another first process, and are put in place again.
	rules []rig.Rule
	pid   int
}

// round plays one: faults, healing, judgement.
func (s *soaker) round(n int) {
	s.Heading(fmt.Sprintf("round %d of seed %d", n, s.seed))
	begin := time.Now()
	faults := plan.Draw(s.seed, n, s.Opts.TTL)
	for i := range faults {
		s.advance(begin.Add(faults[i].At))
		s.meet(n, &faults[i])
	}
	for len(s.wounds) > 0 {
		s.advance(s.wounds[0].until)
	}
	s.recovered(n)
}

// meet lets a fault meet whoever is in its role now.
func (s *soaker) meet(n int, f *plan.Fault) {
	w := &wound{text: fmt.Sprintf("%2d.%s", n, f)}
	victims, err := s.victims(f)
	if err == nil {
		w.of = victims
		w.heal, err = actions[f.Kind](s, f, w)
	}
	names := ""
	for _, m := range w.of { // there may be more by now
		names += " " + m.Name
	}
	switch {
	case err != nil && (errors.Is(err, errImpossible) || s.gone(victims)):
		s.skipped++
		s.tell("%s: impossible now:%s %v", w.text, names, err)
		return
	case err != nil:
		s.tell("%s:%s failed", w.text, names)
		s.t.Fatal(err)
	}
	s.struck++
	s.tell("%s:%s", w.text, names)
	if w.heal != nil {
		w.until = time.Now().Add(f.Lasts)
		s.hold(w)
	}
}

// hold keeps a wound, in the order in which they end.
func (s *soaker) hold(w *wound) {
	s.wounds = append(s.wounds, w)
	slices.SortStableFunc(s.wounds, func(a, b *wound) int { return a.until.Compare(b.until) })
}

// begun says whether it has begun.
func (w *wound) begun() bool {
	if w.slow == nil {
		return true
	}
	select {
	case <-w.slow:
		return true
	default:
		return false
	}
}

// tell prints a line and keeps it for whoever wants to know how it came to that.
func (s *soaker) tell(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	s.Say("%s", line)
	s.told = append(s.told, fmt.Sprintf("%7.1f s %s", time.Since(s.play.struck).Seconds(), line))
}

// lookPace is how often what is under way is looked after.
const lookPace = 100 * time.Millisecond

// advance lets time pass, and ends what is due.
func (s *soaker) advance(to time.Time) {
	for {
		now := time.Now()
		for len(s.wounds) > 0 && !s.wounds[0].until.After(now) {
			w := s.wounds[0]
			s.wounds = s.wounds[1:]
			if !w.begun() {
				w.until = now.Add(lookPace)
				s.hold(w)
				continue
			}
			if err := w.heal(); err != nil {
				s.t.Fatalf("cannot end %s: %v", w.text, err)
			}
		}
		if !to.After(now) {
			return
		}
		s.lookAfter()
		s.pass(min(lookPace, time.Until(to)))
	}
}

// lookAfter puts filters in place again, and learns addresses.
func (s *soaker) lookAfter() {
	for _, w := range s.wounds {
		if w.rules == nil {
			continue
		}
		state, err := w.of[0].State(s.ctx)
		s.must(err)
		// It may end at this very moment; then there is a next time.
		if state.Pid != 0 && state.Pid != w.pid && w.of[0].Filter(s.ctx, w.rules...) == nil {
			w.pid = state.Pid
		}
	}
	if time.Since(s.located) > time.Second {
		s.must(s.Locate(s.ctx))
		s.located = time.Now()
	}
}

// recovered holds the group to its promises once nothing is wrong any more.
func (s *soaker) recovered(n int) {
	healed := time.Now()
	s.await("etcd to answer", func() bool {
		return s.EtcdAnswers(s.ctx) == nil
	})
	s.await("a node to be ready", func() bool {
		return slices.ContainsFunc(s.Nodes, func(m *rig.Member) bool {
			state := s.Observer.State(m.Name)
			return state == "ready" || state == "master"
		})
	})
	able := time.Now()
	s.await("a master", func() bool { return !s.Observer.Master().Published.IsZero() })
	m := s.Observer.Master()
	s.within("a master is published", m.Published.Sub(able), 3*s.Opts.TTL+expiry+m.Published.Sub(m.Claimed))
	s.must(s.Locate(s.ctx))
	s.healed()
	// A frontend that is cut off while the master restarts may lead to it for T, when
	// it is a standby already (SPEC E12), which takes no writes, but answers reads.
	s.reg.StaleStandbys = true
	v, err := s.Judge(s.ctx, s.reg)
	s.must(err)
	// Each round has a history of its own: one of twenty minutes takes long to check.
	s.reg, err = s.StartRegister(s.ctx, s.seed<<16+uint64(n))
	s.must(err)
	s.t.Cleanup(s.reg.Stop)
	s.tell("%2d. steady %.1f s after the last fault (able after %.1f s); epoch %d; "+
		"%d rows acknowledged, lost %d, two masters %d; register %s; %d steps replayed",
		n, time.Since(healed).Seconds(), able.Sub(healed).Seconds(), m.Epoch,
		v.Acked, v.Lost, v.TwoMasters, v.Registers, v.Steps)
	if v.TwoMasters > 0 || v.Lost > 0 || !v.Sound {
		s.t.Fatalf("round %d: two masters %d, lost %d, register %s: %s",
			n, v.TwoMasters, v.Lost, v.Registers, v.Detail)
	}
}

func (s *soaker) await(what string, is func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(settleLimit)
	for !is() {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain for %s, %v", what, settleLimit)
		}
		s.lookAfter()
		s.pass(lookPace)
	}
}

// explain says how a failure came about, and how to see it again.
func (s *soaker) explain(minutes uint64) {
	if !s.t.Failed() {
		return
	}
	fmt.Printf("\nthe faults of seed %d so far:\n", s.seed)
	for _, line := range s.told {
		fmt.Println(line)
	}
	fmt.Printf("again: make chaos-soak MINUTES=%d SEED=%d\n", minutes, s.seed)
}
