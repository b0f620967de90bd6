package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// notice is one run of node_state_change that is still to come.
type notice struct {
	action string
	node   string
	state  fsm.State
	rev    kv.Revision
}

var hookTimes = [fsm.NumHooks][2]time.Duration{
	fsm.HookData:            {time.Millisecond, 10 * time.Millisecond},
	fsm.HookPreStart:        {20 * time.Millisecond, 400 * time.Millisecond},
	fsm.HookNotReady:        {20 * time.Millisecond, 300 * time.Millisecond},
	fsm.HookReady:           {time.Millisecond, 50 * time.Millisecond},
	fsm.HookMaster:          {20 * time.Millisecond, 700 * time.Millisecond},
	fsm.HookNodeStateChange: {time.Millisecond, 30 * time.Millisecond},
	fsm.HookDetach:          {time.Millisecond, 200 * time.Millisecond},
	fsm.HookPosition:        {time.Millisecond, 300 * time.Millisecond},
	fsm.HookFollow:          {5 * time.Millisecond, 500 * time.Millisecond},
	fsm.HookMembers:         {5 * time.Millisecond, 300 * time.Millisecond},
	fsm.HookMonitor:         {time.Millisecond, 50 * time.Millisecond},
	fsm.HookFence:           {50 * time.Millisecond, 2 * time.Second},
}

func (w *World) hookTime(h fsm.Hook) time.Duration {
	t := hookTimes[h]
	if w.sched.Calm {
		return t[1]
	}
	return w.hooks.between(t[0], t[1])
}

// runHook starts a hook. Its runner ends it when its time is over.
func (w *World) runHook(a *actor, e *fsm.Effect) {
	n, h := a.node, e.Hook
	if h >= fsm.HookDetach {
		w.runJob(a, e)
		return
	}
	n.hook, n.hookOp = h, e.Op
	d := w.hookTime(h)
	if h == fsm.HookData && !w.sched.Data {
		n.slow[h], n.fails[h] = 0, false // there is no such hook
	}
	n.hangs = n.slow[h] > 0
	if n.hangs {
		d, n.slow[h] = n.slow[h], 0
		w.trouble(d)
	}
	code := 0
	if n.fails[h] {
		code, n.fails[h] = 1, false
		w.trouble(0)
	}
	if h == fsm.HookMaster {
		n.role = e.Env.Epoch
		w.reach(OnHook)
		if w.sched.Log {
			w.beginPromotion(a, e, d, code)
			return
		}
	}
	if e.Timeout > 0 && d > e.Timeout {
		d, code = e.Timeout, 143
	}
	w.check.runs(a, h, d)
	if h == fsm.HookPreStart && w.sched.Data {
		w.makeData(a, &e.Env)
	}
	w.endHookIn(a, d, code)
}

// makeData is pre_start: it creates the data, or moves foreign data aside and
// clones when there is a master (SPEC P2).
func (w *World) makeData(a *actor, env *fsm.HookEnv) {
	if env.GroupData != "" && env.GroupData != a.node.data {
		a.node.data = ""
	}
	if w.sched.Log {
		w.rejoins(a, env)
	}
	if env.Bootstrap && a.node.data == "" {
		w.created++
		a.node.data = dataNames[w.created%len(dataNames)]
		w.creates(a.node)
	}
}

var dataNames = names("data")

// endHookIn lets the running hook end after d.
func (w *World) endHookIn(a *actor, d time.Duration, code int) {
	o := w.ofAgent(a, hookEnds, uint64(a.node.hookOp))
	o.slot = int32(code)
	w.at(d, o)
}

func (w *World) hookEnds(a *actor, o *occurrence) {
	n := a.node
	if n.hook == 0 || uint64(n.hookOp) != o.number {
		w.jobEnds(a, o)
		return
	}
	if n.hook == fsm.HookPreStart && o.slot == 0 && w.sched.Data && n.data == "" && !w.clone(a) {
		w.at(100*time.Millisecond, *o) // nobody to clone from yet
		return
	}
	h := n.hook
	n.hook, n.hookOp = 0, 0
	n.mem.failed = n.mem.failed || o.slot != 0
	if h == fsm.HookMaster && o.slot == 0 {
		n.accepts = true
		w.check.promoted(w, a)
	}
	w.begin(fsm.HookExited)
	w.ev.Op, w.ev.Hook, w.ev.Code = fsm.Op(o.number), h, int(o.slot)
	if h == fsm.HookData {
		w.ev.Absent, w.ev.Output = !w.sched.Data, n.data
	}
	w.step(a)
}

// nextNotice runs node_state_change, one at a time, in order (SPEC H5).
func (w *World) nextNotice(a *actor) {
	n := a.node
	if n.noticed || len(n.notices) == 0 {
		return
	}
	n.noticed = true
	n.notices = append(n.notices[:0], n.notices[1:]...)
	d := w.hookTime(fsm.HookNodeStateChange)
	n.fails[fsm.HookNodeStateChange] = false // a failure is logged, and nothing else (SPEC H3)
	if slow := &n.slow[fsm.HookNodeStateChange]; *slow > 0 {
		d, *slow = min(*slow, n.cfg.HookTimeout[fsm.HookNodeStateChange]), 0
		w.trouble(d)
	}
	w.at(d, occurrence{kind: noticeEnds, actor: a.index, gen: n.tree})
}
