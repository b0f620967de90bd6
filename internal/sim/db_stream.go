package sim

import (
	"time"

	"msdha/internal/fsm/mutant"
)

// stepTime is how often the databases are looked at: what is written, streamed
// and acknowledged meanwhile happens then.
func (w *World) stepTime() time.Duration {
	if w.sched.Calm {
		return 100 * time.Millisecond
	}
	return w.data.between(w.sched.TTL/100, w.sched.TTL/20)
}

// databasesStep lets every master acknowledge what it was told of, then those
// that stream tell how far they are, receive more, and masters write.
func (w *World) databasesStep() {
	w.at(w.stepTime(), occurrence{kind: databasesStep})
	for i := range w.actors[:w.nodes] {
		if m := &w.actors[i]; m.node.serves() {
			w.acknowledge(m)
		}
	}
	for i := range w.actors[:w.nodes] {
		w.stream(&w.actors[i])
	}
	for i := range w.actors[:w.nodes] {
		if n := w.actors[i].node; n.serves() && n.db.log.last().id == n.reignID {
			n.db.log.last().end += w.data.below(4)
			if n.role < w.check.crowned {
				w.sometimes(FormerWrites)
			}
		}
	}
}

// runs reports whether the program is there, and not stopped.
func (n *node) runs() bool { return n.mainUp && n.frozen == 0 }

// serves reports whether it takes writes, whatever its agent thinks.
func (n *node) serves() bool { return n.accepts && n.runs() && n.reignID != 0 }

// linked reports whether two nodes' programs reach each other.
func (w *World) linked(a, b *actor) bool {
	return a.isolated == 0 && b.isolated == 0 && a.apart == 0 && b.apart == 0
}

// confirmed is how far at least k of the names have told the master that they
// have flushed; −1 where fewer have told anything.
func (w *World) confirmed(m *actor) int64 {
	d := &m.node.db
	var words ranking
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if a == m || a.node.db.toldTo != m.index {
			continue
		}
		if !d.names.Has(a.key) && !mutant.On(mutant.AnyStar) || a.key == m.key {
			continue
		}
		words.add(a.node.db.told)
		if mutant.On(mutant.CountedTwice) && a.node.db.brokenTo == m.index {
			words.add(a.node.db.brokenTold) // each connection has a word
		}
	}
	if words.n < d.k {
		return -1
	}
	return words.top[max(0, d.k-1)]
}

// ranking is what a master was told, the furthest first.
type ranking struct {
	top [2 * maxActors]int64
	n   int
}

func (r *ranking) add(told int64) {
	at := r.n
	for at > 0 && r.top[at-1] < told {
		r.top[at] = r.top[at-1]
		at--
	}
	r.top[at] = told
	r.n++
}

// acknowledge gives clients their answers.
func (w *World) acknowledge(m *actor) {
	d := &m.node.db
	upTo := d.log.length()
	if d.k > 0 {
		upTo = min(upTo, w.confirmed(m))
	}
	if upTo > d.acked {
		d.acked = upTo
		w.check.acknowledged(w, m, upTo)
	}
}

// stream brings one standby further.
func (w *World) stream(a *actor) {
	n := a.node
	d := &n.db
	if d.toldTo >= 0 && d.toldTo != d.upstream {
		d.toldTo = -1
	}
	if d.upstream < 0 || !n.runs() {
		return
	}
	m := &w.actors[d.upstream]
	if !m.node.runs() || !w.linked(a, m) {
		d.cut()
		return
	}
	if !d.log.beginsOf(&m.node.db.log) {
		d.toldTo = -1 // refused: it went another way
		return
	}
	d.toldTo, d.told = d.upstream, d.log.length()
	more := m.node.db.log.length() - d.told
	switch {
	case more <= 0:
		return
	case !w.sched.Calm && w.data.chance(300):
		return
	case w.trickles, a.narrow > 0:
		more = 1
	case !w.sched.Calm && w.data.chance(400):
		more = 1 + w.data.below(more)
	}
	d.log.copyUpTo(&m.node.db.log, d.told+more)
}

// promote begins a log of its own: the first record is the end of recovery, the
// second says the epoch.
func (w *World) promote(a *actor) {
	n := a.node
	w.promotions++
	n.reignID = w.promotions
	n.db.upstream, n.db.toldTo = -1, -1
	n.db.log.segments = append(n.db.log.segments, segment{id: n.reignID, epoch: n.role, end: n.db.log.length() + 1})
	n.db.acked = n.db.log.length()
	w.note(a.name, "its database is promoted, at %d", n.db.acked)
}

// recordEpoch is the record by which every copy of the log says under whom it
// was written.
func (w *World) recordEpoch(a *actor) {
	if mutant.On(mutant.EpochUnrecorded) {
		return
	}
	s := a.node.db.log.last()
	s.end++
	s.mark = s.end
}
