package explore

import (
	"fmt"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// start is when exploration begins; only differences matter.
const start = fsm.Instant(time.Hour)

// cluster 0 in the headers switches off the memory by which another etcd is
// recognised (fsm.Lineage). It would never speak: there is one etcd, and no
// revision that a reply carries is older than one seen before it was asked for.
const cluster = 0

// front0 is the frontend's number as an actor; nodes have theirs from 0.
const front0 = int8(maxNodes)

// builder makes successors of states: it runs the machines, carries their
// effects out in the model, and holds each step against the properties.
type builder struct {
	scope    Scope
	cfgs     [maxNodes]fsm.BackendConfig
	frontCfg fsm.FrontendConfig

	s        *state // that is being built
	ownNode  [maxNodes]bool
	ownFront bool
	nodes    []*node // not in use
	fronts   []*front

	out     fsm.Effects
	queue   [64]input // what follows at once; it does not move while it is used
	queued  int
	lending []kv.Item

	choices chooser
	// round is what befalls the round that is being sent: its two requests fare
	// alike.
	fate netFault
	// written is the revision that the present action has made; 0 if none.
	written kv.Revision
	behind  int // views that stay behind in the present tick

	// same finds a revision that holds what next does; nil where none is kept.
	same func(before, next *revision) *revision

	note  string // a property: Options.Note
	noted bool   // it was violated, once
	bad   *Violation
	say   func(format string, args ...any) // nil unless a story is told
}

// input is an event for an actor, with the memory that it points to.
type input struct {
	actor int8
	ev    fsm.Event
	res   kv.Result
}

// Violation is a property that does not hold.
type Violation struct {
	Property string
	Text     string
}

func (v *Violation) String() string { return v.Property + ": " + v.Text }

func newBuilder(scope Scope) *builder {
	b := &builder{scope: scope}
	for i := range b.cfgs {
		b.cfgs[i] = fsm.BackendConfig{
			Name: nodeNames[i], Address: nodeNames[i], TTL: ttl, StopTimeout: 8 * time.Second,
		}
	}
	// Its own key decides nothing, and need not be renewed while anybody looks.
	b.frontCfg = fsm.FrontendConfig{Name: frontName, TTL: 1000 * time.Hour}
	return b
}

// begin makes into a copy of from that shares everything with it.
func (b *builder) begin(from, into *state) {
	*into = *from
	b.s, b.bad, b.written = into, nil, 0
	b.ownNode, b.ownFront = [maxNodes]bool{}, false
}

// node is a node of the state that is being built, for writing.
func (b *builder) node(i int8) *node {
	if b.ownNode[i] {
		return b.s.nodes[i]
	}
	var n *node
	if last := len(b.nodes) - 1; last >= 0 {
		n, b.nodes = b.nodes[last], b.nodes[:last]
	} else {
		n = new(node)
	}
	*n = *b.s.nodes[i]
	b.s.nodes[i], b.ownNode[i] = n, true
	return n
}

func (b *builder) front() *front {
	if b.ownFront {
		return b.s.front
	}
	var f *front
	if last := len(b.fronts) - 1; last >= 0 {
		f, b.fronts = b.fronts[last], b.fronts[:last]
	} else {
		f = new(front)
	}
	*f = *b.s.front
	b.s.front, b.ownFront = f, true
	return f
}

// drop gives back what the state that was built does not share: nobody keeps it.
func (b *builder) drop() {
	for i, own := range b.ownNode {
		if own {
			b.nodes = append(b.nodes, b.s.nodes[i])
		}
	}
	if b.ownFront {
		b.fronts = append(b.fronts, b.s.front)
	}
	b.ownNode, b.ownFront = [maxNodes]bool{}, false
}

// fail keeps the first violation of a step that the search is after, and the
// that there was one which it only notes.
func (b *builder) fail(property, format string, args ...any) {
	switch {
	case property == b.note:
		b.noted = true
		return
	case b.scope.Only != "" && property != b.scope.Only:
		return
	case b.bad == nil:
		b.bad = &Violation{property, fmt.Sprintf(format, args...)}
	}
	if b.say != nil {
		b.say("VIOLATION %s: %s", property, fmt.Sprintf(format, args...))
	}
}

func (b *builder) tell(format string, args ...any) {
	if b.say != nil {
		b.say(format, args...)
	}
}

// input gives an actor an event, and then whatever follows from it at once.
func (b *builder) input(actor int8, ev fsm.Event) {
	b.push(actor, ev)
	b.settle()
}

// settle works the queue off: local reactions are prompt.
func (b *builder) settle() {
	for i := 0; i < b.queued; i++ {
		in := &b.queue[i]
		if in.actor == front0 {
			b.stepFront(&in.ev)
		} else if b.s.nodes[in.actor].up {
			b.stepNode(in.actor, &in.ev)
		}
	}
	b.queued = 0
}

func (b *builder) push(actor int8, ev fsm.Event) {
	in := &b.queue[b.queued] // more would be a machine that never comes to rest
	b.queued++
	in.actor, in.ev = actor, ev
}

// pushReply gives the sender a reply, with a copy of its result.
func (b *builder) pushReply(actor int8, r *reply) {
	b.push(actor, r.ev)
	if in := &b.queue[b.queued-1]; r.ev.Kind == fsm.TxnDone {
		in.res, in.ev.Result = r.res, &in.res
	}
}

func (b *builder) stepNode(i int8, ev *fsm.Event) {
	n := b.node(i)
	now := b.s.now
	b.out.Reset()
	before := n.m.Backend
	if ev.Kind == fsm.Watched || ev.Kind == fsm.Listed {
		b.lend(&n.m.View)
	}
	b.beforeStep(n, ev)
	n.m.Step(now, ev, &b.out)
	b.afterStep(i, n, &before, ev)
	if ev.Kind == fsm.Watched || ev.Kind == fsm.Listed {
		b.settleView(nodeNames[i], &n.m.View)
	}
	if b.say != nil {
		if p, q := fsm.BackendPhase(before.Phase()), n.m.Backend.PhaseName(); p != q {
			b.tell("%s goes from %s to %s", nodeNames[i], p, q)
		}
	}
	for k := range b.out.List {
		e := &b.out.List[k]
		b.executeNode(i, n, &before, e)
		if !n.up {
			return
		}
	}
}

// lend gives the view memory that it may write to.
func (b *builder) lend(v *fsm.View) {
	b.lending = append(b.lending[:0], v.Items()...)
	v.Lend(b.lending)
}

// settleView is S16: the view is what etcd held at its revision. From here on it
// shares that.
func (b *builder) settleView(who string, v *fsm.View) {
	r := b.s.revAt(v.Rev())
	if r == nil || len(r.items) != len(v.Items()) {
		b.fail("S16", "the view of %s is not what etcd held at revision %d", who, v.Rev())
		return
	}
	for k := range r.items {
		if r.items[k] != v.Items()[k] {
			b.fail("S16", "in the view of %s %v is not what etcd held at revision %d", who, r.items[k].Key, v.Rev())
			return
		}
	}
	v.Lend(r.items)
}

// executeNode carries one effect of a backend out.
func (b *builder) executeNode(i int8, n *node, before *fsm.Backend, e *fsm.Effect) {
	b.checkEffect(i, n, before, e)
	now := b.s.now
	switch e.Kind {
	case fsm.GrantLease, fsm.ListKeys:
		b.promptly(i, e)
	case fsm.KeepAlive:
		kinds := 3 // a late reply matters if a claim may be won before it
		if p := n.m.Backend.Phase(); p == fsm.Waiting || p == fsm.Claiming || p == fsm.Confirming {
			kinds = 4
		}
		b.fate = b.hit(kinds)
		b.round(i, n.calls[:], e)
	case fsm.Check:
		b.round(i, n.calls[:], e)
	case fsm.Register, fsm.Publish, fsm.Bootstrap, fsm.Claim, fsm.Confirm, fsm.Release, fsm.RevokeLease:
		b.send(i, n.calls[:], e)
	case fsm.WatchKeys:
		n.watch = e.Op
		b.push(i, fsm.Event{Kind: fsm.Watched, Op: e.Op, Header: b.header()})
	case fsm.StopWatch:
		n.watch = 0
	case fsm.RunHook:
		if e.Hook != fsm.HookMaster {
			b.push(i, fsm.Event{Kind: fsm.HookExited, Op: e.Op, Hook: e.Hook, Absent: e.Hook == fsm.HookData})
			return
		}
		n.tree = true
		b.masterHook(i, n, e)
		n.hook, n.stopped, n.hookBy = e.Op, false, now.Add(b.scope.in(b.scope.Hook))
		b.hookMayEnd(i, n)
	case fsm.StopHooks:
		n.stopped = true
	case fsm.StartChild:
		n.tree = true
		b.push(i, fsm.Event{Kind: fsm.ChildStarted, Op: e.Op, Outcome: kv.OK})
	case fsm.SignalChild:
		b.ask(i, n)
		b.tell("%s signals its child, fenced: %v", nodeNames[i], e.Fenced)
	case fsm.KillTree:
		b.killTree(i, n)
	case fsm.ArmGuard:
		b.arm(i, n, e)
	case fsm.Remember:
		n.held = e.Held
	case fsm.Exit:
		b.tell("%s exits", nodeNames[i])
		if n.tree {
			b.fail("S14", "%s exits while its processes live", nodeNames[i])
		}
		b.agentDies(i)
	}
}

func (b *builder) header() kv.Header { return kv.Header{Cluster: cluster, Rev: b.s.head().n} }

func (b *builder) stepFront(ev *fsm.Event) {
	f := b.front()
	b.out.Reset()
	before := f.g.Frontend
	if ev.Kind == fsm.Watched || ev.Kind == fsm.Listed {
		b.lend(&f.g.View)
	}
	f.g.Step(b.s.now, ev, &b.out)
	if ev.Kind == fsm.Watched || ev.Kind == fsm.Listed {
		b.settleView(frontName, &f.g.View)
	}
	if s := b.out.Stray; s[0] != "" {
		b.fail("S17", "%s: in %s there came %q, which cannot be", frontName, s[0], s[1])
		b.out.Stray = [2]string{}
	}
	if b.say != nil {
		if p, q := fsm.FrontendPhase(before.Phase()), f.g.Frontend.PhaseName(); p != q {
			b.tell("%s goes from %s to %s", frontName, p, q)
		}
	}
	for k := range b.out.List {
		b.executeFront(f, &b.out.List[k])
	}
}

func (b *builder) executeFront(f *front, e *fsm.Effect) {
	switch e.Kind {
	case fsm.GrantLease, fsm.KeepAlive, fsm.Show:
		b.presence(e)
	case fsm.ListKeys:
		b.promptly(front0, e)
	case fsm.ReadRoute:
		if e.Op < 0 {
			b.presence(e)
			return
		}
		b.fate = b.hit(2) // whether it or its reply is lost is all the same
		b.round(front0, f.calls[:], e)
	case fsm.WatchKeys:
		f.watch = e.Op
		b.push(front0, fsm.Event{Kind: fsm.Watched, Op: e.Op, Header: b.header()})
	case fsm.StopWatch:
		f.watch = 0
	case fsm.Route:
		b.routes(f, e)
		f.open, f.epoch = true, e.Epoch
		b.tell("%s routes to %s, epoch %d", frontName, e.Node, e.Epoch)
	case fsm.Unroute:
		f.open = false
	case fsm.Allow:
		f.until = e.Until
	}
}

// presence answers what a frontend does to be seen. It decides nothing.
func (b *builder) presence(e *fsm.Effect) {
	ev := fsm.Event{Kind: fsm.TxnDone, Op: e.Op, Sent: b.s.now, Outcome: kv.OK, Header: b.header(), TTL: b.frontCfg.TTL}
	switch e.Kind {
	case fsm.GrantLease:
		ev.Kind, ev.Lease = fsm.Granted, 1<<40
	case fsm.KeepAlive:
		ev.Kind = fsm.KeptAlive
	}
	b.push(front0, ev)
	if in := &b.queue[b.queued-1]; ev.Kind == fsm.TxnDone {
		in.res = kv.Result{Succeeded: true}
		in.res.Items[0].Present = true
		in.ev.Result = &in.res
	}
}
