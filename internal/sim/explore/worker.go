package explore

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// worker makes the successors of some states of a level. It reads what the
// search has seen and writes only what is its own.
type worker struct {
	x     *search
	b     *builder
	canon canon
	acts  []action
	spare []*state
	steps int
	plain []byte
	found []finding
	mine  table // of found
	bad   finding

	revisions map[revisionKey]*revision
	nodes     map[nodeKey]*node
	fronts    map[nodeKey]*front
}

// finding is a successor that was not seen in an earlier batch.
type finding struct {
	from      uint32
	how       uint64 // 0: the state itself
	print     fingerprint
	state     *state
	violation *Violation
}

// hire makes the workers.
func (x *search) hire() {
	n := x.o.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	x.parts = make([]worker, n)
	for i := range x.parts {
		w := &x.parts[i]
		w.x, w.b = x, newBuilder(x.o.Scope)
		w.b.note = x.o.Note
		w.canon = canon{scope: &w.b.scope, plain: x.o.Plain}
		w.forget()
		w.revisions = map[revisionKey]*revision{}
		w.nodes, w.fronts = map[nodeKey]*node{}, map[nodeKey]*front{}
		w.b.same = w.sameRevision
	}
}

// forget begins a new batch.
func (w *worker) forget() {
	clear(w.found)
	w.found = w.found[:0]
	w.mine.init()
}

// portion is how many states a worker takes at a time.
const portion = 64

// work expands states, the first of which has the number. Which worker takes
// which states does not matter: merge brings what they find into order.
func (x *search) work(first int, states []*state) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for i := range x.parts {
		w := &x.parts[i]
		wg.Go(func() {
			for w.bad.violation == nil {
				from := int(next.Add(portion)) - portion
				if from >= len(states) {
					return
				}
				for k, s := range states[from:min(from+portion, len(states))] {
					if w.bad.violation == nil {
						w.expand(uint32(first+from+k), s)
					}
				}
			}
		})
	}
	wg.Wait()
}

// expand makes the successors of one state.
func (w *worker) expand(number uint32, s *state) {
	b := w.b
	w.acts = b.enabled(s, w.acts[:0])
	moved := false // something other than a fault leads elsewhere
	for _, a := range w.acts {
		for b.choices.start(); ; {
			into := w.state()
			b.apply(s, a, into)
			a.way = b.choices.code()
			w.steps++
			if b.bad != nil {
				w.bad = finding{from: number, how: a.code(), violation: b.bad}
				return
			}
			f := w.canon.fingerprint(into)
			if costs[a.kind] == numFaults && into.budget == s.budget {
				moved = moved || !w.x.seen.is(f, number)
			}
			if !w.x.seen.has(f) && w.mine.add(f) {
				w.share(into)
				w.found = append(w.found, finding{from: number, how: a.code(), print: f, state: into})
			} else {
				b.drop()
				w.spare = append(w.spare, into)
			}
			if !b.choices.again() {
				break
			}
		}
	}
	if !moved {
		if v := b.stuck(s); v != nil && (b.scope.Only == "" || b.scope.Only == v.Property) {
			w.bad = finding{from: number, violation: v}
		}
	}
}

func (w *worker) state() *state {
	if n := len(w.spare); n > 0 {
		s := w.spare[n-1]
		w.spare = w.spare[:n-1]
		return s
	}
	return new(state)
}
