package explore

import (
	"context"
	"time"
)

// Options bound a search.
type Options struct {
	Scope Scope
	// States is how many states to keep at most; 0 for any number.
	States int
	// Plain does not merge states that differ in nodes' names only.
	Plain bool
	// Progress, if any, is told after each level and now and then between.
	Progress func(*Result)
	// Now is the wall clock by which the speed is measured, if it is.
	Now func() time.Time
}

// Result is what a search has found so far.
type Result struct {
	Scope Scope
	// States were found, Expanded of them have all their successors among them.
	States, Expanded int
	// Steps is how many successors were made.
	Steps    int
	Depth    int
	Frontier int // states of the present level
	Widest   int // … of the widest
	// Exhausted: every state that the scope allows was seen.
	Exhausted bool
	Wall      time.Duration
	// Violation is the first that was found, at the least depth; nil if none was.
	Violation *Violation
	Story     string // of the violation
}

// Rate is how many states were found in a second.
func (r *Result) Rate() float64 { return float64(r.States) / max(r.Wall.Seconds(), 1e-9) }

// search is a breadth-first search. Only the states of the present level and
// the next are kept; of all others the fingerprint, the state that each was
// found from, and how.
type search struct {
	o     Options
	b     *builder
	canon canon
	seen  table
	edges []edge
	level []*state // numbers first..
	first int
	next  []*state
	spare []*state
	acts  []action
	began time.Time
	r     Result
}

// edge is how a state was found.
type edge struct {
	from uint32
	code uint64
}

// Explore visits every state that the scope allows, up to the first violation.
// It ends early when the context does.
func Explore(ctx context.Context, o Options) (*Result, error) {
	x := &search{o: o, b: newBuilder(o.Scope)}
	x.r.Scope = o.Scope
	x.canon = canon{scope: &x.b.scope, plain: o.Plain}
	x.began = x.now()
	root, err := x.b.root()
	if err != nil {
		return nil, err
	}
	x.seen.init()
	x.seen.add(x.canon.fingerprint(root))
	x.edges = append(x.edges, edge{})
	x.level = append(x.level, root)
	for len(x.level) > 0 && x.r.Violation == nil {
		if !x.expandLevel(ctx) {
			break
		}
	}
	x.measure()
	x.r.Exhausted = x.r.Violation == nil && len(x.level) == 0
	return &x.r, nil
}

func (x *search) now() time.Time {
	if x.o.Now == nil {
		return time.Time{}
	}
	return x.o.Now()
}

func (x *search) measure() {
	x.r.States, x.r.Frontier = len(x.edges), len(x.level)
	x.r.Wall = x.now().Sub(x.began)
}

// expandLevel makes the next level; false if it was told to end.
func (x *search) expandLevel(ctx context.Context) bool {
	x.r.Widest = max(x.r.Widest, len(x.level))
	for k, s := range x.level {
		if k%4096 == 0 {
			if ctx.Err() != nil || x.o.States > 0 && len(x.edges) > x.o.States {
				return false
			}
			x.progress()
		}
		x.expand(uint32(x.first+k), s)
		if x.r.Violation != nil {
			return false
		}
		x.level[k] = nil // what only this state holds may go
	}
	x.first += len(x.level)
	x.level, x.next = x.next, x.level[:0]
	x.r.Depth++
	return true
}

func (x *search) progress() {
	x.measure()
	if x.o.Progress != nil {
		x.o.Progress(&x.r)
	}
}

// expand makes the successors of one state.
func (x *search) expand(number uint32, s *state) {
	b := x.b
	x.acts = b.enabled(s, x.acts[:0])
	moved := false // something other than a fault leads elsewhere
	for _, a := range x.acts {
		for b.choices.start(); ; {
			into := x.state()
			b.apply(s, a, into)
			a.way = b.choices.code()
			x.r.Steps++
			if b.bad != nil {
				x.found(number, a)
				return
			}
			f := x.canon.fingerprint(into)
			if costs[a.kind] == numFaults && into.budget == s.budget {
				moved = moved || !x.seen.is(f, number)
			}
			if x.seen.add(f) {
				x.edges = append(x.edges, edge{number, a.code()})
				x.next = append(x.next, into)
			} else {
				b.drop()
				x.spare = append(x.spare, into)
			}
			if !b.choices.again() {
				break
			}
		}
	}
	x.r.Expanded++
	if !moved {
		if v := b.stuck(s); v != nil {
			x.b.bad = v
			x.found(number, action{kind: numKinds})
		}
	}
}

func (x *search) state() *state {
	if n := len(x.spare); n > 0 {
		s := x.spare[n-1]
		x.spare = x.spare[:n-1]
		return s
	}
	return new(state)
}

// found keeps the violation and the way to it.
func (x *search) found(number uint32, last action) {
	x.r.Violation = x.b.bad
	var course []action
	if last.kind < numKinds {
		course = append(course, last)
	}
	for n := number; n != 0; n = x.edges[n].from {
		course = append(course, unpack(x.edges[n].code))
	}
	for i, j := 0, len(course)-1; i < j; i, j = i+1, j-1 {
		course[i], course[j] = course[j], course[i]
	}
	x.r.Story = tellCourse(&x.o.Scope, course)
}
