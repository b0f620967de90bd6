package sim

import (
	"strings"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// recovery is how long after the last trouble a group may take to be whole:
// a name that is still held, a lease that a new leader extended, the wait, a
// planned stop that ends in SIGKILL, restarts and hooks (L1).
func recovery(s *Schedule) time.Duration {
	t := max(s.TTL, s.Mixed)
	for i := range s.Faults {
		if f := &s.Faults[i]; f.Kind == RestartEtcd {
			t = max(t, time.Duration(f.Arg)*time.Second)
		}
	}
	return 5*t + 40*time.Second
}

// heirs reports whether a node other than the last master could follow now.
func (c *checker) heirs(w *World, last int32) bool {
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if !a.up || int32(i) == last || a.node.cfg.Observer {
			continue
		}
		if p := a.member.Backend.Phase(); p == fsm.Standby || p == fsm.Waiting {
			return true
		}
	}
	return false
}

// promptly is L1 where nothing was wrong any more when a reign ended, and
// somebody was ready to follow: twice the TTL of the group, and
// what watches, requests and races for the claim take.
func (c *checker) promptly(w *World, last *reign) {
	if last == nil || !last.heirs || w.sched.Data || c.troubled > last.deleted {
		return
	}
	t := w.longest()
	w.sometimes(Prompt)
	limit, property := 2*t+t/50+w.sched.TTL/2+5*time.Second, "L1"
	if last.released && last.freed == last.deleted { // by itself or on its behalf: nobody waits
		limit, property = w.sched.TTL/2+5*time.Second, "L7"
	}
	if w.sched.Ranks || w.sched.Quorum > 1 || w.sched.Fence > 0 {
		limit += t + 5*time.Second // finals, whom one stands back for (SPEC E7), fence hooks
	}
	if took := time.Duration(w.now - last.deleted); took > limit {
		c.fail(property, nil, "%v passed without a fault from the end of epoch %d to the next hook, want at most %v",
			took, last.epoch, limit)
	}
}

// trouble notes that a fault has an effect until d from now.
func (w *World) trouble(d time.Duration) {
	w.check.troubled = max(w.check.troubled, w.now+int64(d))
}

// atEnd is L1, L3 and L4: once all faults have been over for long enough there
// is one master, every frontend routes to it, and everybody else is ready. In
// the second phase that holds for those who are whole.
func (c *checker) atEnd(w *World) {
	c.now = w.now
	if n := len(c.reigns); n > 0 && c.reigns[n-1].deleted == forever && c.broken&a0 == 0 {
		c.blocked(w, &c.reigns[n-1])
	}
	since := w.now - int64(recovery(w.sched))
	if !w.final && c.troubled > since {
		return
	}
	if n := len(c.reigns); w.sched.MasterTTL > 0 && n > 0 && c.changing(&c.reigns[n-1], since) {
		return // never at rest, but reigns go on following each other
	}
	master := w.reigning()
	if master == nil {
		if !c.undecidable(w) && !(w.final && w.twin(&w.actors[w.core[0]])) {
			c.fail("L1", nil, "nobody reigns %v after the last fault: %s",
				time.Duration(w.now-c.troubled), w.phases())
		}
		return
	}
	if n := len(c.reigns); w.impaired(master) && n > 0 && c.changing(&c.reigns[n-1], since) {
		return // it ends again and again: its program stays sick, and nobody else may reign
	}
	w.sometimes(Settled)
	for i := range w.actors[:w.nodes+w.sched.Fronts] {
		if a := &w.actors[i]; a != master && !w.impaired(a) {
			c.settled(w, a, master)
		}
	}
}

// changing: the last reign began or ended after since. A long one may end just
// before the end of the episode: a master TTL is postponed until others are
// ready, which on a bad link takes as long as it likes.
func (c *checker) changing(last *reign, since int64) bool {
	return last.hook > since || last.deleted > since && last.deleted != forever
}

// reigning is the node that reigns and may.
func (w *World) reigning() *actor {
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if b := &a.member.Backend; a.up && b.Phase() == fsm.Reigning && b.Believes(w.local(a)) {
			return a
		}
	}
	return nil
}

// undecidable: two nodes came to hold different data before the first claim, or
// nobody has the group's data any more. Only an operator may choose (SPEC P2).
func (c *checker) undecidable(w *World) bool {
	if c.outvoted(w) {
		w.sometimes(Unelectable)
		return true
	}
	if !w.sched.Data {
		return false
	}
	init := w.etcd.Get(kv.Initialized)
	lost := init.Present && init.Record.Done
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if a.up && a.member.View.Facts().DataConflict {
			return true
		}
		if a.node.data == init.Record.DataID && !w.impaired(a) {
			lost = false
		}
	}
	return lost
}

func (c *checker) settled(w *World, a, master *actor) {
	if a.front != nil {
		node, epoch, ok := a.gateway.Frontend.Routed()
		if c.broken&a0 != 0 && master.member.Backend.Epoch() < epoch {
			return // elected by a node that knows nothing of what etcd has lost; never back (SPEC X5, K4)
		}
		if !a.up || !ok || node != master.key || epoch != master.member.Backend.Epoch() {
			c.fail("L3", a, "%s routes to %q of epoch %d, master is %s of %d: %s",
				a.name, node, epoch, master.name, master.member.Backend.Epoch(), w.phases())
		}
		return
	}
	if w.twin(a) {
		return // one of the two has the name, the other waits or has given up
	}
	if w.sched.Log && w.impaired(master) {
		return // there may be nobody to clone from
	}
	if !a.up || a.member.Backend.Phase() != fsm.Standby {
		c.fail("L4", a, "%s has not come back as a slave: %s", a.name, w.phases())
	} else if w.sched.Log && a.node.db.upstream != master.index {
		c.fail("L4", a, "%s does not follow %s", a.name, master.name)
	}
}

// phases describes everybody, for messages.
func (w *World) phases() string {
	var text []string
	for i := range w.actors {
		a := &w.actors[i]
		p := "down"
		switch {
		case a.up && a.node != nil:
			p = a.member.Backend.PhaseName()
		case a.up && a.witness != nil:
			p = "up"
		case a.up:
			p = a.gateway.Frontend.PhaseName()
		}
		text = append(text, a.name+"="+p)
	}
	return strings.Join(text, " ")
}

// twin reports whether two nodes have this one's name.
func (w *World) twin(a *actor) bool {
	return w.sched.Twin && (a.index == 0 || int(a.index) == w.nodes-1)
}
