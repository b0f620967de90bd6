package fsm

import "msdha/internal/fsm/mutant"

// GuardEventKind says what a guard learned.
type GuardEventKind uint8

// What happens to a guard.
const (
	GuardTick      GuardEventKind = iota
	GuardArmed                    // the agent sent its deadlines: Fence, Kill
	GuardAgentGone                // the agent ended, or closed its pipe
	GuardTreeGone                 // no descendant is left
)

// GuardEvent is one input of a guard.
type GuardEvent struct {
	Kind        GuardEventKind
	Fence, Kill Instant
}

// GuardActions is what a guard does, in this order.
type GuardActions struct {
	FenceChild bool // fence signal to the main process
	KillAgent  bool // SIGKILL to the agent, before anything else dies
	KillTree   bool // SIGKILL to every descendant, until none is left
	Exit       bool
}

// Guard is the parent of an agent: it holds the agent's deadlines as absolute
// times, and enforces them itself whether the agent lives, hangs or is stopped
// (SPEC N7, R5). It knows nothing of etcd. A value, like the other machines.
type Guard struct {
	fence, kill Instant
	fenced      bool
	killing     bool
	done        bool
}

// NewGuard returns a guard that is not armed: before the first lease there is
// no deadline, and nothing that it would have to end.
func NewGuard() Guard { return Guard{fence: Never, kill: Never} }

// Next is when the guard wants a GuardTick.
func (g *Guard) Next() Instant {
	switch {
	case g.killing:
		return Never
	case g.fenced:
		return g.kill
	}
	return min(g.fence, g.kill)
}

// Step takes one event. Deadlines come first: an agent that woke up late can
// not re-arm what has passed.
func (g *Guard) Step(now Instant, ev GuardEvent) GuardActions {
	var a GuardActions
	g.fireDue(now, &a)
	switch ev.Kind {
	case GuardArmed:
		g.arm(ev)
	case GuardAgentGone:
		if !mutant.On(mutant.GuardDeaf) {
			g.startKilling(&a)
		}
	case GuardTreeGone:
		if g.killing && !g.done {
			g.done, a.Exit = true, true
		}
	}
	g.fireDue(now, &a)
	return a
}

// arm takes new deadlines. After the fence signal they can only come nearer.
func (g *Guard) arm(ev GuardEvent) {
	switch {
	case mutant.On(mutant.GuardUnarmed):
		return
	case g.fenced:
		g.kill = min(g.kill, ev.Kill)
		return
	}
	g.fence, g.kill = ev.Fence, ev.Kill
}

func (g *Guard) fireDue(now Instant, a *GuardActions) {
	if !g.fenced && g.fence <= now {
		g.fenced, a.FenceChild = true, true
	}
	if g.kill <= now {
		g.startKilling(a)
	}
}

func (g *Guard) startKilling(a *GuardActions) {
	if g.killing {
		return
	}
	g.killing, g.fenced = true, true
	a.KillAgent, a.KillTree = true, true
}
