package ballot

// The bounds of the packed form (pack.go).
const (
	maxNodes  = 4
	maxReigns = 6 // beyond the data that there was before the first
	maxRecord = 7 // records of one reign
)

// origin is the reign, so to say, under which the group's data was made. A log
// that has reached its record 1 holds that data.
const origin = 0

// dataLog is the log of a node that has the group's data and nothing else; the
// zero log is that of a node without data.
var dataLog = log{origin, 1}

// log is how far a node's data reaches: n records of the reign, upon what the
// reign's master had when it was promoted. Only its master writes records of a
// reign, so this names a log completely, forks included.
type log struct{ reign, n uint8 }

// phase is what a node is doing.
type phase uint8

const (
	gone     phase = iota // not registered; its disk is kept
	joining               // registered, in pre_start: rewinds or clones
	standby               // ready
	claimant              // has won _master; its master hook has not promoted yet
	master                // promoted, of reign. It may have lost _master long ago
)

// node is one node. Masks name nodes by bits.
type node struct {
	log   log
	phase phase
	// reign is a claimant's or master's own, or that whose master somebody joins.
	reign uint8
	// A standby may stream from the master of reign floor or a later one.
	floor uint8

	// What stands in _nodes: a final for the epoch of reign finFor-1; 0 none.
	finFor uint8
	fin    log
	// decided: it has found that it may claim, by a listing that is as old as it likes.
	decided bool

	// A running master's database waits for k of names. current: that is what
	// _config asked for, and still does; pos: the records of its reign it had then.
	names, k uint8
	current  bool
	pos      uint8

	// told is up to which record of a reign the node has told that reign's master that it
	// has it. The master's database goes by that, and may not notice that the node has
	// gone since, to the end.
	told [maxReigns + 1]uint8

	hosted uint8 // bits of the reigns that it was the master of (only where hosts cascade)

	past log // its log when it voted last (only where the OldPosition is planted)
}

// reign is what is known of a reign whoever lives.
type reign struct {
	base  log   // its master's log when it claimed
	epoch uint8 // which record says the epoch; 0 none yet
	acked uint8 // its records up to this one may have been acknowledged
}

// config is _config.
type config struct {
	members, k  uint8
	next, nextK uint8 // where next is not 0: what the database is to have
	armed       bool  // else only who reigned last may claim, or the anchor before any reign
	anchor      uint8 // mask
}

// target is what the database is to have.
func (c *config) target() (names, k uint8) {
	if c.next != 0 {
		return c.next, c.nextK
	}
	return c.members, c.k
}

// state is a whole group at one moment.
type state struct {
	nodes  [maxNodes]node
	reigns [maxReigns + 1]reign
	top    uint8 // the reign that _epoch names
	held   bool  // there is a _master: of the top reign
	last   uint8 // mask of whom _epoch names, as long as that matters
	config config

	changes uint8 // of the list, still to come
	forces  uint8 // promotions with accepted loss, still to come
	excused uint8 // what reigns before this one acknowledge is accepted to be lost
}

func (n *node) runs() bool { return n.phase == claimant || n.phase == master }

// again is a new life of the node, with the disk of the last.
func (n *node) again(p phase) node {
	return node{phase: p, log: n.log, told: n.told, past: n.past, hosted: n.hosted}
}

// leader is the node that runs as the master of the reign, or is to; -1 none.
func (s *state) leader(r uint8) int {
	for i := range s.nodes {
		if n := &s.nodes[i]; n.runs() && n.reign == r {
			return i
		}
	}
	return -1
}

// holder is the node that has _master, or -1.
func (s *state) holder() int {
	if !s.held {
		return -1
	}
	return s.leader(s.top)
}

// has reports whether log l contains record want.
func (s *state) has(l, want log) bool {
	for l.reign > want.reign {
		l = s.reigns[l.reign].base
	}
	return l.reign == want.reign && l.n >= want.n
}

// next is the record by which a standby at l comes nearer to its upstream's log,
// false where it has all or has diverged.
func (s *state) next(l, upstream log) (log, bool) {
	child := uint8(0)
	at := upstream
	for at.reign > l.reign {
		child = at.reign
		at = s.reigns[at.reign].base
	}
	switch {
	case at.reign != l.reign || at.n < l.n:
		return l, false
	case at.n > l.n:
		return log{l.reign, l.n + 1}, true
	case child != 0:
		// Of several reigns upon the same log the one that upstream went through is
		// the child; a reign without a record is nobody's log.
		return log{child, 1}, true
	}
	return l, false
}

// written is the reign whose epoch the log's last record stands under, as the
// records themselves say.
func (s *state) written(l log) uint8 {
	for l.reign != origin {
		if r := &s.reigns[l.reign]; r.epoch != 0 && l.n >= r.epoch {
			break
		}
		l = s.reigns[l.reign].base
	}
	return l.reign
}

// timeline counts promotions in a log's past, as PostgreSQL numbers timelines: the
// number repeats where two nodes are promoted upon the same one.
func (s *state) timeline(l log) int {
	t := 0
	for l.reign != origin {
		t++
		l = s.reigns[l.reign].base
	}
	return t
}

func bit(i int) uint8 { return 1 << i }
