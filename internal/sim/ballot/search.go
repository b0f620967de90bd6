package ballot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Options bound a search.
type Options struct {
	Scope   Scope
	Mistake Switch
	// States is how many states to visit at most; 0 for any number.
	States int
	// Progress, if any, is told after each level.
	Progress func(*Result)
	// Now is the wall clock by which the speed is measured, if it is.
	Now func() time.Time
}

// Result is what a search has found.
type Result struct {
	Scope                Scope
	States, Steps, Depth int
	Asked                int // how often the claim rule was
	Widest               int
	// Exhausted: every state that the scope allows was seen.
	Exhausted bool
	Wall      time.Duration
	// Story is how an acknowledged entry was lost; empty if none ever was.
	Story string
	// Happened counts the actions by name, Reigns those that were promoted by their
	// place, Obligated the promotions that had something acknowledged to keep.
	Happened  map[string]int
	Reigns    []int
	Obligated int
}

// search is breadth first, so that what it finds has as few steps as possible.
type search struct {
	x     *model
	o     Options
	seen  table
	from  []uint32
	how   []uint16
	next  []packed
	r     Result
	count [numKinds]int
	here  uint32  // whose successors are made
	bad   *uint16 // the action after it by which something was lost
	again replay
}

// replay looks for one action again.
type replay struct {
	on, found bool
	code      uint16
	after     state
}

// Explore visits every state that the scope allows, up to the first loss. It ends
// early when the context does.
func Explore(ctx context.Context, o Options) (*Result, error) {
	m, err := newModel(o.Scope, o.Mistake)
	if err != nil {
		return nil, err
	}
	x := newSearch(m, o)
	began := x.now()
	root := m.root()
	m.normalise(&root)
	p, _ := m.pack(&root)
	x.seen.add(p.fingerprint())
	x.from, x.how = append(x.from, 0), append(x.how, 0)
	level, first := []packed{p}, uint32(0)
	for len(level) > 0 && (o.States == 0 || len(x.from) < o.States) && x.expand(ctx, first, level) {
		first += uint32(len(level))
		level, x.next = x.next, level[:0]
		x.r.Depth++
		x.r.States, x.r.Wall = len(x.from), x.now().Sub(began)
		if o.Progress != nil {
			o.Progress(&x.r)
		}
	}
	x.r.States, x.r.Wall, x.r.Asked = len(x.from), x.now().Sub(began), m.asked
	x.r.Exhausted = len(level) == 0
	for k, n := range x.count {
		x.r.Happened[kindNames[k]] = n
	}
	if x.bad != nil {
		x.r.Story = x.tell(root)
	}
	return &x.r, nil
}

func newSearch(m *model, o Options) *search {
	x := &search{x: m, o: o, r: Result{Scope: o.Scope, Reigns: make([]int, o.Scope.Reigns+1)}}
	x.r.Happened = map[string]int{}
	x.seen.init()
	m.to = x
	return x
}

// expand makes the next level; false if it was told to end, or found a loss.
func (x *search) expand(ctx context.Context, first uint32, level []packed) bool {
	const often = 1 << 12
	x.r.Widest = max(x.r.Widest, len(level))
	for k := range level {
		if k%often == 0 && ctx.Err() != nil {
			return false
		}
		s := x.x.unpack(&level[k])
		x.here = first + uint32(k)
		if x.x.successors(&s); x.bad != nil {
			return false
		}
	}
	return true
}

func (x *search) now() time.Time {
	if x.o.Now == nil {
		return time.Time{}
	}
	return x.o.Now()
}

// visit takes a successor in.
func (x *search) visit(a action, t *state) {
	switch r := &x.again; {
	case r.on && !r.found && a.code() == r.code:
		r.found, r.after = true, *t
		return
	case x.bad != nil:
		return
	}
	x.r.Steps++
	x.count[a.kind]++
	x.measure(a, t)
	if _, lost := x.x.lost(t); lost {
		code := a.code()
		x.bad = &code
		return
	}
	p, _ := x.x.pack(t)
	if x.seen.add(p.fingerprint()) {
		x.from, x.how = append(x.from, x.here), append(x.how, a.code())
		x.next = append(x.next, p)
	}
}

func (x *search) measure(a action, t *state) {
	if a.kind != claims {
		return
	}
	x.r.Reigns[t.top]++
	for r := uint8(1); r < t.top; r++ {
		if t.reigns[r].acked > 0 {
			x.r.Obligated++
			return
		}
	}
}

// tell replays the way to the loss from the beginning. Nodes change places when a
// state is packed, so their names are carried along.
func (x *search) tell(root state) string {
	course := []uint16{*x.bad}
	for n := x.here; n != 0; n = x.from[n] {
		course = append(course, x.how[n])
	}
	slices.Reverse(course)
	var b strings.Builder
	p, order := x.x.pack(&root)
	fmt.Fprintf(&b, "%v, mistake: %v\n%s", x.o.Scope, x.o.Mistake, x.x.describe(&root, identity))
	names := order
	for k, code := range course {
		s := x.x.unpack(&p)
		x.again = replay{on: true, code: code}
		if x.x.successors(&s); !x.again.found {
			return fmt.Sprintf("%sstep %d cannot be repeated\n", &b, k+1)
		}
		after := x.again.after
		fmt.Fprintf(&b, "%2d. %s\n", k+1, x.x.sentence(&s, actionOf(code), names))
		if k == len(course)-1 || k%4 == 3 {
			b.WriteString(x.x.describe(&after, names))
		}
		if want, lost := x.x.lost(&after); lost {
			fmt.Fprintf(&b, "LOST: record %d of epoch %d was acknowledged; the master of epoch %d has not got it\n",
				want.n, number(want.reign), number(after.top))
		}
		p, order = x.x.pack(&after)
		was := names
		for at, i := range order {
			names[at] = was[i]
		}
	}
	return b.String()
}
