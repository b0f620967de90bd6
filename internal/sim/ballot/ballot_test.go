package ballot

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
)

func run(t *testing.T, words string, mistake Switch) *Result {
	t.Helper()
	s, err := ParseScope(words)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Explore(context.Background(), Options{Scope: s, Mistake: mistake})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// mustLose: the mistake loses an entry, and the story of it can be told.
func mustLose(t *testing.T, words string, mistake Switch) {
	t.Helper()
	r := run(t, words, mistake)
	if r.Story == "" {
		t.Fatalf("%d states, exhausted %v: nothing was lost", r.States, r.Exhausted)
	}
	if !strings.Contains(r.Story, "LOST: ") || strings.Contains(r.Story, "cannot be repeated") ||
		strings.Contains(r.Story, "%!") {
		t.Errorf("the story does not tell it:\n%s", r.Story)
	}
	t.Logf("%s: %d states, %d steps\n%s", words, r.States, strings.Count(r.Story, ". "), r.Story)
}

// mistakes says which scope finds what is wrong outside of the machines.
var mistakes = []struct {
	mistake Switch
	scope   string
}{
	{Timeline, "changes=0"},
	{AnyStar, "nodes=4 members=3 changes=0 reigns=2"},
	{GivenFirst, "members=2 reigns=2"},
	{PlainReverse, "reigns=2"},
	{EarlyClients, "changes=0"},
	{OldPosition, "changes=0"},
	{OwnName, "changes=0 reigns=2"},
	{DetachForgotten, "changes=0 reigns=2 away=1"},
	{HalfClone, "changes=0 reigns=2 away=1 entries=2"},
	{NoFlushWait, "reigns=2"},
}

func TestMistakesLose(t *testing.T) {
	if len(mistakes) != int(numSwitches)-1 {
		t.Errorf("%d of %d mistakes are tried", len(mistakes), numSwitches-1)
	}
	for _, c := range mistakes {
		t.Run(c.mistake.String(), func(t *testing.T) { mustLose(t, c.scope, c.mistake) })
	}
}

// TestNodesAreInterchangeable: what is written down of a state says all of it, but
// for the nodes' order.
func TestNodesAreInterchangeable(t *testing.T) {
	s, err := ParseScope("nodes=4 members=3 k=2 reigns=6 entries=2 changes=3 forces=1 promo=1 start=1 " +
		"away=1 old=1 cascade=1")
	if err != nil {
		t.Fatal(err)
	}
	m, err := newModel(s, OldPosition)
	if err != nil {
		t.Fatal(err)
	}
	x := newSearch(m, Options{Scope: s})
	draw := rand.New(rand.NewPCG(1, 2))
	root := m.root()
	at, _ := m.pack(&root)
	top := uint8(0)
	for range 20_000 {
		here := m.unpack(&at)
		top = max(top, here.top)
		order := draw.Perm(maxNodes)
		moved := here.moved(order)
		if again, _ := m.pack(&here); again != at {
			t.Fatalf("unpacked and packed it is another state:\n%s", m.describe(&here, identity))
		}
		if again, _ := m.pack(&moved); again != at {
			t.Fatalf("moved by %v it is another state:\n%s", order, m.describe(&here, identity))
		}
		x.seen.init()
		x.next, x.bad = x.next[:0], nil
		if m.successors(&here); len(x.next) == 0 {
			m.to.next = append(x.next, at) // the last reign is over
		}
		if at = x.next[draw.IntN(len(x.next))]; here.top == maxReigns && !here.held {
			at, _ = m.pack(&root)
		}
	}
	if top != maxReigns {
		t.Errorf("only %d of %d reigns were reached", top, maxReigns)
	}
}

// moved is the state with node i in the place order[i].
func (s *state) moved(order []int) state {
	mask := func(of uint8) (to uint8) {
		for i, place := range order {
			if of&bit(i) != 0 {
				to |= bit(place)
			}
		}
		return to
	}
	t := *s
	for i, place := range order {
		t.nodes[place] = s.nodes[i]
		t.nodes[place].names = mask(s.nodes[i].names)
	}
	c := &t.config
	c.members, c.next, c.anchor, t.last = mask(c.members), mask(c.next), mask(c.anchor), mask(t.last)
	return t
}

// TestStepsAllocateNothing: half of the time would go there.
func TestStepsAllocateNothing(t *testing.T) {
	s, err := ParseScope("changes=0 reigns=2")
	if err != nil {
		t.Fatal(err)
	}
	m, err := newModel(s, None)
	if err != nil {
		t.Fatal(err)
	}
	x := newSearch(m, Options{Scope: s})
	root := m.root()
	p, _ := m.pack(&root)
	all := []packed{p}
	for k := 0; k < len(all); k++ {
		here := m.unpack(&all[k])
		x.next = x.next[:0]
		m.successors(&here)
		all = append(all, x.next...)
	}
	again := func() {
		for k := range all {
			here := m.unpack(&all[k])
			m.successors(&here)
		}
	}
	if n := testing.AllocsPerRun(1, again); n > 0 || m.asked == 0 {
		t.Errorf("%d states took %v allocations, and asked the rule %d times", len(all), n, m.asked)
	}
}
