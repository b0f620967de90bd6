package sim

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// logCheck is what the checker knows of the databases: what clients were told, by
// promotion, and the log that the last master began with.
type logCheck struct {
	promises []promise
	crown    dataLog
	crowned  kv.Epoch

	control  kv.Item   // before the last change of etcd
	epoch    kv.Item   // … too
	list     kv.Record // the last good member list
	serial   int64     // the highest version of one
	promised bool      // it promises that nothing is lost
}

// promise is how much of one reign's writes was acknowledged.
type promise struct {
	id    uint32
	epoch kv.Epoch
	end   int64
}

func (l *logCheck) emptied() logCheck {
	return logCheck{promises: l.promises[:0], crown: dataLog{l.crown.segments[:0]}}
}

// followConfig keeps the member list. Without one, or with k = 0, what was and
// is acknowledged may be lost (SPEC E7).
func (c *checker) followConfig(w *World) {
	it := w.etcd.Get(kv.Config)
	r := &it.Record
	if !it.Present || r.Bad != "" {
		return // nobody claims who has ever known a list
	}
	if r.Serial >= c.serial { // else a backup has brought it back
		c.list, c.serial = *r, r.Serial
	}
	if c.promised = r.K > 0; !c.promised {
		c.promises = c.promises[:0]
	}
}

// acknowledged is S23, first half: what a master acknowledges after another has
// been promoted must be in that one's log, too.
func (c *checker) acknowledged(w *World, m *actor, upTo int64) {
	d := &m.node.db
	if !c.promised || d.k == 0 {
		return
	}
	c.now = w.now
	w.sometimes(Acknowledged)
	s := d.log.last()
	upTo = min(upTo, s.end)
	if s.epoch < c.crowned {
		if !c.crown.holds(s.id, upTo) && !c.excused("S23", nil) {
			c.fail("S23", nil, "%s, of epoch %d, acknowledges up to %d what the master of epoch %d does not have",
				m.name, s.epoch, upTo, c.crowned)
		}
	}
	for i := range c.promises {
		if p := &c.promises[i]; p.id == s.id {
			p.end = max(p.end, upTo)
			return
		}
	}
	c.promises = append(c.promises, promise{s.id, s.epoch, upTo})
}

// diskLost counts the members without data: up to k of them S23 and L1 have to hold,
// with more S23 alone (docs/SAFETY.md, S23).
func (c *checker) diskLost(w *World, a *actor) {
	if !w.sched.Log || !c.promised || !c.list.Armed || !c.list.Members.Has(a.key) {
		return
	}
	w.sometimes(DiskLost)
	lost := 0
	for i := range w.actors[:w.nodes] {
		if m := &w.actors[i]; m.node.data == "" && c.list.Members.Has(m.key) {
			lost++
		}
	}
	if lost > c.list.K {
		w.sometimes(LostTooMany)
	}
}

// promoted is S23, second half: at the end of a master hook the log has whatever
// was acknowledged in any earlier reign.
func (c *checker) promoted(w *World, a *actor) {
	if !w.sched.Log {
		return
	}
	c.now = w.now
	n := a.node
	for _, p := range c.promises {
		if p.epoch < n.role && !n.db.log.holds(p.id, p.end) && !c.excused("S23", nil) {
			e, length := n.db.log.position()
			c.fail("S23", nil, "%s is promoted for epoch %d at (%d %d) without what epoch %d acknowledged up to %d",
				a.name, n.role, e, length, p.epoch, p.end)
		}
	}
	if n.role > c.crowned {
		c.crowned = n.role
		c.crown.copyUpTo(&n.db.log, n.db.log.length())
	}
}

// electing notes at the sending of a claim what its rules rest on.
func (c *checker) electing(w *World, a *actor) {
	m, f := &a.node.mem, a.member.View.Facts()
	m.fences = f.Fences && (m.fences || !m.claims)
	m.claims = true
	c.polled(w, a)
}

// elected looks at a claim that is executed: E8 (no pause), S13 (of the member
// list), K4 (no older one), S20 (what has to be fenced), E6 (the named successor).
func (c *checker) elected(w *World, a *actor, r *kv.Record) {
	control := &c.control // as it was before the claim, which may have deleted it
	if it := w.etcd.Get(kv.Control); it.Present && it.Record.Request == kv.RequestPause {
		c.fail("E8", a, "%s claims while the group is paused", a.name)
	}
	forced := control.Present && control.Record.Request == kv.RequestPromote && control.Record.Node == r.Node
	if forced {
		w.sometimes(LossAccepted)
		c.promises = c.promises[:0]
	}
	if it := w.etcd.Get(kv.Config); it.Present && it.Record.Bad == "" {
		if !it.Record.Members.Has(r.Node) {
			c.fail("S13", a, "%s claims, and is not in the member list %s", a.name, it.Record.Members)
		}
		if held := a.node.held.Serial; it.Record.Serial < held && !forced {
			c.fail("K4", a, "%s has seen version %d of the member list, and claims under version %d",
				a.name, held, it.Record.Serial)
		}
	}
	known := c.epoch.Present && c.epoch.Record.Bad == "" // what an operator has spoilt lists nothing
	if n := len(c.reigns); n > 0 && known && a.node.mem.fences && !c.reigns[n-1].released {
		c.reigns[n-1].owed = true
	}
	if control.Present && control.Record.Request == kv.RequestSwitchover && control.Record.Node == r.Node {
		w.sometimes(Succeeded)
	}
	c.answered(w, a, control)
	for i := range w.actors[:w.nodes] {
		if o := &w.actors[i]; o.up && o.node.cfg.Observer && o.member.Backend.Phase() == fsm.Waiting {
			w.sometimes(Abstained)
		}
	}
}

// outvoted: too few of those who are whole have the group's data and a vote, or
// nobody of them may claim. Only an operator can help (SPEC E7, E9).
func (c *checker) outvoted(w *World) bool {
	config, init := w.etcd.Get(kv.Config), w.etcd.Get(kv.Initialized)
	epoch := w.etcd.Get(kv.EpochKey)
	list := config.Present && config.Record.Bad == ""
	r := &config.Record
	quorum := max(1, w.sched.Quorum)
	if list && r.K > 0 {
		quorum = r.Members.Len() - r.K
	}
	first := ""
	if list && r.K > 0 && !r.Armed {
		first = firstOf(r, &epoch, &init)
		if first != "" {
			quorum = 1
		}
	}
	debts, _ := kv.Debts(epoch.Record.Unfenced)
	owed := w.sched.Fence > 0 && epoch.Present && (len(debts) > 0 || !epoch.Record.Released)
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		owes := !epoch.Record.Released && epoch.Record.Node == a.key
		for _, d := range debts {
			owes = owes || d.Node == a.key
		}
		switch {
		case !w.votes(a, &config), first != "" && first != a.key, owed && (owes || int(a.index) >= w.sched.Fence):
		case w.notHigher(a, &config) >= quorum:
			return false
		}
	}
	return true
}

// firstOf is who has all the data until k others have had it (SPEC P2).
func firstOf(list *kv.Record, epoch, init *kv.Item) string {
	switch {
	case epoch.Present && epoch.Record.Node != "":
		return epoch.Record.Node
	case list.Anchor != "":
		return list.Anchor
	}
	return init.Record.Node
}

// votes reports whether a node is whole, and a member, and has data. No observer is a
// member here.
func (w *World) votes(a *actor, config *kv.Item) bool {
	return !w.impaired(a) && !a.node.cfg.Observer && (w.sched.Members == 0 || config.Record.Members.Has(a.key)) &&
		(!w.sched.Data || a.node.data != "")
}

// notHigher is how many of those who can vote are not higher than a node.
func (w *World) notHigher(a *actor, config *kv.Item) (n int) {
	epoch, length := a.node.db.log.position()
	for i := range w.actors[:w.nodes] {
		o := &w.actors[i]
		e, l := o.node.db.log.position()
		if w.votes(o, config) && (e < epoch || e == epoch && l <= length) {
			n++
		}
	}
	return n
}

// clear is S20: whatever had to be fenced was, before the next is promoted. Who
// claims while no registered node has a fence hook need not mind (SPEC E9).
func (c *checker) clear(a *actor, epoch kv.Epoch) {
	if !a.node.mem.fences {
		return
	}
	for i := range c.reigns {
		if r := &c.reigns[i]; r.epoch < epoch && r.owed && !r.fenced && !r.released {
			c.fail("S20", a, "the hook of epoch %d starts, and epoch %d was not fenced", epoch, r.epoch)
		}
	}
}

// forgetDebts: an operator has deleted or spoilt _epoch, and with it the list.
func (c *checker) forgetDebts(w *World) {
	if e := w.etcd.Get(kv.EpochKey); e.Present && e.Record.Bad == "" {
		return
	}
	for i := range c.reigns {
		c.reigns[i].owed = false
	}
}

// fenced: a fence hook has succeeded.
func (c *checker) fenced(epoch kv.Epoch) {
	for i := range c.reigns {
		if c.reigns[i].epoch == epoch {
			c.reigns[i].fenced = true
		}
	}
}

// monitored counts a node's monitor hooks that failed in a row. What fails during a
// promotion may be the promotion's restart of the program.
func (c *checker) monitored(a *actor, ok bool) {
	m := &a.node.mem
	switch {
	case ok:
		m.sick = 0
	case a.member.Backend.Phase() != fsm.Promoting:
		m.sick++
	}
}

// monitorsEnd is N8: a program that does not work is ended, unless the node sees a
// pause, under which nobody could succeed.
func (c *checker) monitorsEnd(a *actor) {
	limit := a.node.cfg.MonitorFailures
	paused := a.member.View.Facts().Control.Request == kv.RequestPause
	if paused { // after it one more failure is needed, which the next look brings
		a.node.mem.sick = min(a.node.mem.sick, max(0, limit-1))
	}
	if a.node.mem.sick < limit || limit == 0 {
		return
	}
	switch p := a.member.Backend.Phase(); p {
	case fsm.Standby, fsm.Waiting, fsm.Claiming, fsm.Confirming, fsm.Clearing, fsm.Reigning:
		if c.beforePhase == p {
			c.fail("N8", a, "%s goes on although its monitor hook failed %d times in a row", a.name, a.node.mem.sick)
		}
	}
}
