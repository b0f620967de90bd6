package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// Member is what a driver runs for a node: the machine, the view that informs
// it, and the memory by which another etcd is recognised. Gateway is the same
// for a frontend.
type Member struct {
	Backend Backend
	View    View
	lineage Lineage
}

// NewMember returns a member that waits for Started.
func NewMember(cfg *BackendConfig) *Member {
	return &Member{Backend: NewBackend(cfg), View: NewView(cfg.Name)}
}

// Step routes an event to the view or to the machine.
func (m *Member) Step(now Instant, ev *Event, out *Effects) {
	if m.Backend.phase == Exited {
		return // the view, too, has nobody to tell any more
	}
	// A hook that starts while the tree is being ended would outlive its release.
	m.View.quiet = m.Backend.killing && !mutant.On(mutant.LateNotice)
	step(now, ev, out, &m.Backend, &m.View, &m.lineage)
	if m.Backend.phase == Listing && m.View.phase == viewClosed {
		m.View.Open(now, out)
	}
}

// Next is when the member wants a Tick.
func (m *Member) Next() Instant { return next(&m.Backend, &m.View) }

// Gateway is what a driver runs for a frontend.
type Gateway struct {
	Frontend Frontend
	View     View
	lineage  Lineage
}

// NewGateway returns a gateway that waits for Started.
func NewGateway(cfg *FrontendConfig) *Gateway {
	return &Gateway{Frontend: NewFrontend(cfg), View: NewView("")}
}

// Step routes an event to the view or to the machine.
func (g *Gateway) Step(now Instant, ev *Event, out *Effects) {
	if g.Frontend.phase == FrontExited {
		return
	}
	step(now, ev, out, &g.Frontend, &g.View, &g.lineage)
	if g.Frontend.phase == Vacant && g.View.phase == viewClosed {
		g.View.Open(now, out)
	}
}

// Next is when the gateway wants a Tick.
func (g *Gateway) Next() Instant { return next(&g.Frontend, &g.View) }

// next is the earlier of the two; one that has exited wants nothing more.
func next(m receiver, v *View) Instant {
	if m.over() {
		return Never
	}
	return min(m.Next(), v.Next())
}

var replacedEvent = Event{Kind: EtcdReplaced}

func step(now Instant, ev *Event, out *Effects, m receiver, v *View, l *Lineage) {
	if ev.Kind == Started {
		*l = NewLineage(ev.Held)
		if !mutant.On(mutant.OldFinalsTrusted) {
			v.floor = ev.Held.Floor
		}
	}
	linearizable := (ev.Kind == TxnDone || ev.Kind == Listed) && ev.Outcome == kv.OK
	if linearizable && l.Saw(now, ev.Sent, ev.Header) {
		m.Step(now, &replacedEvent, out)
		v.anew = !mutant.On(mutant.OldFinalsTrusted)
		if ev.Kind != Listed && v.phase != viewClosed {
			v.Open(now, out) // its watch may wait for a revision that is far away
		}
	}
	// Whichever of the two the event is for, the other's timers may be due too;
	// the machine's come before what the view would tell it (SPEC R3).
	switch ev.Kind {
	case Listed, Watched, WatchEnded:
		if !mutant.On(mutant.TimersApart) {
			m.Step(now, &timerEvent, out)
		}
		if !m.over() {
			v.Step(now, ev, out, m)
		}
	default:
		m.Step(now, ev, out)
		if !m.over() {
			v.Step(now, &timerEvent, out, m)
		}
	}
}

// Reset makes the member new and keeps its memory.
func (m *Member) Reset(cfg *BackendConfig) {
	m.Backend, m.lineage = NewBackend(cfg), Lineage{}
	m.View.reset(cfg.Name)
}

// Reset makes the gateway new and keeps its memory.
func (g *Gateway) Reset(cfg *FrontendConfig) {
	g.Frontend, g.lineage = NewFrontend(cfg), Lineage{}
	g.View.reset("")
}
