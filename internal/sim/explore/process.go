package explore

import (
	"msdha/internal/fsm"
)

// arm gives the guard its deadlines, with the scope's G where it has one.
func (b *builder) arm(i int8, n *node, e *fsm.Effect) {
	ev := fsm.GuardEvent{Kind: fsm.GuardArmed, Fence: e.Fence, Kill: e.Kill}
	n.kill = e.Kill
	if b.scope.Grace > 0 && e.Kill != fsm.Never {
		ev.Kill = e.Fence.Add(b.scope.in(b.scope.Grace))
		n.kill = ev.Kill
	}
	if n.paused != container {
		b.guardActs(i, n.guard.Step(b.s.now, ev))
	}
}

func (b *builder) guardActs(i int8, act fsm.GuardActions) {
	n := b.node(i)
	if act.FenceChild {
		b.tell("%s's guard sends the fence signal", nodeNames[i])
		b.ask(i, n)
	}
	if act.KillAgent && n.up {
		b.tell("%s's guard kills agent and tree", nodeNames[i])
		b.agentDies(i)
	}
	if act.KillTree && n.tree {
		b.kill(i, n, b.s.now)
	}
}

// killTree is the agent's SIGKILL to its tree. With a G of the scope's own a
// child that heeds no signal is left to the guard, which has that G.
func (b *builder) killTree(i int8, n *node) {
	if b.scope.Grace > 0 && n.m.Backend.Phase() == fsm.Fenced && n.asked && b.s.now < n.kill {
		return
	}
	b.tell("%s kills its tree", nodeNames[i])
	b.kill(i, n, b.s.now)
}

// kill lets the tree die within K of an instant.
func (b *builder) kill(i int8, n *node, at fsm.Instant) {
	by := at.Add(b.scope.in(b.scope.Kill))
	if n.killing {
		by = min(by, n.killBy)
	}
	n.killing, n.killBy = true, by
	b.treeMayDie(i, n)
}

// treeMayDie: SIGKILL takes K at most.
func (b *builder) treeMayDie(i int8, n *node) {
	if n.killing && (n.killBy <= b.s.now || b.choices.pick(2) == 1) {
		b.treeDies(i)
	}
}

// ask lets the child know that it shall end.
func (b *builder) ask(i int8, n *node) {
	n.asked = n.tree && !n.killing
	b.childMayExit(i, n)
}

// childMayExit: a child that was asked to end does so, or takes its time, or
// never does.
func (b *builder) childMayExit(i int8, n *node) {
	if n.asked && n.up && n.paused == nothing && b.choices.pick(2) == 1 {
		n.asked = false
		b.tell("the child of %s ends", nodeNames[i])
		b.push(i, fsm.Event{Kind: fsm.ChildExited})
	}
}

// hookMayEnd: a master hook takes as long as the scope allows.
func (b *builder) hookMayEnd(i int8, n *node) {
	if n.hook == 0 || !n.up || n.paused != nothing || n.hookBy > b.s.now && b.choices.pick(2) == 0 {
		return
	}
	ev := fsm.Event{Kind: fsm.HookExited, Op: n.hook, Hook: fsm.HookMaster}
	if n.stopped {
		ev.Code = 143
	}
	n.hook = 0
	b.push(i, ev)
}

// treeDies is SIGKILL having reached every process below the agent.
func (b *builder) treeDies(i int8) {
	n := b.node(i)
	b.tell("the tree of %s is gone", nodeNames[i])
	n.news, n.tree, n.asked, n.killing, n.killBy = true, false, false, false, 0
	n.role, n.hook = 0, 0
	b.tellAgent(i)
}

// tellAgent is the agent hearing that its tree is gone, if it can hear.
func (b *builder) tellAgent(i int8) {
	n := b.node(i)
	if !n.up || n.paused != nothing || !n.news {
		return
	}
	n.news = false
	b.push(i, fsm.Event{Kind: fsm.ChildExited, Code: 137})
	b.push(i, fsm.Event{Kind: fsm.TreeGone})
}

// agentDies: what it has sent may still arrive.
func (b *builder) agentDies(i int8) {
	n := b.node(i)
	n.up, n.watch, n.hook, n.paused = false, 0, 0, nothing
	n.asked = false
	for k := range n.calls {
		if c := &n.calls[k]; c.state == sent {
			c.state = adrift
		} else if c.state == executed {
			*c = call{}
		}
	}
	if n.tree && !n.killing {
		b.kill(i, n, b.s.now) // the guard hears of it
	}
}

// crash is the end of a container with all that is in it.
func (b *builder) crash(i int8) {
	n := b.node(i)
	n.tree, n.killing, n.killBy, n.role, n.news = false, false, 0, 0, false
	b.agentDies(i)
}

// startNode is docker start.
func (b *builder) startNode(i int8) {
	n := b.node(i)
	n.m.Reset(&b.cfgs[i])
	n.m.View.Lend(nil)
	n.guard = fsm.NewGuard()
	n.kill = fsm.Never
	n.up, n.confirmed, n.news, n.role = true, false, false, 0
	b.input(i, fsm.Event{Kind: fsm.Started, Held: n.held})
}

// tickAll is time moving on by a tick: what is due happens, and what was on its
// way for a tick or more may.
func (b *builder) tickAll() {
	s := b.s
	s.now = s.now.Add(b.scope.tick())
	b.behind = 0
	b.tell("tick %d", int(s.now.Sub(start)/b.scope.tick()))
	for i := range int8(b.scope.Nodes) {
		b.tickNode(i)
	}
	f := s.front
	if f == nil {
		return
	}
	if f.paused && f.resumes <= s.now {
		f = b.front()
		f.paused = false
		b.tell("%s goes on", frontName)
	}
	if !f.paused && f.g.Next() <= s.now {
		b.input(front0, fsm.Event{Kind: fsm.Tick})
	}
	b.catchUpAtTick(front0)
}

func (b *builder) tickNode(i int8) {
	s := b.s
	n := s.nodes[i]
	if !n.up && !n.tree {
		return
	}
	if n.paused != nothing && n.resumes <= s.now {
		n = b.node(i)
		n.paused = nothing
		b.tell("%s goes on", nodeNames[i])
		b.tellAgent(i)
	}
	if n.up && n.paused != container && n.guard.Next() <= s.now {
		n = b.node(i)
		b.guardActs(i, n.guard.Step(s.now, fsm.GuardEvent{Kind: fsm.GuardTick}))
	}
	if n := s.nodes[i]; n.killing || n.asked || n.hook != 0 {
		n = b.node(i)
		b.treeMayDie(i, n)
		b.childMayExit(i, n)
		b.hookMayEnd(i, n)
	}
	b.settle()
	if n := s.nodes[i]; n.up && n.paused == nothing && n.m.Next() <= s.now {
		b.input(i, fsm.Event{Kind: fsm.Tick})
	}
	b.catchUpAtTick(i)
}
