package sim

import (
	"time"

	"msdha/internal/fsm"
)

// network is what is wrong with an actor's connections now. It follows from the
// faults that last, so that any number of them may overlap.
type network struct {
	toEtcd, fromEtcd link
	isolated         int           // cut off from everybody
	lag              time.Duration // of the etcd member that it watches
	slow             bool          // what it and etcd send takes up to a TTL longer
	clogged          int64         // until then nothing arrives
	unsure           bool          // etcd does not say what became of its requests
	refused          bool          // etcd refuses its requests
	stale            bool          // its etcd member is cut off from the others
	obsolete         bool          // its keepalives reach a leader that was replaced
	narrow           int           // its database receives one record at a time
	apart            int           // cut off from the other nodes' databases
	sick             int           // its program does not work any more
}

// link is one direction of a connection.
type link struct {
	cuts int   // faults that cut it
	loss int64 // of 1000 messages
}

// activeFault is one that lasts.
type activeFault struct {
	fault int32
	actor int32
	until int64
}

// rewire finds out what is wrong with an actor's connections.
func (w *World) rewire(a *actor) {
	var n network
	for _, x := range w.active {
		if x.actor != a.index {
			continue
		}
		switch f := &w.sched.Faults[x.fault]; f.Kind {
		case Lossy:
			n.toEtcd.loss, n.fromEtcd.loss = 500, 500
		case Delay:
			n.slow = true
		case Clog:
			n.clogged = max(n.clogged, x.until)
		case LagWatch:
			n.lag = max(n.lag, f.Dur)
		case Unsure:
			n.unsure = true
		case Refuse:
			n.refused = true
		case StaleMember:
			n.stale = true
		case StaleLeader:
			n.obsolete = true
		case CutTo:
			n.toEtcd.cuts++
		case CutFrom:
			n.fromEtcd.cuts++
		case Cut:
			n.toEtcd.cuts++
			n.fromEtcd.cuts++
		case CutAll, Suspend, Freeze:
			n.isolated++
		case Apart:
			n.apart++
		case Narrow:
			n.narrow++
		case Sick:
			n.sick++
		}
	}
	a.network = n
}

// passes decides whether a message gets through a link now.
func (w *World) passes(a *actor, l *link) bool {
	if l.cuts > 0 || a.isolated > 0 {
		return false
	}
	return l.loss == 0 || !w.links.chance(l.loss)
}

// delay is one way between an actor and etcd: mostly short, sometimes not.
func (w *World) delay(a *actor) time.Duration {
	d := time.Duration(0)
	switch {
	case a.slow && w.sched.Calm:
		d = w.sched.TTL / 20
	case a.slow:
		d = w.transit() + w.links.between(0, w.sched.TTL)
	default:
		d = w.transit()
	}
	if a.clogged > w.now {
		d += time.Duration(a.clogged - w.now)
	}
	return d
}

// transit is one way through the network where nothing is wrong.
func (w *World) transit() time.Duration {
	if w.sched.Calm {
		return time.Millisecond
	}
	d := w.links.between(100*time.Microsecond, 2*time.Millisecond)
	if w.links.chance(20) {
		d += w.links.between(0, 300*time.Millisecond)
	}
	return d
}

// stuck is how much longer a request takes because its connection hangs. A
// repetition goes over another one, and overtakes it (SPEC R1).
func (w *World) stuck(a *actor, e *fsm.Effect) time.Duration {
	d := a.stick
	if d == 0 || e.Kind == fsm.Check || !e.Kind.IsTxn() && e.Kind != fsm.ListKeys {
		return 0
	}
	a.stick = 0
	w.trouble(d)
	return d
}

// atStale reports whether a request goes to the member that is cut off: the
// first try does, a repetition goes to the next one.
func (a *actor) atStale(attempt int) bool { return a.stale && attempt%2 == 0 }
