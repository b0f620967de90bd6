package fsm

import (
	"fmt"
	"math/bits"
	"strings"
)

// Phase is a state of a machine: finer than what is published, since waiting
// for the vacancy's end and claiming are both "ready" to the world.
type Phase uint8

// Phases is a set of phases.
type Phases uint32

func in(ps ...Phase) Phases {
	var s Phases
	for _, p := range ps {
		s |= 1 << p
	}
	return s
}

// span is every phase from first to last.
func span(first, last Phase) Phases {
	var s Phases
	for p := first; p <= last; p++ {
		s |= 1 << p
	}
	return s
}

func (s Phases) has(p Phase) bool { return s&(1<<p) != 0 }

// Signal is an event as the table sees it: replies are sorted by what they
// answer and how, timers by what they wait for.
type Signal uint8

// Same in a row's To stays in the phase.
const Same Phase = 31

// Row is one transition. The first row whose From, On and When fit is taken;
// its Do runs with the machine already in To.
type Row[M any] struct {
	From Phases
	On   Signal
	When func(*M, *Event) bool // nil: always
	To   Phase
	Do   func(*M, Instant, *Event, *Effects) // nil: nothing to do
	Name string                              // guard, for the documentation
	Why  string
}

// Ignored declares that a signal changes nothing in some phases, and why.
// Where some rows have guards it covers what their guards let through.
type Ignored struct {
	In    Phases
	On    Signal
	Why   string
	Never bool // it cannot occur there: Effects.Stray counts it if it does
}

// Table is a whole machine: its rows are the dispatcher, the documentation and
// what the checker reads, so that none can differ from the others.
type Table[M any] struct {
	Phases  []string // names, in the order of a life
	Stages  []Stage
	Signals []string
	Initial Phase
	Final   Phase
	Rows    []Row[M]
	Ignored []Ignored
	index   [][]int // phase*signals+signal → rows in order
	never   []bool  // phase*signals+signal
}

// Stage groups phases for the diagrams.
type Stage struct {
	Name string
	In   Phases
}

func (t *Table[M]) build() *Table[M] {
	n := len(t.Signals)
	t.index = make([][]int, len(t.Phases)*n)
	t.never = make([]bool, len(t.Phases)*n)
	for _, g := range t.Ignored {
		for p := range t.Phases {
			if g.Never && g.In.has(Phase(p)) {
				t.never[p*n+int(g.On)] = true
			}
		}
	}
	for i, r := range t.Rows {
		for p := range t.Phases {
			if r.From.has(Phase(p)) {
				k := p*n + int(r.On)
				t.index[k] = append(t.index[k], i)
			}
		}
	}
	return t
}

// find returns the row for a signal, -1 when it is ignored, and -2 when it
// cannot occur.
func (t *Table[M]) find(m *M, p Phase, s Signal, ev *Event) int {
	for _, i := range t.index[int(p)*len(t.Signals)+int(s)] {
		if w := t.Rows[i].When; w == nil || w(m, ev) {
			return i
		}
	}
	if t.never[int(p)*len(t.Signals)+int(s)] {
		return -2
	}
	return -1
}

// Check reports what is wrong with the table: phases that cannot be reached or
// left, rows that an earlier row shadows, pairs of phase and signal that are
// neither handled nor declared ignored, and declarations that contradict rows.
func (t *Table[M]) Check() []error {
	return append(t.checkPairs(), t.checkReach()...)
}

func (t *Table[M]) checkPairs() []error {
	var errs []error
	used := make([]bool, len(t.Rows))
	for p := range t.Phases {
		for s := range t.Signals {
			errs = append(errs, t.checkPair(Phase(p), Signal(s), used)...)
		}
	}
	for i, r := range t.Rows {
		if !used[i] {
			errs = append(errs, fmt.Errorf("row %d (%s) can never be taken", i, t.Signals[r.On]))
		}
		if r.Why == "" || (r.When != nil) != (r.Name != "") {
			errs = append(errs, fmt.Errorf("row %d (%s) lacks its reason or its guard's name", i, t.Signals[r.On]))
		}
	}
	for _, g := range t.Ignored {
		if g.Why == "" {
			errs = append(errs, fmt.Errorf("%s is ignored without a reason", t.Signals[g.On]))
		}
	}
	return errs
}

// checkPair marks the rows that the pair can use.
func (t *Table[M]) checkPair(p Phase, s Signal, used []bool) []error {
	var errs []error
	total := false // an unconditional row was seen
	for _, i := range t.index[int(p)*len(t.Signals)+int(s)] {
		if total {
			errs = append(errs, fmt.Errorf("%s on %s: row %d is shadowed", t.Phases[p], t.Signals[s], i))
			continue
		}
		used[i] = true
		total = t.Rows[i].When == nil
	}
	ignored := false
	for _, g := range t.Ignored {
		if g.On == s && g.In.has(p) {
			if ignored {
				errs = append(errs, fmt.Errorf("%s on %s is declared ignored twice", t.Phases[p], t.Signals[s]))
			}
			ignored = true
		}
	}
	switch {
	case !total && !ignored:
		errs = append(errs, fmt.Errorf("%s on %s is neither handled in every case nor declared ignored",
			t.Phases[p], t.Signals[s]))
	case total && ignored:
		errs = append(errs, fmt.Errorf("%s on %s is handled in every case and declared ignored",
			t.Phases[p], t.Signals[s]))
	}
	return errs
}

// checkReach wants every phase reachable from the first, and the last from
// every phase.
func (t *Table[M]) checkReach() []error {
	var errs []error
	all := Phases(1)<<len(t.Phases) - 1
	if miss := all &^ t.closure(in(t.Initial), false); miss != 0 {
		errs = append(errs, fmt.Errorf("unreachable: %s", t.names(miss)))
	}
	if miss := all &^ t.closure(in(t.Final), true); miss != 0 {
		errs = append(errs, fmt.Errorf("cannot end: %s", t.names(miss)))
	}
	return errs
}

// closure follows the rows forward, or backward, from a set.
func (t *Table[M]) closure(s Phases, back bool) Phases {
	for {
		before := s
		for _, r := range t.Rows {
			switch {
			case r.To == Same:
			case back && s.has(r.To):
				s |= r.From
			case !back && s&r.From != 0:
				s |= in(r.To)
			}
		}
		if s == before {
			return s
		}
	}
}

func (t *Table[M]) names(s Phases) string {
	var names []string
	for s != 0 {
		p := bits.TrailingZeros32(uint32(s))
		names = append(names, t.Phases[p])
		s &^= 1 << p
	}
	return strings.Join(names, ", ")
}

// RowInfo is a row in words.
type RowInfo struct {
	On, To, Guard, Why string
}

func (t *Table[M]) info(i int) RowInfo {
	r := &t.Rows[i]
	to := ""
	if r.To != Same {
		to = t.Phases[r.To]
	}
	return RowInfo{On: t.Signals[r.On], To: to, Guard: r.Name, Why: r.Why}
}

// BackendRow tells what row i of the backend's table, as in Effects.Rows, says.
func BackendRow(i int) RowInfo { return backendTable.info(i) }

// FrontendRow tells what row i of the frontend's table says.
func FrontendRow(i int) RowInfo { return frontendTable.info(i) }

// BackendRows is how many rows the backend's table has.
func BackendRows() int { return len(backendTable.Rows) }

// FrontendRows is how many rows the frontend's table has.
func FrontendRows() int { return len(frontendTable.Rows) }

// BackendPhase is the name of a backend's phase.
func BackendPhase(p Phase) string { return backendTable.Phases[p] }

// FrontendPhase is the name of a frontend's phase.
func FrontendPhase(p Phase) string { return frontendTable.Phases[p] }
