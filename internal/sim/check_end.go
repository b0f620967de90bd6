package sim

import (
	"strings"
	"time"

	"msdha/internal/fsm"
)

// recovery is how long after the last trouble a group may take to be whole:
// a name that is still held, a lease that a new leader extended, the wait, a
// planned stop that ends in SIGKILL, restarts and hooks (L1).
func recovery(s *Schedule) time.Duration {
	return 5*s.TTL + 40*time.Second
}

// heirs reports whether a node other than the last master could follow now.
func (c *checker) heirs(w *World, last int32) bool {
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if !a.up || int32(i) == last {
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
	t := max(w.sched.TTL, minTTL)
	w.sometimes(Prompt)
	limit := 2*t + t/50 + w.sched.TTL/2 + 5*time.Second
	if took := time.Duration(w.now - last.deleted); took > limit {
		c.fail("L1", "%v passed without a fault from the end of epoch %d to the next hook, want at most %v",
			took, last.epoch, limit)
	}
}

// trouble notes that a fault has an effect until d from now.
func (w *World) trouble(d time.Duration) {
	w.check.troubled = max(w.check.troubled, w.now+int64(d))
}

// atEnd is L1, L3 and L4: once all faults have been over for long enough there
// is one master, every frontend routes to it, and everybody else is ready.
func (c *checker) atEnd(w *World) {
	c.now = w.now
	since := w.now - int64(recovery(w.sched))
	if c.troubled > since {
		return
	}
	if n := len(c.reigns); w.sched.MasterTTL > 0 && n > 0 && c.reigns[n-1].hook > since {
		return // never at rest, but reigns go on following each other
	}
	var master *actor
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		b := &a.member.Backend
		if a.up && b.Phase() == fsm.Reigning {
			master = a
		}
	}
	if master == nil {
		if !c.undecidable(w) {
			c.fail("L1", "nobody reigns %v after the last fault: %s",
				time.Duration(w.now-c.troubled), w.phases())
		}
		return
	}
	w.sometimes(Settled)
	for i := range w.actors {
		c.settled(w, &w.actors[i], master)
	}
}

// undecidable: two nodes came to hold different data before the first claim,
// and only an operator may choose (SPEC P2).
func (c *checker) undecidable(w *World) bool {
	for i := range w.actors[:w.nodes] {
		if a := &w.actors[i]; a.up && a.member.View.Facts().DataConflict {
			return true
		}
	}
	return false
}

func (c *checker) settled(w *World, a, master *actor) {
	if a == master {
		return
	}
	if a.front != nil {
		node, epoch, ok := a.gateway.Frontend.Routed()
		if !a.up || !ok || node != master.name || epoch != master.member.Backend.Epoch() {
			c.fail("L3", "%s routes to %q of epoch %d, master is %s of %d: %s",
				a.name, node, epoch, master.name, master.member.Backend.Epoch(), w.phases())
		}
		return
	}
	if !a.up || a.member.Backend.Phase() != fsm.Standby {
		c.fail("L4", "%s has not come back as a slave: %s", a.name, w.phases())
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
		case a.up:
			p = a.gateway.Frontend.PhaseName()
		}
		text = append(text, a.name+"="+p)
	}
	return strings.Join(text, " ")
}
