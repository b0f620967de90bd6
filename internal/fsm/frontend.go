package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// The phases of a frontend.
const (
	FrontIdle Phase = iota
	Vacant
	Checking
	Routing
	FrontLeaving
	FrontExited
)

// The signals of a frontend's table.
const (
	sigFrontNone Signal = iota
	sigFrontStarted
	sigFrontStop
	sigFrontView
	sigReadSame
	sigReadOther
	sigReadFailed
	sigReadDue
	sigUnconfirmed
	sigFrontRevoked
	sigFrontGiveUp
)

// FrontendConfig is what a frontend is told at start.
type FrontendConfig struct {
	Name    string
	Address string // where it listens, for people
	Version string
	TTL     time.Duration // of its own key; has no part in any deadline (SPEC X4)
	// StartPatience is how long it waits for the first view; 0 forever.
	StartPatience time.Duration
}

// Frontend is the machine of a proxy: which node, if any, may be forwarded to,
// and until when (SPEC X1–X6). Like Backend it is a value.
type Frontend struct {
	cfg   *FrontendConfig
	phase Phase
	ops   Op

	read     request // read of the route under way
	tries    int
	readDue  Instant
	deadline Instant // F: forwarding ends unless confirmed before
	giveUp   Instant

	facts    Facts
	wanted   route // what the view says should be routed; zero: nobody
	routed   route // what is routed, or being checked
	floor    kv.Epoch
	replaced bool        // etcd is another one: the first facts are still to come
	lifted   bool        // … and a lower epoch may come from a _master
	liftRev  kv.Revision // created after this revision

	here  presence
	cause Cause
}

// route names a holder of _master whose node key says master.
type route struct {
	create  kv.Revision
	lease   kv.LeaseID
	epoch   kv.Epoch
	ttl     time.Duration
	node    string
	address string
}

// NewFrontend returns a machine that waits for Started.
func NewFrontend(cfg *FrontendConfig) Frontend {
	return Frontend{
		cfg: cfg, readDue: Never, deadline: Never, giveUp: Never, here: presence{due: Never},
	}
}

// Step takes one event at the local time now; deadlines that passed come first.
func (f *Frontend) Step(now Instant, ev *Event, out *Effects) {
	if !mutant.On(mutant.InputFirst) {
		f.fireDue(now, out)
	}
	if s := f.receive(now, ev, out); s != sigFrontNone {
		f.dispatch(now, s, ev, out)
	}
	f.fireDue(now, out)
}

func (f *Frontend) dispatch(now Instant, s Signal, ev *Event, out *Effects) {
	i := frontendTable.find(f, f.phase, s, ev)
	if i < 0 {
		if i == -2 {
			out.stray(frontendTable.Phases[f.phase], frontendTable.Signals[s])
		}
		return
	}
	out.Rows = append(out.Rows, i)
	row := &frontendTable.Rows[i]
	if row.To != Same {
		f.phase = row.To
	}
	if row.Do != nil {
		row.Do(f, now, ev, out)
	}
}

// Next is when the machine wants a Tick.
func (f *Frontend) Next() Instant {
	return min(f.deadline, f.readDue, f.giveUp, f.here.due)
}

func (f *Frontend) fireDue(now Instant, out *Effects) {
	for {
		switch {
		case f.deadline <= now:
			f.deadline = Never
			f.dispatch(now, sigUnconfirmed, &timerEvent, out)
		case f.giveUp <= now:
			f.giveUp = Never
			f.dispatch(now, sigFrontGiveUp, &timerEvent, out)
		case f.readDue <= now:
			f.readDue = Never
			f.dispatch(now, sigReadDue, &timerEvent, out)
		case f.here.due <= now:
			f.here.due = Never
			f.ops++
			f.here.wake(now, f.ops, f.cfg, out)
		default:
			return
		}
	}
}

func (f *Frontend) receive(now Instant, ev *Event, out *Effects) Signal {
	switch ev.Kind {
	case Started:
		f.floor = ev.Held.Epoch
		return sigFrontStarted
	case StopRequested:
		return sigFrontStop
	case ViewChanged:
		f.observe(ev)
		if mutant.On(mutant.WatchRefreshes) && f.phase == Routing && f.wanted == f.routed {
			f.read.sent = now
			f.confirmed(now, ev, out)
		}
		return sigFrontView
	case EtcdReplaced:
		f.replaced = true
		return sigFrontNone
	case TxnDone:
		if ev.Op == f.read.op && ev.Op != 0 {
			f.read.op = 0
			return f.receiveRead(ev)
		}
	case Revoked:
		if ev.Op == f.read.op && ev.Op != 0 {
			f.read.op = 0
			return sigFrontRevoked
		}
	}
	f.here.receive(now, ev)
	return sigFrontNone
}

// observe works out who should be routed: the node that _master names, if its
// own key says master on the same lease at this revision (SPEC X2), and if the
// epoch is no older than one routed before (SPEC X5).
func (f *Frontend) observe(ev *Event) {
	f.facts = *ev.Facts
	if f.replaced {
		f.replaced, f.lifted, f.liftRev = false, true, f.facts.Rev
	}
	f.wanted = route{}
	m := &f.facts.Master
	if !m.Present || m.Bad || f.facts.RouteState != StateMaster || f.facts.RouteLease != m.Lease {
		return
	}
	if m.Epoch >= f.floor || f.lifted && m.Create > f.liftRev || mutant.On(mutant.FrontNoFloor) {
		f.wanted = route{m.Create, m.Lease, m.Epoch, m.TTL, m.Node, m.Address}
	}
}

// receiveRead compares what a linearizable read found with what is routed.
// Reads: _master, its node's key.
func (f *Frontend) receiveRead(ev *Event) Signal {
	if ev.Outcome != kv.OK {
		return sigReadFailed
	}
	master, node := &ev.Result.Items[0], &ev.Result.Items[1]
	r := &f.routed
	if master.Present && master.Create == r.create && master.Lease == r.lease &&
		node.Present && node.Lease == r.lease && node.Record.State == kv.StateMaster {
		return sigReadSame
	}
	return sigReadOther
}

func wanted(f *Frontend, _ *Event) bool { return f.wanted.create != 0 }

func unchanged(f *Frontend, _ *Event) bool { return f.wanted == f.routed }

func (f *Frontend) begin(now Instant, _ *Event, _ *Effects) {
	f.here.due = now
	if f.cfg.StartPatience > 0 {
		f.giveUp = now.Add(f.cfg.StartPatience)
	}
}

func (f *Frontend) seen(_ Instant, _ *Event, _ *Effects) { f.giveUp = Never }

// ask reads the route linearizably: only a read that was sent now shows what
// is true now; a watch may be behind without knowing it (SPEC X4).
func (f *Frontend) ask(now Instant, _ *Event, out *Effects) {
	f.giveUp, f.readDue = Never, Never
	f.routed = f.wanted
	if mutant.On(mutant.RouteFromView) {
		f.phase, f.read.sent = Routing, now
		f.open(now, &timerEvent, out)
		return
	}
	f.send(now, out)
}

func (f *Frontend) send(now Instant, out *Effects) {
	f.ops++
	f.read = request{op: f.ops, sent: now}
	e, t := out.addTxn(ReadRoute)
	t.Get(kv.Master)
	t.Get(kv.NodeKey(f.routed.node))
	e.Op, e.Timeout, e.Attempt = f.ops, f.routed.ttl/4, f.tries
}

func (f *Frontend) askAgain(now Instant, _ *Event, out *Effects) { f.send(now, out) }

func (f *Frontend) retry(now Instant, _ *Event, _ *Effects) {
	f.tries++
	f.readDue = max(now, f.read.sent.Add(f.routed.ttl/retryParts))
}

// open routes, from a read that found the route confirmed.
func (f *Frontend) open(now Instant, ev *Event, out *Effects) {
	f.floor = max(f.floor, f.routed.epoch)
	if f.lifted {
		f.floor, f.lifted = f.routed.epoch, false
	}
	f.confirmed(now, ev, out)
	e := out.add(Route)
	e.Node, e.Address, e.Epoch = f.routed.node, f.routed.address, f.routed.epoch
}

// confirmed moves F: T after the read was *sent*, by the TTL that the master
// published and never by a larger one of our own (SPEC X4).
func (f *Frontend) confirmed(now Instant, _ *Event, out *Effects) {
	t := f.routed.ttl
	if mutant.On(mutant.OwnLargerTTL) {
		t = max(t, f.cfg.TTL)
	}
	f.tries = 0
	f.deadline = f.read.sent.Add(shorter(t, 1))
	switch {
	case mutant.On(mutant.NoFrontDeadline):
		f.deadline = Never
	case mutant.On(mutant.FrontReceiveDeadline):
		f.deadline = now.Add(shorter(t, 1))
	case mutant.On(mutant.FrontNoDrift):
		f.deadline = f.read.sent.Add(t)
	}
	f.readDue = max(now, f.read.sent.Add(f.routed.ttl/4))
	out.add(Allow).Until = f.deadline
}

// close ends the route: every session is reset at once (SPEC X3).
func (f *Frontend) close(_ Instant, _ *Event, out *Effects) {
	f.read.op = 0
	f.deadline, f.readDue = Never, Never
	if mutant.On(mutant.KeepSessions) {
		out.add(Allow).Until = Never
		return
	}
	out.add(Unroute)
}

func (f *Frontend) closeAndAsk(now Instant, ev *Event, out *Effects) {
	f.close(now, ev, out)
	f.ask(now, ev, out)
}

func (f *Frontend) drop(_ Instant, _ *Event, _ *Effects) {
	f.read.op, f.readDue = 0, Never
}

func (f *Frontend) leave(now Instant, ev *Event, out *Effects) {
	f.close(now, ev, out)
	f.cause = CauseAsked
	f.giveUp = now.Add(time.Second)
	f.ops++
	f.read = request{op: f.ops, sent: now}
	e := out.add(RevokeLease)
	e.Op, e.Lease, e.Timeout = f.ops, f.here.lease, time.Second
	f.here = presence{due: Never}
}

func frontExit(c Cause) func(*Frontend, Instant, *Event, *Effects) {
	return func(f *Frontend, _ Instant, _ *Event, out *Effects) {
		f.read.op = 0
		if f.cause == CauseNone {
			f.cause = c
		}
		f.here, f.giveUp = presence{due: Never}, Never
		e := out.add(Exit)
		e.Cause, e.Code = f.cause, f.cause.exitCode(0)
	}
}

// Phase is what the frontend is doing.
func (f *Frontend) Phase() Phase { return f.phase }

// PhaseName is the phase's name as docs/FSM.md has it.
func (f *Frontend) PhaseName() string { return frontendTable.Phases[f.phase] }

// Routed is the node that is forwarded to; false when none is.
func (f *Frontend) Routed() (node string, epoch kv.Epoch, ok bool) {
	return f.routed.node, f.routed.epoch, f.phase == Routing
}

// Deadline is F: until then the route is known to hold.
func (f *Frontend) Deadline() Instant { return f.deadline }

// Wanted reports whether the view names a master that may be routed to.
func (f *Frontend) Wanted() bool { return f.wanted.create != 0 }

func (f *Frontend) over() bool { return f.phase == FrontExited }
