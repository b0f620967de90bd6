package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// promotion is a master hook that works on a database, in thirds: refuse all
// clients and put the member list in force; promote; record the epoch, admit.
type promotion struct {
	stage int
	third time.Duration
	limit int64
	code  int // that it ends with, after failAt stages
	until int
}

// Stages of a promotion.
const (
	stageRefuse = iota
	stagePromote
	stageRecord
)

// beginPromotion starts the master hook of a node with a database.
func (w *World) beginPromotion(a *actor, e *fsm.Effect, d time.Duration, code int) {
	n := a.node
	n.db.names, n.db.k = e.Env.Members, e.Env.K
	n.promotion = promotion{stage: stagePromote, third: d / 3, limit: forever, code: code, until: stageRecord}
	if e.Timeout > 0 {
		n.promotion.limit = w.now + int64(e.Timeout)
	}
	if code != 0 {
		n.promotion.until = int(w.data.below(3))
	}
	w.promoteIn(a, n.promotion.third)
}

func (w *World) promoteIn(a *actor, d time.Duration) {
	p := &a.node.promotion
	w.agenda.push(occurrence{
		at: min(w.now+int64(d), p.limit), kind: promotionGoes, actor: a.index, gen: a.node.tree,
		slot: int32(p.stage), number: uint64(a.node.hookOp),
	})
}

// promotionGoes is the next step of a master hook.
func (w *World) promotionGoes(a *actor, o *occurrence) {
	n := a.node
	p := &n.promotion
	switch {
	case n.hook != fsm.HookMaster || uint64(n.hookOp) != o.number || int(o.slot) != p.stage:
		return
	case w.now >= p.limit:
		w.endHookIn(a, 0, 143)
		return
	case p.stage > p.until || !n.mainUp:
		w.endHookIn(a, 0, 1)
		return
	case n.frozen > 0:
		w.promoteIn(a, retryTime)
		return
	}
	switch p.stage {
	case stagePromote:
		w.promote(a)
		if mutant.On(mutant.AdmittedEarly) {
			n.accepts = true
		}
		if mutant.On(mutant.SessionsKept) { // the INSERT of a session that was open before
			n.accepts = true
			n.db.log.last().end++
		}
	case stageRecord:
		w.recordEpoch(a)
		p.stage++
		d := min(p.third, time.Duration(p.limit-w.now))
		w.endHookIn(a, d, p.code)
		return
	}
	p.stage++
	w.promoteIn(a, p.third)
}

// rejoins is pre_start on a node with a database: data that the present master
// does not have is replaced, and so is what an operator wants replaced (SPEC P1).
func (w *World) rejoins(a *actor, env *fsm.HookEnv) {
	n := a.node
	if env.Reinit {
		w.sometimes(ClonedAnew)
		n.loseData()
	}
	if env.Bootstrap && n.data == "" || n.data == "" {
		n.db.log.empty()
	}
	if m := w.cloneable(a); m != nil && n.data != "" && !n.db.log.beginsOf(&m.node.db.log) {
		w.sometimes(Rejoined)
		n.loseData() // rewound or cloned: until that is done there is none
	}
}

// loseData moves the data aside: what is there later is another copy.
func (n *node) loseData() {
	n.data = ""
	n.db.log.empty()
}

// creates is the data of a new group. Where every copy of the old one's is lost
// nothing is left to be promised.
func (w *World) creates(n *node) {
	left := false
	for i := range w.actors[:w.nodes] {
		left = left || w.actors[i].node.data != "" && w.actors[i].node != n
	}
	if !left {
		w.check.promises = w.check.promises[:0]
	}
	w.promotions++
	n.db.log.segments = append(n.db.log.segments[:0], segment{id: w.promotions, end: 1, mark: 1})
}

// cloneable is the node that the file current_master names, if it serves.
func (w *World) cloneable(a *actor) *actor {
	for i := range w.actors[:w.nodes] {
		m := &w.actors[i]
		if m == a || m.key != a.node.master || !m.node.accepts || !m.node.mainUp {
			continue
		}
		if w.sched.Log && (m.node.frozen > 0 || !w.linked(a, m)) {
			continue
		}
		return m
	}
	return nil
}

// clone copies the data of the master, if there is one.
func (w *World) clone(a *actor) bool {
	m := w.cloneable(a)
	if m == nil {
		return false
	}
	a.node.data = m.node.data
	if w.sched.Log {
		a.node.db.log.copyUpTo(&m.node.db.log, m.node.db.log.length())
	}
	return true
}

// firstNodes are the names of the first n nodes, for each n.
var firstNodes = func() (all [maxActors + 1]kv.Names) {
	for i := range maxActors {
		all[i+1] = all[i].With(nodeNames[i])
	}
	return all
}()
