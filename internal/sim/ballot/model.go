package ballot

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// model makes the successors of a state.
type model struct {
	scope   Scope
	mistake Switch
	to      *search // takes each successor; the state is only lent

	names  [1 << maxNodes]kv.Names
	names1 [maxNodes]string

	items   []kv.Item
	facts   fsm.Facts
	control kv.Record
	asked   int // how often the rule was
}

func newModel(scope Scope, mistake Switch) (*model, error) {
	x := &model{scope: scope, mistake: mistake}
	var err error
	x.names, err = allNames()
	for i := range x.names1 {
		x.names1[i] = nodeName(i)
	}
	return x, err
}

func (x *model) on(w Switch) bool { return x.mistake == w }

func (x *model) root() state {
	var s state
	sc := &x.scope
	s.changes, s.forces = uint8(sc.Changes), uint8(sc.Forces)
	s.reigns[origin].acked = 1 // the data that there was
	s.config.members, s.config.k = bit(sc.Members)-1, uint8(sc.K)
	switch sc.Start {
	case 0:
		s.config.armed = true
	case 1:
		s.config.anchor = bit(0)
		s.nodes[0] = node{log: dataLog, phase: standby, floor: 1}
		return s
	case 2:
		s.config.anchor = bit(1)
	}
	for i := range sc.Nodes {
		s.nodes[i] = node{log: dataLog, phase: standby, floor: 1}
	}
	s.top, s.held, s.last = 1, true, bit(0)
	s.nodes[0] = node{phase: claimant, reign: 1, log: dataLog}
	if sc.Cascade == 1 {
		s.nodes[0].hosted = bit(1)
	}
	x.inForce(&s, 0)
	s.reigns[1].base = dataLog
	x.promoted(&s, 0)
	for sc.Start == 2 && s.reigns[1].acked == 0 { // nobody had to have it before there was a list
		if s.reigns[1].epoch == 0 {
			x.writeEpoch(&s, 0)
			continue
		}
		write(&s.nodes[0])
		s.reigns[1].acked = s.nodes[0].log.n
	}
	return s
}

// size is how long a log is.
func (x *model) size(s *state, l log) int {
	size := 0
	for {
		n := int(l.n)
		if x.scope.Promo > 0 && l.reign != origin && n > 0 {
			size += x.scope.Promo
			n--
		}
		size += n * x.scope.Weight
		if l.reign == origin {
			return size
		}
		l = s.reigns[l.reign].base
	}
}

// write adds a record to a master's log.
func write(n *node) {
	if n.log.reign != n.reign {
		n.log = log{n.reign, 0}
	}
	n.log.n++
}

// promoted: the database of a claimant takes writes. The epoch comes first.
func (x *model) promoted(s *state, i int) {
	n := &s.nodes[i]
	n.phase = master
	if x.scope.Promo > 0 {
		write(n)
		return
	}
	if !x.on(EarlyClients) {
		x.writeEpoch(s, i)
	}
}

func (x *model) writeEpoch(s *state, i int) {
	n := &s.nodes[i]
	write(n)
	s.reigns[n.reign].epoch = n.log.n
}

// wanted is what _config asks of the database of node i: whose answers it waits for.
func (x *model) wanted(s *state, i int) (names, k uint8) {
	names, k = s.config.target()
	if !x.on(OwnName) {
		names &^= bit(i)
	}
	if x.on(AnyStar) {
		names = (bit(x.scope.Nodes) - 1) &^ bit(i)
	}
	return names, k
}

// inForce gives a running master's database the list that _config asks for.
func (x *model) inForce(s *state, i int) {
	n := &s.nodes[i]
	n.names, n.k = x.wanted(s, i)
}

// open reports whether there is anything to settle.
func (c *config) open() bool { return c.next != 0 || !c.armed && c.k > 0 }

// claim makes node i the holder of _master, and gives its database the list before
// it is promoted (SPEC P3).
func (x *model) claim(s *state, i int) {
	s.top++
	s.held, s.last = true, bit(i)
	n := &s.nodes[i]
	s.reigns[s.top] = reign{base: n.log}
	n.phase, n.reign, n.floor = claimant, s.top, 0
	if x.scope.Cascade == 1 {
		n.hosted |= bit(int(s.top))
	}
	x.inForce(s, i)
	for k := range s.nodes {
		o := &s.nodes[k]
		o.decided = false
		if x.on(OldPosition) && o.finFor == s.top {
			o.past = o.fin
		}
	}
	if x.scope.Old == 0 {
		n.finFor = 0
	}
}

// configured: who has decided, and whose database has what was asked for, has not
// seen this _config.
func (s *state) configured() {
	for i := range s.nodes {
		s.nodes[i].decided, s.nodes[i].current = false, false
	}
}

// settles reports whether the holder of _master makes the list that is in force the
// one that elections go by, and whether there is anything to settle.
func (x *model) settles(s *state, i int) bool {
	n, c := &s.nodes[i], &s.config
	names, k := c.target()
	if !c.open() || n.phase != master || !x.admits(s, n) {
		return false
	}
	if names&bit(i) == 0 && !mutant.On(mutant.MasterLeaves) {
		return false
	}
	if mutant.On(mutant.SettleEarly) && c.next != 0 {
		return true
	}
	return n.current && (x.holders(s, i, names&^bit(i), n.pos) >= int(k) || x.on(NoFlushWait))
}

// holders is how many of the named have told the master i that they have the record.
func (x *model) holders(s *state, i int, names, at uint8) int {
	count := 0
	m := &s.nodes[i]
	for k := range x.scope.Nodes {
		if names&bit(k) != 0 && (s.nodes[k].told[m.reign] >= at || k == i) {
			count++
		}
	}
	return count
}

// admits reports whether the master lets clients write.
func (x *model) admits(s *state, n *node) bool {
	return s.reigns[n.reign].epoch != 0 || x.on(EarlyClients)
}

// acknowledge notes what k of the names in force have: every running master tells its
// clients so at once, since whatever it could tell them later it has to keep too.
func (x *model) acknowledge(s *state) {
	for i := range x.scope.Nodes {
		m := &s.nodes[i]
		if m.phase != master || m.log.reign != m.reign {
			continue
		}
		x.report(s, m.reign)
		r := &s.reigns[m.reign]
		for at := r.acked + 1; at <= m.log.n && m.reign >= s.excused; at++ {
			if at == r.epoch || at <= x.scope.promos() {
				continue // no client waits for these
			}
			if x.holders(s, i, m.names, at) < int(m.k) {
				break
			}
			r.acked = at
		}
	}
}

// report: standbys that have not detached tell the master of the reign what they have.
func (x *model) report(s *state, r uint8) {
	for i := range x.scope.Nodes {
		n := &s.nodes[i]
		if n.phase != standby || n.floor > r {
			continue
		}
		l := n.log
		for l.reign > r {
			l = s.reigns[l.reign].base
		}
		if l.reign == r {
			n.told[r] = max(n.told[r], l.n)
		}
	}
}

// lost is a record that was acknowledged, and that the present master has not got.
func (x *model) lost(s *state) (log, bool) {
	base := s.reigns[s.top].base
	for r := range s.top {
		want := log{r, s.reigns[r].acked}
		if want.n > 0 && !s.has(base, want) {
			return want, true
		}
	}
	return log{}, false
}

// excuse forgets what a promotion with accepted loss has lost, or loses when those
// who reigned before it run on.
func (x *model) excuse(s *state) {
	base := s.reigns[s.top].base
	s.excused = s.top
	for r := range s.top {
		e := &s.reigns[r]
		for e.acked > 0 && !s.has(base, log{r, e.acked}) {
			e.acked--
		}
	}
}

// normalise forgets what can decide nothing any more, so that states that differ in
// nothing else are one.
func (x *model) normalise(s *state) {
	if s.config.armed {
		s.config.anchor, s.last = 0, 0
	}
	var live uint8 // reigns whose master's database runs
	for i := range s.nodes {
		if n := &s.nodes[i]; n.runs() {
			live |= bit(int(n.reign))
		}
	}
	hosts := live // reigns whose master's host may still be somebody's upstream
	for i := range s.nodes {
		hosts |= s.nodes[i].hosted
	}
	for i := range s.nodes {
		x.normaliseNode(s, &s.nodes[i], live, hosts)
	}
	for r := uint8(1); r <= s.top; r++ {
		x.normaliseTold(s, r)
	}
	used := bit(int(s.top))
	for i := range s.nodes {
		n := &s.nodes[i]
		for _, l := range [...]log{n.log, n.fin, n.past} {
			used |= bit(int(l.reign))
		}
		if n.runs() {
			used |= bit(int(n.reign))
		}
	}
	for r := int(s.top); r > 0; r-- {
		e := &s.reigns[r]
		if used&bit(r) != 0 || e.acked > 0 {
			used |= bit(int(e.base.reign))
		} else {
			*e = reign{}
		}
	}
}

// normaliseTold: who has lost _master waits for the same names for ever, and no more
// for what was acknowledged. With k = 1 nobody waits once one of them has told.
func (x *model) normaliseTold(s *state, r uint8) {
	i := s.leader(r)
	if i >= 0 && i == s.holder() {
		return
	}
	for k := range s.nodes {
		n := &s.nodes[k]
		if i < 0 || s.nodes[i].k == 1 || s.nodes[i].names&bit(k) == 0 || n.told[r] <= s.reigns[r].acked {
			n.told[r] = 0
		}
	}
}

func (x *model) normaliseNode(s *state, n *node, live, hosts uint8) {
	if n.finFor != s.top+1 && x.scope.Old == 0 || n.finFor == 0 {
		n.finFor, n.fin = 0, log{}
	}
	if n.phase == joining && live&bit(int(n.reign)) == 0 {
		*n = n.again(gone) // there is nobody to clone from: it begins anew
		if x.scope.Away == 0 && n.log.n > 0 {
			n.phase, n.floor = standby, s.first()
		}
	}
	switch n.phase {
	case gone:
		*n = n.again(gone)
	case joining:
		r := n.reign
		*n = n.again(joining)
		n.reign = r
	case standby:
		for n.floor <= s.top && hosts&bit(int(n.floor)) == 0 {
			n.floor++
		}
		n.names, n.k, n.current, n.pos, n.reign = 0, 0, false, 0, 0
	case claimant, master:
		n.floor, n.decided = 0, false
		if !s.held || n.reign != s.top || !s.config.open() {
			n.current = false
		}
		if !n.current {
			n.pos = 0
		}
		if n.reign == s.top && s.held && x.scope.Old == 1 {
			return
		}
		n.finFor, n.fin = 0, log{}
	}
}
