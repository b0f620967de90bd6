package explore

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"msdha/internal/fsm"
)

// ttl is T. Only its parts matter: a tick is one of Scope.Ticks of them.
const ttl = 10 * time.Second

// election is the etcd leader's election timeout: a new leader gives every
// lease so much on top of its TTL.
const election = time.Second

// Scope bounds what is explored.
type Scope struct {
	Nodes  int // backends, 1 to 4
	Fronts int // frontends, 0 or 1
	Ticks  int // of T, 2 to 5
	Cold   bool
	Budget budgets
	// Grace is G in ticks: the fence signal's distance from SIGKILL. 0 is what
	// the machines decide.
	Grace int
	// Pause is how many ticks a paused process may be late.
	Pause int
	// Kill is K in ticks.
	Kill int
	// Hook is how many ticks a master hook may take.
	Hook int
	// Lag is how many views may be behind when time moves on, each for as long
	// and by as much as it likes.
	Lag int
	// Eager is 1 if a frontend may learn of a write in the tick in which it is
	// made, 0 if it does from the next tick on.
	Eager int
	// Only is the one property that is looked for; empty for all.
	Only string
}

// Floor is the smallest scope with one of each fault.
func Floor() Scope {
	s := Scope{Nodes: 3, Fronts: 1, Ticks: 2, Pause: 1, Hook: 1}
	for _, f := range [...]fault{drops, pauses, crashes, leaders} {
		s.Budget[f] = 1
	}
	return s
}

// tick is a little more than its part of T, so that D, F, the wait, a lease and
// an election each end on a tick and none of them a whole tick late.
func (s *Scope) tick() time.Duration { return ttl/time.Duration(s.Ticks) + 10*time.Millisecond }

func (s *Scope) in(n int) time.Duration { return time.Duration(n) * s.tick() }

// ticks is how many ticks lie between now and an instant, rounded up; 0 for
// what is past.
func (s *Scope) ticks(now, at fsm.Instant) int64 {
	if at <= now {
		return 0
	}
	t := int64(s.tick())
	return (int64(at-now) + t - 1) / t
}

// scopeField is one word of a scope's line.
type scopeField struct {
	name   string
	at     *int
	lo, hi int
}

func (s *Scope) fields() []scopeField {
	return []scopeField{
		{"nodes", &s.Nodes, 1, maxNodes},
		{"fronts", &s.Fronts, 0, 1},
		{"ttl", &s.Ticks, 2, 5},
		{"grace", &s.Grace, 0, 100},
		{"pause", &s.Pause, 0, 100},
		{"kill", &s.Kill, 0, 100},
		{"hook", &s.Hook, 0, 10},
		{"lag", &s.Lag, 0, maxNodes + 1},
		{"eager", &s.Eager, 0, 1},
	}
}

// Head is the first word of a scope's line, by which a file is recognised.
const Head = "scope "

// String is the line that Parse reads.
func (s Scope) String() string {
	var b strings.Builder
	b.WriteString(strings.TrimSpace(Head))
	for _, f := range s.fields() {
		fmt.Fprintf(&b, " %s=%d", f.name, *f.at)
	}
	for f, n := range s.Budget {
		fmt.Fprintf(&b, " %s=%d", faultNames[f], n)
	}
	if s.Cold {
		b.WriteString(" cold")
	}
	if s.Only != "" {
		b.WriteString(" only=" + s.Only)
	}
	return b.String()
}

// ParseScope reads what String wrote. What is not named is as in Floor.
func ParseScope(line string) (Scope, error) {
	rest, ok := strings.CutPrefix(line+" ", Head)
	if !ok {
		return Scope{}, fmt.Errorf("a scope begins with %q, not with %q", Head, line)
	}
	s := Floor()
	for _, word := range strings.Fields(rest) {
		if word == "cold" {
			s.Cold = true
			continue
		}
		name, value, _ := strings.Cut(word, "=")
		if name == "only" {
			s.Only = value
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil {
			return s, fmt.Errorf("cannot read %q: want %s=NUMBER", word, name)
		}
		if err := s.Set(name, n); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Set changes one number of a scope by its name in the scope's line.
func (s *Scope) Set(name string, n int) error {
	for _, f := range s.fields() {
		if f.name != name {
			continue
		}
		if n < f.lo || n > f.hi {
			return fmt.Errorf("%s=%d: want %d to %d", name, n, f.lo, f.hi)
		}
		*f.at = n
		return nil
	}
	for i, f := range faultNames {
		if f != name {
			continue
		}
		if n < 0 || n > 9 {
			return fmt.Errorf("%s=%d: want 0 to 9", name, n)
		}
		s.Budget[i] = uint8(n)
		return nil
	}
	return fmt.Errorf("a scope has no %q", name)
}
