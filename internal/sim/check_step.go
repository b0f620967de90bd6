package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// Bounds of S21: Steps that one machine may take in a simulated second, and
// requests that it may have under way.
const (
	maxSteps    = 1000
	maxRequests = 64
)

func (c *checker) beforeStep(w *World, a *actor, ev *fsm.Event) {
	c.now = w.now
	if a.witness != nil {
		return
	}
	if a.node == nil {
		c.beforeFront = a.gateway.Frontend
		return
	}
	b := &a.member.Backend
	c.beforePhase = b.Phase()
	c.before = *b
	if ev.Kind == fsm.TxnDone && ev.Outcome == kv.OK && b.Lease() != 0 {
		if it := &ev.Result.Items[0]; it.Present && it.Key == kv.Master && it.Lease == b.Lease() {
			a.node.mem.confirmed = true
		}
	}
	if ev.Kind == fsm.Granted && ev.Outcome == kv.OK {
		a.node.mem.granted = ev.TTL
	}
}

// phaseBefore is where a machine was before the present step.
func (c *checker) phaseBefore(a *actor) fsm.Phase {
	if a.node != nil {
		return c.beforePhase
	}
	return c.beforeFront.Phase()
}

// afterStep holds one Step of a machine against the properties.
func (c *checker) afterStep(w *World, a *actor, ev *fsm.Event, now fsm.Instant) {
	if s := w.out.Stray; s[0] != "" {
		c.fail("S17", a, "%s: in %s there came %q, which cannot be", a.name, s[0], s[1])
		w.out.Stray = [2]string{}
	}
	if a.witness != nil {
		c.mourned(w, a)
		return
	}
	c.staleReply(a, now)
	if a.node == nil {
		if n := a.gateway.Next(); n <= now {
			c.fail("S21", a, "%s wants to be woken %v ago", a.name, now.Sub(n))
		}
		return
	}
	m := &a.node.mem
	c.rate(w, a, now)
	c.view(w, a, ev)
	c.notices(w, a, ev)
	c.rivals(a)
	for i := range w.out.List {
		c.effect(w, a, &w.out.List[i], now)
	}
	if ev.Kind == fsm.WatchEnded { // what was due came first
		m.synced = false
	}
	if c.beforePhase != fsm.Reigning && a.member.Backend.Phase() == fsm.Reigning {
		w.reach(OnMaster)
	}
	if m.reigned && a.member.Backend.Phase() < fsm.Promoting {
		c.fail("S12", a, "%s was master and is in %s again", a.name, a.member.Backend.PhaseName())
	}
	c.masterTTL(w, a, now)
	c.monitorsEnd(a)
	c.leaves(w, a)
}

// asks reports whether the present step has such an effect.
func (w *World) asks(k fsm.EffectKind) bool {
	for i := range w.out.List {
		if w.out.List[i].Kind == k {
			return true
		}
	}
	return false
}

// rate is S21.
func (c *checker) rate(w *World, a *actor, now fsm.Instant) {
	m := &a.node.mem
	if n := a.member.Next(); n <= now && a.up {
		c.fail("S21", a, "%s in %s wants to be woken %v ago", a.name, a.member.Backend.PhaseName(), now.Sub(n))
	}
	if s := w.now / int64(time.Second); s != m.second {
		m.second, m.steps = s, 0
	}
	if m.steps++; m.steps > maxSteps {
		c.fail("S21", a, "%s takes more than %d steps in a second", a.name, maxSteps)
	}
	if a.requests > maxRequests {
		c.fail("S21", a, "%s has more than %d requests under way", a.name, maxRequests)
	}
}

// staleReply is S17: a reply to a request that is over changes nothing.
func (c *checker) staleReply(a *actor, now fsm.Instant) {
	switch {
	case !c.stale:
	case a.node == nil:
		if c.beforeFront.Next() > now && a.gateway.Frontend != c.beforeFront && !c.excused("S17", a) {
			c.fail("S17", a, "%s: a reply that came too late changed the state", a.name)
		}
	case c.before.Next() > now && a.member.Backend != c.before && !c.excused("S17", a):
		c.fail("S17", a, "%s: a reply that came too late changed the state", a.name)
	}
}

// view is S16: the view is what etcd held at its revision.
func (c *checker) view(w *World, a *actor, ev *fsm.Event) {
	m := &a.node.mem
	switch ev.Kind {
	case fsm.Listed:
		if !w.asks(fsm.WatchKeys) {
			return // stale, or failed
		}
		m.cluster = ev.Header.Cluster
	case fsm.Watched:
	default:
		return
	}
	m.synced = true
	v := &a.member.View
	s := &c.states[v.Rev()%stateRing]
	if s.rev != v.Rev() || s.hash != hashItems(v.Items()) {
		c.fail("S16", a, "%s: the view at revision %d is not what etcd held", a.name, v.Rev())
	}
}

const leaving = 1<<fsm.Fenced | 1<<fsm.Releasing | 1<<fsm.Exited

// effect holds one effect of a backend against the properties.
func (c *checker) effect(w *World, a *actor, e *fsm.Effect, now fsm.Instant) {
	m := &a.node.mem
	if m.exited {
		c.fail("S17", a, "%s has exited and asks for %v", a.name, e.Kind)
	}
	c.afterAuthority(a, e, now)
	switch e.Kind {
	case fsm.Publish:
		c.leaseLives(w, a, e)
		c.published(w, a, e)
	case fsm.Claim:
		c.leaseLives(w, a, e)
		c.claims(a, now)
		c.remembers(w, a, e)
		c.electing(w, a)
	case fsm.StartChild, fsm.Bootstrap:
		c.leaseLives(w, a, e)
	case fsm.RunHook:
		c.hook(a, e)
		if e.Hook != fsm.HookData {
			c.leaseLives(w, a, e)
		}
		if e.Hook == fsm.HookMaster {
			c.masterHook(w, a, e, now)
		}
	case fsm.KillTree:
		m.killing = true
	case fsm.ArmGuard:
		c.armed(w, a, e)
	case fsm.WriteMaster:
		if a.member.Backend.Reigning() && e.Node != a.key { // SPEC H6
			c.fail("H6", a, "%s reigns, and its file current_master names %q", a.name, e.Node)
		}
	case fsm.Exit:
		m.exited = true
		switch e.Cause {
		case fsm.CauseMasterTTL:
			w.sometimes(ReignEnded)
		case fsm.CauseMonitor:
			w.sometimes(Sickened)
		}
	case fsm.WatchKeys:
		if e.Rev != a.member.View.Rev()+1 {
			c.fail("S16", a, "%s watches from %d, its view is at %d", a.name, e.Rev, a.member.View.Rev())
		}
	}
}

// afterAuthority is S14: what a node may not do any more once it is leaving.
func (c *checker) afterAuthority(a *actor, e *fsm.Effect, now fsm.Instant) {
	// D may have passed in this very step, which must know it before all else.
	d := c.before.Authority()
	over := leaving&(1<<c.beforePhase) != 0 || c.beforePhase >= fsm.PreStart && d <= now ||
		c.beforePhase == fsm.Draining && d == fsm.Never
	switch e.Kind {
	case fsm.Release, fsm.RevokeLease:
		if a.node.treeAlive() && (e.Kind == fsm.Release || e.Lease == a.member.Backend.Lease()) {
			c.fail("S14", a, "%s: %v while its processes live", a.name, e.Kind)
		}
	case fsm.KeepAlive, fsm.Check, fsm.Publish, fsm.Claim, fsm.Bootstrap, fsm.Register:
		if over {
			c.fail("S14", a, "%s: %v in %s", a.name, e.Kind, a.member.Backend.PhaseName())
		}
	case fsm.MarkMaster:
		if e.On && over {
			c.fail("S14", a, "%s marks itself master while leaving", a.name)
		}
	}
	if e.Kind == fsm.Claim && c.beforePhase == fsm.Draining {
		c.fail("S14", a, "%s claims while draining", a.name)
	}
}

// leaseLives is one half of S3: who acts on authority has a lease that lives.
func (c *checker) leaseLives(w *World, a *actor, e *fsm.Effect) {
	b := &a.member.Backend
	l, ok := w.etcd.Lease(b.Lease())
	if !ok || int64(w.etcdClock.local(w.now)) >= l.Expiry {
		c.fail("S3", a, "%s: %v with an expired lease", a.name, e.Kind)
	}
}

// sound reports whether A6 holds for a lease.
func (c *checker) sound(id kv.LeaseID) bool {
	for _, l := range c.unsafe {
		if l == id {
			return false
		}
	}
	return true
}

// armed is the other half of S3, and S4: authority ends before the lease does.
func (c *checker) armed(w *World, a *actor, e *fsm.Effect) {
	b := &a.member.Backend
	if leaving&(1<<b.Phase()) != 0 {
		return
	}
	d := a.clock.true(e.Fence)
	l, ok := w.etcd.Lease(b.Lease())
	end := w.now
	if ok {
		end = w.etcdClock.true(fsm.Instant(l.Expiry))
	}
	if d > end && !c.excused("S3", a) {
		c.fail("S3", a, "%s believes until %v after its lease ends", a.name, time.Duration(d-end))
	}
	c.deadlineOf(w, a)
	w.reachOwn(a, OnRenewal)
	w.followEdge(a)
}

// deadlineOf is S4 for the reign of this incarnation, if it has one.
func (c *checker) deadlineOf(w *World, a *actor) {
	for i := range c.reigns {
		if r := &c.reigns[i]; r.lease == a.member.Backend.Lease() {
			c.deadline(w, a, r)
		}
	}
}

// claims is S13: who claims is ready, up to date, and may.
func (c *checker) claims(a *actor, now fsm.Instant) {
	// It may have begun to leave in the very step that claims first.
	ready, believes := c.before.Published() == fsm.StateReady, c.before.Believes(now)
	if !ready || !believes || !a.node.mem.synced {
		c.fail("S13", a, "%s claims: ready %v, believing %v, synced %v", a.name, ready, believes, a.node.mem.synced)
	}
}
