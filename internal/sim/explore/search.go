package explore

import (
	"context"
	"slices"
	"time"
)

// Options bound a search.
type Options struct {
	Scope Scope
	// States is how many states to keep at most; 0 for any number.
	States int
	// Plain does not merge states that differ in nodes' names only.
	Plain bool
	// Note is a property whose violations are noted without ending the search.
	Note string
	// Workers is how many goroutines make successors; 0 is one for each core.
	// It has no part in what is found.
	Workers int
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
	// Noted says that Options.Note was violated.
	Noted bool
}

// Rate is how many states were found in a second.
func (r *Result) Rate() float64 { return float64(r.States) / max(r.Wall.Seconds(), 1e-9) }

// search is a breadth-first search. Only the states of the present level and
// the next are kept; of all others the fingerprint, the state that each was
// found from, and how.
type search struct {
	o     Options
	seen  table
	from  []uint32 // of each state, the state that it was found from
	how   []uint64 // … and the action
	level []*state // numbers first, first+1, …
	first int
	next  []*state
	parts []worker
	began time.Time
	r     Result
}

// Explore visits every state that the scope allows, up to the first violation.
// It ends early when the context does.
func Explore(ctx context.Context, o Options) (*Result, error) {
	x := &search{o: o}
	x.r.Scope = o.Scope
	x.began = x.now()
	b := newBuilder(o.Scope)
	root, err := b.root()
	if err != nil {
		return nil, err
	}
	x.hire()
	x.seen.init()
	x.seen.add(x.parts[0].canon.fingerprint(root))
	x.from, x.how, x.level = append(x.from, 0), append(x.how, 0), append(x.level, root)
	for len(x.level) > 0 && x.expandLevel(ctx) {
		x.r.Depth++
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
	x.r.States, x.r.Frontier = len(x.from), len(x.level)
	x.r.Wall = x.now().Sub(x.began)
}

// batch is how many states are expanded before what was found is merged.
const batch = 1 << 14

// expandLevel makes the next level; false if it was told to end, or found what
// must not be.
func (x *search) expandLevel(ctx context.Context) bool {
	x.r.Widest = max(x.r.Widest, len(x.level))
	for done := 0; done < len(x.level); done += batch {
		x.measure()
		if x.o.Progress != nil {
			x.o.Progress(&x.r)
		}
		if ctx.Err() != nil || x.o.States > 0 && len(x.from) > x.o.States {
			return false
		}
		some := x.level[done:min(done+batch, len(x.level))]
		x.work(x.first+done, some)
		if !x.merge() {
			return false
		}
		clear(some) // what only these states hold may go
		x.r.Expanded += len(some)
	}
	x.first += len(x.level)
	x.level, x.next = x.next, x.level[:0]
	return true
}

// merge takes in what the workers have found, in the order of the states that
// they found it from; false after a violation.
func (x *search) merge() bool {
	var bad *finding
	for i := range x.parts {
		w := &x.parts[i]
		x.r.Steps += w.steps
		w.steps = 0
		x.r.Noted = x.r.Noted || w.b.noted
		if f := &w.bad; f.violation != nil && (bad == nil || f.from < bad.from) {
			bad = f
		}
	}
	if bad != nil {
		x.found(bad)
		return false
	}
	var all []*finding
	for i := range x.parts {
		for k := range x.parts[i].found {
			all = append(all, &x.parts[i].found[k])
		}
	}
	slices.SortStableFunc(all, func(a, b *finding) int { return int(a.from) - int(b.from) })
	for _, f := range all {
		if x.seen.add(f.print) {
			x.from, x.how = append(x.from, f.from), append(x.how, f.how)
			x.next = append(x.next, f.state)
		}
	}
	for i := range x.parts {
		x.parts[i].forget()
	}
	return true
}

// found keeps the violation and the way to it.
func (x *search) found(f *finding) {
	x.r.Violation = f.violation
	var course []action
	if f.how != 0 {
		course = append(course, unpack(f.how))
	}
	for n := f.from; n != 0; n = x.from[n] {
		course = append(course, unpack(x.how[n]))
	}
	slices.Reverse(course)
	x.r.Story = tellCourse(&x.o.Scope, course)
}
