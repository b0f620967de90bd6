package sim

import (
	"fmt"
	"strings"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// TraceHead names the columns of a trace. Who is a node's agent (n1), a
// frontend (f1) or etcd; a machine's line has its phase, or the change of it,
// what it reacted to, with the condition of the table's row, and what it does.
const TraceHead = "  seconds who  phase                       because                            does\n"

// tracer writes an episode down: a line for whatever changes a phase, or
// concerns processes, ports or keys; all writes every Step instead.
type tracer struct {
	b     strings.Builder
	last  []string   // phase of each actor as last written
	until []waitsFor // what each node was last said to wait for
	shown bool       // its first line is written
	all   bool       // every step, not only what changes something
	cause [2]string  // why etcd changes now: what, and of whom
	told  []string   // what was last said of each client
}

type waitsFor struct {
	reason string
	until  fsm.Instant
}

// Trace runs a schedule and returns what happened, line by line.
func Trace(s *Schedule, all bool) (string, *Report) {
	w := NewWorld()
	w.trace = &tracer{all: all}
	w.trace.b.WriteString(TraceHead)
	r := w.Run(s)
	for _, v := range r.Violations {
		fmt.Fprintf(&w.trace.b, "VIOLATION %v\n", v)
	}
	return w.trace.b.String(), r
}

// note writes a line about anything but a machine's Step.
func (w *World) note(who, format string, args ...any) {
	if w.trace != nil {
		w.trace.line(w, who, fmt.Sprintf(format, args...))
	}
}

func (t *tracer) line(w *World, who, text string) {
	if w.now < int64(w.sched.Show) {
		return
	}
	if !t.shown && w.sched.Show > 0 {
		fmt.Fprintf(&t.b, "%9.3f %-4s %s\n", w.sched.Show.Seconds(), "all", t.phases(w))
	}
	t.shown = true
	line := fmt.Sprintf("%9.3f %-4s %s", time.Duration(w.now).Seconds(), who, text)
	t.b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// phases is where everybody was before what is written next.
func (t *tracer) phases(w *World) string {
	var text []string
	for i := range w.actors {
		switch {
		case i >= len(t.last), w.actors[i].witness != nil:
		case w.actors[i].up:
			text = append(text, w.actors[i].name+"="+t.last[i])
		default:
			text = append(text, w.actors[i].name+"=down")
		}
	}
	for i, told := range t.told {
		if told != "" {
			text = append(text, fmt.Sprintf("client%d: %s", i+1, told))
		}
	}
	return strings.Join(text, " ")
}

// begins forgets the earlier life of an actor.
func (t *tracer) begins(a *actor) {
	for len(t.last) <= int(a.index) {
		t.last, t.until = append(t.last, ""), append(t.until, waitsFor{})
	}
	t.last[a.index], t.until[a.index] = "Idle", waitsFor{}
}

// step writes one Step of a machine.
func (t *tracer) step(w *World, a *actor) {
	if a.witness != nil {
		t.witnessed(w, a)
		return
	}
	phase, row := "", fsm.BackendRow
	if a.node != nil {
		phase = a.member.Backend.PhaseName()
	} else {
		phase, row = a.gateway.Frontend.PhaseName(), fsm.FrontendRow
	}
	does := t.does(w, a)
	change, before := phase, t.last[a.index]
	if before != phase {
		change = before + " -> " + phase
	}
	if t.all || before != phase || does != "" {
		t.line(w, a.name, fmt.Sprintf("%-27s %-34s %s", change, t.because(w, row), does))
	}
	t.last[a.index] = phase
}

// routine are signals that are of no interest beside others.
var routine = map[string]bool{"round due": true, "round succeeded": true, "read due": true}

// events are those that may concern the view alone, and so take no row.
var events = map[fsm.EventKind]string{
	fsm.Tick: "(time)", fsm.Listed: "(listing)", fsm.Watched: "(watch)", fsm.WatchEnded: "(watch ended)",
	fsm.KeptAlive: "(keepalive)", fsm.TxnDone: "(transaction)", fsm.Granted: "(lease granted)",
	fsm.Revoked: "(lease revoked)", fsm.HookExited: "(hook)", fsm.ChildExited: "(child exited)",
}

// because lists what the machine reacted to, with the condition that held.
func (t *tracer) because(w *World, row func(int) fsm.RowInfo) string {
	var signals []string
	for _, r := range w.out.Rows {
		info := row(r)
		text := info.On
		if info.Guard != "" {
			text += " [" + info.Guard + "]"
		}
		if n := len(signals); t.all || !routine[info.On] && (n == 0 || signals[n-1] != text) {
			signals = append(signals, text)
		}
	}
	if len(signals) == 0 {
		signals = append(signals, events[w.ev.Kind])
	}
	return strings.Join(signals, ", ")
}

// does lists the effects that a reader wants to see, and what a node that
// waits for the end of a vacancy waits for.
func (t *tracer) does(w *World, a *actor) string {
	var out []string
	for i := range w.out.List {
		if text := describe(w, &w.out.List[i]); text != "" {
			out = append(out, text)
		}
	}
	if a.node != nil && a.member.Backend.Phase() == fsm.Waiting {
		reason, left := a.member.Backend.Explain(w.local(a))
		is := waitsFor{reason, 0}
		if left > 0 {
			is.until = w.local(a).Add(left)
			reason = fmt.Sprintf("it may claim in %.3f s", left.Seconds())
		}
		if was := &t.until[a.index]; *was != is {
			*was = is
			out = append(out, "("+reason+")")
		}
	}
	return strings.Join(out, ", ")
}

func describe(w *World, e *fsm.Effect) string {
	switch e.Kind {
	case fsm.RunHook:
		if e.Hook == fsm.HookMaster {
			return fmt.Sprintf("RunHook(master, epoch %d)", e.Env.Epoch)
		}
		return "RunHook(" + e.Hook.String() + ")"
	case fsm.Claim:
		return fmt.Sprintf("Claim(epoch %d)", w.out.Txns[e.Txn].Then[0].Record.Epoch)
	case fsm.Publish:
		return "Publish(" + w.out.Txns[e.Txn].Then[0].Record.State + ")"
	case fsm.SignalChild:
		if e.Fenced {
			return "SignalChild(fence)"
		}
		return "SignalChild(stop)"
	case fsm.Route:
		return fmt.Sprintf("Route(%s, epoch %d)", e.Node, e.Epoch)
	case fsm.Exit:
		return fmt.Sprintf("Exit(%d: %s)", e.Code, e.Cause)
	case fsm.GrantLease, fsm.Bootstrap, fsm.StopHooks, fsm.KillTree, fsm.StartChild, fsm.Confirm,
		fsm.Release, fsm.RevokeLease, fsm.Inquire, fsm.Attest, fsm.ListKeys, fsm.Unroute:
		return e.Kind.String()
	case fsm.MarkMaster:
		if w.sched.Files {
			return fmt.Sprintf("is_master=%v", e.On)
		}
	case fsm.WriteMaster:
		if w.sched.Files {
			return "current_master=" + e.Node
		}
	case fsm.Notify:
		if w.sched.Notices {
			return strings.TrimSpace(fmt.Sprintf("Notify(%s %s %s", e.Action, e.Node, e.State)) + ")"
		}
	}
	return ""
}

// changed writes what happened to the keys that decide: _master, _epoch and
// nodes' keys that vanish. What a node publishes its own line tells.
func (t *tracer) changed(w *World, items []kv.Item) {
	var what []string
	for i := range items {
		it := &items[i]
		switch k := it.Key.Kind; {
		case k == kv.KindMaster && it.Present:
			what = append(what, fmt.Sprintf("_master is %s, epoch %d", it.Record.Node, it.Record.Epoch))
		case k == kv.KindEpoch && it.Present && it.Record.Released:
			what = append(what, t.released(&it.Record))
		case !it.Present && (k == kv.KindMaster || k == kv.KindEpoch || k == kv.KindNode):
			what = append(what, it.Key.Path()+" is gone")
		}
	}
	if len(what) > 0 {
		t.line(w, "etcd", strings.Join(append([]string{strings.Join(what, ", ")}, t.why()...), " "))
	}
	t.cause = [2]string{}
}

func (t *tracer) released(r *kv.Record) string {
	if r.How == "" {
		return fmt.Sprintf("epoch %d is released", r.Epoch)
	}
	return fmt.Sprintf("epoch %d is released: known from %v", r.Epoch, r.How)
}

func (t *tracer) why() []string {
	switch {
	case t.cause[0] == "":
		return nil
	case t.cause[1] == "":
		return []string{"(" + t.cause[0] + ")"}
	}
	return []string{"(" + t.cause[0] + " of " + t.cause[1] + ")"}
}

// because says why etcd changes next, for the trace.
func (w *World) because(what, whose string) {
	if w.trace != nil {
		w.trace.cause = [2]string{what, whose}
	}
}
