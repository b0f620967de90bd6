package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// node is what a backend's container holds besides the agent: the guard, the
// main process, what descends from it, hooks, and a disk.
type node struct {
	cfg   fsm.BackendConfig
	guard fsm.Guard
	tree  uint32 // counts containers: signals meant for an earlier one are dropped

	guardUp     bool
	guardPaused int
	guardSince  int64 // true time at which it was stopped
	guardQueue  []occurrence
	guardWakes  uint64
	fence, kill fsm.Instant // as last sent to the guard
	told        kv.LeaseID  // the agent's incarnation, as last told to the guard; 0: it has given all back
	helper      helper

	boots int // times that its machine was booted anew

	mainUp     bool
	starting   fsm.Op // the agent was not yet told that the main process exists
	noStart    bool   // the next start hook cannot be run
	immortal   int64  // until then SIGKILL does not end the child
	rest       bool   // descendants that outlive the main process
	restFor    time.Duration
	frozen     int  // SIGSTOPs of the child in force
	exitLater  bool // it was told to exit while frozen
	exitStatus int
	deaf       bool     // child and hooks ignore all signals but SIGKILL
	role       kv.Epoch // reign for which the child was, or is being, promoted
	accepts    bool     // it takes writes
	parked     []write  // bytes in a frozen child's sockets

	lane      job // the hook of the lane that runs
	probe     job // the monitor that runs
	promotion promotion
	db        database
	reignID   uint32 // of the promotion of this life; 0: none

	hangs   bool // the hook that runs takes long because of a fault
	hook    fsm.Hook
	hookOp  fsm.Op
	slow    [fsm.NumHooks]time.Duration
	fails   [fsm.NumHooks]bool
	notices []notice
	noticed bool // a node_state_change hook runs

	held     fsm.Held // on disk
	data     string   // on disk: id of the data
	master   string   // file current_master
	isMaster bool     // file is_master
	isDown   bool     // nothing runs
	quick    time.Duration
	mem      memory // what the checker remembers of this life
}

func (w *World) newNode(a *actor) {
	s := w.sched
	if a.node == nil {
		a.node = new(node)
	}
	n := a.node
	*n = node{
		notices: n.notices[:0], parked: n.parked[:0], guardQueue: n.guardQueue[:0], db: n.db,
		helper: helper{queue: n.helper.queue[:0], out: n.helper.out},
	}
	n.db.reset()
	a.front, a.gateway = nil, nil
	a.node.isDown = true
	cfg := &a.node.cfg
	*cfg = fsm.BackendConfig{
		Name: a.key, Address: a.name, TTL: s.nodeTTL(int(a.index)), MasterTTL: s.MasterTTL,
		StopTimeout: 8 * time.Second, StartPatience: 30 * time.Second, PublishAfter: s.After,
		PromoteQuorum: s.Quorum,
	}
	for h := range cfg.HookTimeout {
		cfg.HookTimeout[h] = 30 * time.Second
	}
	cfg.HookTimeout[fsm.HookPreStart], cfg.HookTimeout[fsm.HookNotReady] = 0, 0
	cfg.HookTimeout[fsm.HookDetach], cfg.HookTimeout[fsm.HookPosition] = 5*time.Second, 5*time.Second
	s.equip(cfg, int(a.index))
	if a.member == nil {
		a.member = fsm.NewMember(cfg)
	}
	a.member.Reset(cfg) // nothing of an earlier episode is left before it starts
}

// startNode is docker start: a new guard, a new agent, nothing else.
func (w *World) startNode(a *actor) {
	n := a.node
	n.tree++
	w.engines[a.index].life++
	n.cfg.Place = w.place(a)
	n.guard, n.guardUp = fsm.NewGuard(), true
	n.guardQueue = n.guardQueue[:0]
	n.told = 0
	n.mainUp, n.rest, n.exitLater, n.deaf, n.accepts, n.role = false, false, false, false, false, 0
	n.lane, n.probe, n.reignID = job{}, job{}, 0
	n.starting = 0
	n.hook, n.hookOp, n.noticed, n.isDown = 0, 0, false, false
	n.notices, n.parked = n.notices[:0], n.parked[:0]
	n.mem = memory{}
	n.immortal = 0
	a.broken &^= a2
	if !driftBreaks(a.clock.ppm) { // a freeze is over, and what was armed before it is gone
		a.broken &^= a1
	}
	a.edge, a.requests = edge{}, 0
	a.gen++
	a.up, a.next, a.watch.open = true, forever, false
	a.member.Reset(&n.cfg)
	if w.trace != nil {
		w.trace.begins(a)
	}
	w.reachOwn(a, OnStart)
	w.begin(fsm.Started)
	w.ev.Held = n.held
	w.step(a)
}

func (n *node) treeAlive() bool {
	return n.mainUp || n.rest || n.hook != 0 || n.noticed || n.lane.op != 0 || n.probe.op != 0
}

// executeNode carries out what concerns a node's processes and files.
func (w *World) executeNode(a *actor, e *fsm.Effect) {
	n := a.node
	switch e.Kind {
	case fsm.RunHook:
		w.runHook(a, e)
	case fsm.StopHooks:
		if n.hook != 0 && !n.deaf {
			w.endHookIn(a, termTime, 143)
		}
		w.termJob(a, &n.lane)
		w.termJob(a, &n.probe)
	case fsm.EndHook:
		if j := n.job(e.Op); j != nil {
			w.termJob(a, j)
		}
	case fsm.StartChild:
		w.reachOwn(a, OnFork)
		if n.noStart {
			n.noStart = false
			w.at(5*time.Millisecond, w.ofAgent(a, startFails, uint64(e.Op)))
			return
		}
		n.mainUp, n.starting = true, e.Op
		n.db.starts()
		w.at(5*time.Millisecond, occurrence{kind: childIsUp, actor: a.index, gen: n.tree})
	case fsm.SignalChild:
		w.signalChild(a, e.Fenced)
	case fsm.KillTree:
		n.notices = n.notices[:0]
		w.at(w.killDelay(n), occurrence{kind: treeDies, actor: a.index, gen: n.tree})
	case fsm.ArmGuard:
		n.fence, n.kill = e.Fence, e.Kill
		w.tellGuard(a, e.Lease)
		w.guardEvent(a, fsm.GuardEvent{Kind: fsm.GuardArmed, Fence: e.Fence, Kill: e.Kill})
	case fsm.MarkMaster:
		n.isMaster = e.On
	case fsm.WriteMaster:
		n.master = e.Node
	case fsm.Remember:
		n.held = e.Held
	case fsm.Notify:
		n.notices = append(n.notices, notice{e.Action, e.Node, e.State, e.Rev})
		w.nextNotice(a)
	}
}

func (w *World) ofAgent(a *actor, k occurrenceKind, number uint64) occurrence {
	return occurrence{kind: k, actor: a.index, gen: a.gen, number: number}
}

func (w *World) killDelay(n *node) time.Duration {
	wait := time.Duration(max(0, n.immortal-w.now))
	if wait > 0 {
		w.sometimes(Immortal)
	}
	if w.sched.Calm {
		return wait + killTime/4
	}
	return wait + w.childs.between(time.Millisecond, killTime)
}

// nodeTTL is the TTL that a node asks for.
func (s *Schedule) nodeTTL(i int) time.Duration {
	if s.Mixed > 0 && i%2 == 1 {
		return s.Mixed
	}
	return s.TTL
}

func (w *World) signalChild(a *actor, fenced bool) {
	n := a.node
	if !n.mainUp || n.deaf {
		return
	}
	hi := 800 * time.Millisecond
	if fenced {
		hi = 100 * time.Millisecond
	}
	d := hi
	if !w.sched.Calm {
		d = w.childs.between(5*time.Millisecond, hi)
	}
	w.at(d, occurrence{kind: mainExits, actor: a.index, gen: n.tree})
}

// handleProcess is what happens to processes other than agent and guard.
func (w *World) handleProcess(o *occurrence) {
	a := &w.actors[o.actor]
	if o.kind == nodeRestarts {
		w.restart(a)
		return
	}
	n := a.node
	if o.gen != n.tree {
		return
	}
	switch o.kind {
	case childIsUp:
		w.childStarted(a)
	case mainExits:
		if n.frozen > 0 {
			n.exitLater, n.exitStatus = true, int(o.slot)
			return
		}
		w.mainEnds(a, int(o.slot))
	case restExits:
		n.rest = false
	case jobActs:
		w.jobActs(a, o)
	case promotionGoes:
		w.promotionGoes(a, o)
	case attachesLate:
		n.db.upstream = o.slot
	case treeDies:
		if a.up && a.paused > 0 { // stopped in the middle of its walk
			again := *o
			again.at = w.now + int64(killTime)
			w.agenda.push(again)
			return
		}
		w.killAll(a)
		w.childEvent(a, fsm.TreeGone, 0)
	case noticeEnds:
		n.noticed = false
		if a.up {
			w.nextNotice(a)
		}
	}
}

func (w *World) restart(a *actor) {
	switch {
	case a.up, a.dead:
	case a.front != nil:
		w.startFront(a)
	case a.witness != nil:
		w.startWitness(a)
	case a.node.isDown:
		w.startNode(a)
	}
}

// mainEnds: the main process is gone. What it leaves behind may go on.
func (w *World) mainEnds(a *actor, status int) {
	n := a.node
	if !n.mainUp {
		return
	}
	w.childStarted(a)
	if !a.up {
		w.note(a.name, "its main process ends")
	}
	n.mainUp = false
	if n.restFor > 0 {
		n.rest = true
		w.at(n.restFor, occurrence{kind: restExits, actor: a.index, gen: n.tree})
		n.restFor = 0
	} else {
		n.accepts = false
	}
	w.childEvent(a, fsm.ChildExited, status)
}

// childEvent tells the agent, through its reaper.
func (w *World) childEvent(a *actor, k fsm.EventKind, status int) {
	o := w.ofAgent(a, childTells, uint64(k))
	o.slot = int32(status)
	w.at(0, o)
}

// childStarted tells the agent that the main process exists, once, and before
// anything else about it: the program that starts it sees to that.
func (w *World) childStarted(a *actor) {
	if n := a.node; n.starting != 0 {
		w.at(0, w.ofAgent(a, childTells, uint64(n.starting)<<8|uint64(fsm.ChildStarted)))
		n.starting = 0
	}
}

// killAll is SIGKILL having reached every descendant of the agent.
func (w *World) killAll(a *actor) {
	n := a.node
	if n.rest {
		w.sometimes(LeftOvers)
	}
	if len(n.parked) > 0 && w.traffic() {
		w.note(a.name, "%d writes in its child's sockets are lost", len(n.parked))
	}
	if !mutant.On(mutant.GroupKill) { // what has a session of its own is not of the group
		n.rest = false
	}
	n.accepts, n.hook, n.hookOp, n.noticed = n.rest, 0, 0, false
	n.lane, n.probe = job{}, job{}
	n.notices, n.parked = n.notices[:0], n.parked[:0]
	if n.mainUp {
		w.sometimes(Killed)
		w.childStarted(a)
		n.mainUp = false
		w.childEvent(a, fsm.ChildExited, 137)
	}
}

// agentExits is the Exit effect of a node's agent or a frontend.
func (w *World) agentExits(a *actor) {
	w.check.exited(w, a)
	if a.node != nil {
		w.tellGuard(a, 0)
	}
	w.agentDies(a)
	if a.node == nil {
		w.restartIn(a)
	}
}

// agentDies leaves its descendants to the guard.
func (w *World) agentDies(a *actor) {
	if !a.up {
		return
	}
	a.up = false
	a.watch.open = false
	for i := range a.queue {
		w.dropRPC(&a.queue[i])
	}
	a.queue = a.queue[:0]
	switch {
	case a.front != nil:
		w.unstop(a)
		w.endSessions(a, false)
		return
	case a.witness != nil:
		w.witnessDies(a)
		return
	}
	w.check.died(w, a)
	if a.node.guardUp {
		w.at(time.Millisecond, occurrence{kind: guardHears, actor: a.index, gen: a.node.tree})
		return
	}
	w.check.orphaned(a)
	w.nodeEnds(a)
}

// nodeEnds is the end of a container; the restart policy brings it back.
func (w *World) nodeEnds(a *actor) {
	n := a.node
	w.killAll(a)
	w.note(a.name, "its container has ended")
	n.guardUp, n.isDown = false, true
	w.endHelper(a)
	w.unstop(a)
	w.engines[a.index].restarting = n.quick == 0 && !w.sched.Calm && w.engineR.chance(500)
	w.engineTells(a, "die")
	w.restartIn(a)
}

func (w *World) restartIn(a *actor) {
	d := w.starts.between(50*time.Millisecond, 3*time.Second)
	if w.sched.Calm {
		d = time.Second
	}
	if a.node != nil && a.node.quick > 0 {
		d, a.node.quick = a.node.quick, 0
	}
	w.at(d, occurrence{kind: nodeRestarts, actor: a.index})
}
