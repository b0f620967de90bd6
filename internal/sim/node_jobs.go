package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// job is a hook that runs beside the state hook: one of the lane, or the monitor.
type job struct {
	op     fsm.Op
	hook   fsm.Hook
	limit  int64         // true time at which its time is over
	rest   time.Duration // that it takes after it has done its work
	code   int           // that it ends with then
	does   bool          // a hook that fails has done its work all the same
	hangs  bool          // it takes long because of a fault
	output string

	node  string // follow: the master's address
	epoch kv.Epoch
	names kv.Names
	k     int
	begun bool  // members: the names are in force
	from  int64 // members: what has to be confirmed
	debt  kv.Debt
}

// retryTime is how soon a hook looks again for what is not there yet.
const retryTime = 100 * time.Millisecond

// termTime is what a hook takes to end after SIGTERM, graceTime what it is
// given before SIGKILL.
const (
	termTime  = 20 * time.Millisecond
	graceTime = 2 * time.Second
)

// job is the running one with this number, or nil.
func (n *node) job(op fsm.Op) *job {
	switch {
	case op == 0:
		return nil
	case n.lane.op == op:
		return &n.lane
	case n.probe.op == op:
		return &n.probe
	}
	return nil
}

// runJob starts a hook beside the state hook.
func (w *World) runJob(a *actor, e *fsm.Effect) {
	n, h := a.node, e.Hook
	j := &n.lane
	if h == fsm.HookMonitor {
		j = &n.probe
	}
	d := w.hookTime(h)
	*j = job{
		op: e.Op, hook: h, limit: forever, does: true, node: e.Address, epoch: e.Epoch, debt: e.Debt,
		names: e.Env.Members, k: e.Env.K,
	}
	if e.Timeout > 0 {
		j.limit = w.now + int64(e.Timeout)
	}
	if n.slow[h] > 0 {
		d, n.slow[h], j.hangs = n.slow[h], 0, true
		w.trouble(min(d, e.Timeout))
	}
	if n.fails[h] {
		n.fails[h] = false
		j.code, j.does = 1, w.sched.Calm || w.data.chance(500)
		w.trouble(0)
	}
	part := d / 2
	if !w.sched.Calm {
		part = time.Duration(w.data.below(int64(d) + 1))
	}
	j.rest = d - part
	w.jobIn(a, j, part)
}

// jobIn lets a job do its work after d.
func (w *World) jobIn(a *actor, j *job, d time.Duration) {
	at := min(w.now+int64(d), j.limit)
	w.agenda.push(occurrence{at: at, kind: jobActs, actor: a.index, gen: a.node.tree, number: uint64(j.op)})
}

// jobActs is a job doing what it is for, or looking again later.
func (w *World) jobActs(a *actor, o *occurrence) {
	j := a.node.job(fsm.Op(o.number))
	if j == nil {
		return
	}
	code, done := j.code, true
	if w.now >= j.limit {
		w.endJobIn(a, j, 0, 143)
		return
	}
	if j.does {
		var failed int
		if failed, done = w.act(a, j); failed != 0 {
			code = failed
		}
	}
	if !done {
		w.jobIn(a, j, retryTime)
		return
	}
	d := j.rest
	if left := time.Duration(j.limit - w.now); d >= left {
		d, code = left, 143
	}
	w.check.runs(a, j.hook, d)
	w.endJobIn(a, j, d, code)
}

// endJobIn lets a job end after d.
func (w *World) endJobIn(a *actor, j *job, d time.Duration, code int) {
	o := w.ofAgent(a, hookEnds, uint64(j.op))
	o.slot = int32(code)
	w.at(d, o)
}

// termJob is SIGTERM to a job, and soon SIGKILL.
func (w *World) termJob(a *actor, j *job) {
	d := termTime
	if a.node.deaf || j.hangs {
		d = graceTime
	}
	if j.op != 0 {
		w.endJobIn(a, j, d, 143)
	}
}

// jobEnds tells the agent of a job's end. It reports whether it was one.
func (w *World) jobEnds(a *actor, o *occurrence) bool {
	j := a.node.job(fsm.Op(o.number))
	if j == nil {
		return false
	}
	if mutant.On(mutant.LateAttach) && j.hook == fsm.HookFollow && o.slot == 143 {
		w.attachLate(a, j)
	}
	h, output := j.hook, j.output
	if h == fsm.HookFence && o.slot == 0 {
		w.check.fenced(j.debt.Epoch)
	}
	if h == fsm.HookMonitor {
		w.check.monitored(a, o.slot == 0)
	}
	*j = job{}
	w.begin(fsm.HookExited)
	w.ev.Op, w.ev.Hook, w.ev.Code, w.ev.Output = fsm.Op(o.number), h, int(o.slot), output
	w.step(a)
	return true
}

// act does a job's work: with what code it fails, and whether it is done.
func (w *World) act(a *actor, j *job) (code int, done bool) {
	n := a.node
	if j.hook == fsm.HookFence {
		return w.fence(j)
	}
	if !n.mainUp {
		return 1, true
	}
	if n.frozen > 0 {
		return 0, false // the program does not answer
	}
	switch j.hook {
	case fsm.HookDetach:
		n.db.upstream = -1
	case fsm.HookPosition:
		j.output = n.db.log.printPosition()
	case fsm.HookFollow:
		return w.attach(a, j)
	case fsm.HookMembers:
		return w.enforce(a, j)
	case fsm.HookMonitor:
		if a.sick > 0 {
			return 1, true
		}
	}
	return 0, true
}

// attach is what follow does: wait until the master has recorded its epoch, see
// whether our log is the beginning of its log, and stream from there on.
func (w *World) attach(a *actor, j *job) (code int, done bool) {
	n := a.node
	m := w.served(j.node)
	if m == nil || m == a || !w.linked(a, m) || !m.node.runs() {
		return 0, false
	}
	if !w.sched.Log {
		return 0, true
	}
	log := &m.node.db.log
	if e, _ := log.position(); e < j.epoch && !mutant.On(mutant.EpochUnrecorded) &&
		!mutant.On(mutant.TimelineAsEpoch) || m.node.role < j.epoch {
		if w.sched.Calm || !w.data.chance(100) {
			return 0, false
		}
		return 1, true
	}
	if !n.db.log.beginsOf(log) {
		w.sometimes(Diverged)
		return fsm.ExitAgain, true
	}
	n.db.upstream = m.index
	return 0, true
}

// attachLate is a follow of which something outlives it.
func (w *World) attachLate(a *actor, j *job) {
	if m := w.served(j.node); m != nil && m != a {
		w.at(w.data.between(termTime, 4*w.sched.TTL), occurrence{
			kind: attachesLate, actor: a.index, gen: a.node.tree, slot: m.index,
		})
	}
}

// served is the node at an address.
func (w *World) served(address string) *actor {
	for i := range w.actors[:w.nodes] {
		if w.actors[i].name == address {
			return &w.actors[i]
		}
	}
	return nil
}

// enforce is what members does: put the names in force, then wait until k of
// the others have what the master has now (SPEC P3).
func (w *World) enforce(a *actor, j *job) (code int, done bool) {
	d := &a.node.db
	if !j.begun {
		j.begun, j.from = true, d.log.length()
		d.names, d.k = j.names, j.k
		if mutant.On(mutant.NoBarrier) {
			return 0, true
		}
		return 0, j.k == 0 // what was told before is of other names
	}
	return 0, w.confirmed(a) >= j.from
}

// fence ends a reign's processes from outside.
func (w *World) fence(j *job) (code int, done bool) {
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if mutant.On(mutant.FenceLies) {
			break
		}
		if a.key == j.debt.Node && a.member.Backend.Lease() == j.debt.Incarnation && !a.node.isDown {
			w.sometimes(FencedOff)
			w.note(a.name, "is fenced")
			w.killContainer(a, 0)
		}
	}
	return 0, true
}
