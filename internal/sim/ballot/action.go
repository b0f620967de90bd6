package ballot

import "msdha/internal/fsm/mutant"

// kind is what can happen.
type kind uint8

const (
	appends  kind = iota // a master writes an entry for a client
	epochs               // … its epoch, before clients are admitted
	streams              // a standby follows a master, and writes the next record to disk
	votes                // a standby detaches, and publishes its final
	decides              // … finds that it may claim
	claims               // … claims
	forces               // … claims with accepted loss
	promotes             // a claimant's database takes writes
	vacates              // _master is lost; the database of who held it runs on
	ends                 // a node ends; its disk is kept
	reboots              // … and is ready again at once, with what it has
	restarts             // a node that was gone becomes ready with what it has
	begins               // … begins to rewind or clone from the master
	joins                // … has done so, and is ready
	members              // the holder of _master gives its database the list
	settles              // … makes it the one that elections go by
	adds                 // an operator begins a change of the list
	removes
	raises
	lowers
	withdraws // … takes it back, while the master has not settled it
	gives     // a mistake: to the database first
	overrides // a mistake: an old position over a final
	numKinds
)

var kindNames = [numKinds]string{
	"appends", "epochs", "streams", "votes", "decides", "claims", "forces", "promotes", "vacates", "ends",
	"reboots", "restarts", "begins", "joins", "members", "settles", "adds", "removes", "raises", "lowers", "withdraws",
	"gives", "overrides",
}

// action is one thing that happens, to a node, with a reign or another node.
type action struct {
	kind kind
	node uint8
	arg  uint8
}

func (a action) code() uint16 { return uint16(a.kind)<<8 | uint16(a.node)<<4 | uint16(a.arg) }

func actionOf(code uint16) action {
	return action{kind(code >> 8), uint8(code >> 4 & 15), uint8(code & 15)}
}

// successors makes whatever can follow a state.
func (x *model) successors(s *state) {
	for i := range x.scope.Nodes {
		switch s.nodes[i].phase {
		case gone:
			x.whenGone(s, i)
			continue // it cannot end
		case joining:
			x.join(s, i, s.nodes[i].reign)
		case standby:
			x.whenStandby(s, i)
		case claimant, master:
			x.whenRunning(s, i)
		}
		if i != s.holder() {
			x.whenEnding(s, i)
		}
	}
	x.operator(s)
}

// done passes on what an action has led to.
func (x *model) done(a action, t *state) {
	x.acknowledge(t)
	x.normalise(t)
	x.to.visit(a, t)
}

// first is the earliest reign that a node may follow which has listed etcd now.
func (s *state) first() uint8 {
	if s.held {
		return s.top
	}
	return s.top + 1
}

// whenEnding: where nobody is away for long, who ends is back at once, and for a
// standby nothing is gained by that.
func (x *model) whenEnding(s *state, i int) {
	n := &s.nodes[i]
	t := *s
	switch {
	case x.scope.Away == 1:
		t.nodes[i].phase = gone
		if x.on(HalfClone) && n.phase == joining {
			t.nodes[i].log = dataLog
		}
		x.done(action{ends, uint8(i), 0}, &t)
	case n.runs():
		t.nodes[i] = n.again(standby)
		t.nodes[i].floor = s.first()
		x.done(action{reboots, uint8(i), 0}, &t)
	}
}

func (x *model) whenGone(s *state, i int) {
	n := &s.nodes[i]
	if x.scope.Away == 1 && n.log.n > 0 { // a node without data never becomes ready
		t := *s
		t.nodes[i] = n.again(standby)
		t.nodes[i].floor = s.first()
		if x.on(DetachForgotten) {
			t.nodes[i].floor = 1
		}
		x.done(action{restarts, uint8(i), 0}, &t)
	}
	x.begin(s, i)
}

// begin is a start that finds a master, from which the node is to rewind or clone.
func (x *model) begin(s *state, i int) {
	h := s.holder()
	if h < 0 || s.nodes[h].phase != master || s.nodes[h].log == s.nodes[i].log {
		return
	}
	t := *s
	t.nodes[i] = s.nodes[i].again(joining)
	t.nodes[i].reign = s.top
	x.done(action{begins, uint8(i), s.top}, &t)
}

func (x *model) join(s *state, i int, r uint8) {
	from := s.leader(r)
	if from < 0 {
		return
	}
	t := *s
	n := &t.nodes[i]
	*n = n.again(standby)
	n.log, n.floor = s.nodes[from].log, r
	x.done(action{joins, uint8(i), r}, &t)
}

// whenStandby: it may stream from any master that it may follow. Having followed
// one it follows no earlier one.
func (x *model) whenStandby(s *state, i int) {
	n := &s.nodes[i]
	for r := max(n.floor, 1); r <= s.top; r++ {
		from := x.upstream(s, r)
		if from < 0 || from == i {
			continue
		}
		if l, ok := s.next(n.log, s.nodes[from].log); ok {
			t := *s
			t.nodes[i].log, t.nodes[i].floor = l, r
			x.done(action{streams, uint8(i), r}, &t)
		}
	}
	if x.scope.Away == 0 {
		x.begin(s, i)
	}
	if !s.held {
		x.whenVacant(s, i)
	}
}

// upstream is where who follows the master of the reign gets its records from, or -1.
func (x *model) upstream(s *state, r uint8) int {
	if x.scope.Cascade == 0 {
		return s.leader(r)
	}
	for i := range x.scope.Nodes {
		n := &s.nodes[i]
		if n.hosted&bit(int(r)) != 0 && (n.phase == standby || n.runs()) {
			return i
		}
	}
	return -1
}

// whenVacant: the finals, and the claim by the rule that the machines use.
func (x *model) whenVacant(s *state, i int) {
	n := &s.nodes[i]
	if n.finFor != s.top+1 {
		x.vote(s, i, n.log, votes)
	}
	if x.on(OldPosition) && n.finFor == s.top+1 && n.past.n > 0 && n.past != n.fin {
		x.vote(s, i, n.past, overrides)
	}
	if n.finFor != s.top+1 || int(s.top) >= x.scope.Reigns {
		return
	}
	if !n.decided && x.mayClaim(s, i, nil) {
		t := *s
		t.nodes[i].decided = true
		x.done(action{decides, uint8(i), 0}, &t)
	}
	if n.decided {
		t := *s
		x.claim(&t, i)
		x.done(action{claims, uint8(i), 0}, &t)
	}
	if s.forces > 0 && x.mayClaim(s, i, x.promote(s, i)) {
		t := *s
		t.forces--
		x.claim(&t, i)
		x.excuse(&t)
		x.done(action{forces, uint8(i), 0}, &t)
	}
}

func (x *model) vote(s *state, i int, position log, k kind) {
	t := *s
	n := &t.nodes[i]
	n.finFor, n.fin = s.top+1, position
	if !mutant.On(mutant.NoDetach) {
		n.floor = s.top + 1
	}
	x.done(action{k, uint8(i), 0}, &t)
}

// whenRunning is for masters, and for those who once were and do not know.
func (x *model) whenRunning(s *state, i int) {
	n := &s.nodes[i]
	if n.phase == claimant {
		t := *s
		x.promoted(&t, i)
		x.done(action{promotes, uint8(i), 0}, &t)
	} else {
		x.writes(s, i)
	}
	if i == s.holder() {
		x.whenHolding(s, i)
	}
}

func (x *model) writes(s *state, i int) {
	n, r := &s.nodes[i], &s.reigns[s.nodes[i].reign]
	written := 0
	if n.log.reign == n.reign {
		written = int(n.log.n - x.scope.promos())
	}
	if r.epoch == 0 {
		t := *s
		x.writeEpoch(&t, i)
		x.done(action{epochs, uint8(i), 0}, &t)
	} else {
		written--
	}
	if x.admits(s, n) && written < x.scope.Entries {
		t := *s
		write(&t.nodes[i])
		x.done(action{appends, uint8(i), 0}, &t)
	}
}

func (x *model) whenHolding(s *state, i int) {
	n := &s.nodes[i]
	t := *s
	t.held = false
	x.done(action{vacates, uint8(i), 0}, &t)
	if n.phase != master || !x.admits(s, n) {
		return
	}
	names, k := x.wanted(s, i)
	if names != n.names || k != n.k || s.config.open() && !n.current {
		t := *s
		x.inForce(&t, i)
		t.nodes[i].current, t.nodes[i].pos = true, 0
		if n.log.reign == n.reign {
			t.nodes[i].pos = n.log.n
		}
		x.done(action{members, uint8(i), 0}, &t)
	}
	if x.settles(s, i) {
		t := *s
		c := &t.config
		c.members, c.k = c.target()
		c.next, c.nextK, c.armed, c.anchor = 0, 0, c.armed || c.k > 0, 0
		t.configured()
		t.nodes[i].current = true
		x.done(action{settles, uint8(i), 0}, &t)
	}
}

// operator begins a change of the list, by the order of SPEC P3.
func (x *model) operator(s *state) {
	c := &s.config
	if c.next != 0 {
		t := *s
		t.config.next, t.config.nextK = 0, 0
		t.configured()
		x.done(action{withdraws, 0, 0}, &t)
		return // one at a time
	}
	if s.changes == 0 {
		return
	}
	count := 0
	for i := range x.scope.Nodes {
		if c.members&bit(i) != 0 {
			count++
		}
	}
	for i := range x.scope.Nodes {
		if c.members&bit(i) == 0 {
			x.change(s, action{adds, uint8(i), 0}, func(c *config) { c.members |= bit(i) })
			x.give(s, i)
			continue
		}
		if count-1 > int(c.k) {
			x.change(s, action{removes, uint8(i), 0}, func(c *config) {
				c.next, c.nextK = c.members&^bit(i), c.k
				if x.on(PlainReverse) {
					c.members, c.next, c.nextK = c.next, 0, 0
				}
			})
		}
	}
	if int(c.k)+1 < count {
		x.change(s, action{raises, 0, 0}, func(c *config) { c.next, c.nextK = c.members, c.k+1 })
	}
	if c.k > 1 {
		x.change(s, action{lowers, 0, 0}, func(c *config) { c.k-- })
	}
}

func (x *model) change(s *state, a action, f func(*config)) {
	t := *s
	t.changes--
	f(&t.config)
	t.configured()
	x.done(a, &t)
}

// give is a mistake: the operator's tool dies between the database and _config.
func (x *model) give(s *state, i int) {
	h := s.holder()
	if !x.on(GivenFirst) || h < 0 || s.nodes[h].phase != master {
		return
	}
	t := *s
	t.changes--
	t.nodes[h].names |= bit(i)
	x.done(action{gives, uint8(i), 0}, &t)
}
