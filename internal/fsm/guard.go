package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// GuardEventKind says what a guard learned.
type GuardEventKind uint8

// What happens to a guard.
const (
	GuardTick      GuardEventKind = iota
	GuardArmed                    // the agent sent its deadlines: Fence, Kill
	GuardAgentGone                // the agent ended, or closed its pipe
	GuardTreeGone                 // no descendant is left
	GuardToldLease                // the agent's incarnation, or none when it has given all back: Lease, Limit
	GuardAttested                 // whoever was to attest has ended
)

// GuardEvent is one input of a guard.
type GuardEvent struct {
	Kind        GuardEventKind
	Fence, Kill Instant
	Lease       kv.LeaseID
	Limit       time.Duration // that attesting may take
}

// GuardActions is what a guard does, in this order.
type GuardActions struct {
	FenceChild bool // fence signal to the main process
	KillAgent  bool // SIGKILL to the agent, before anything else dies
	KillTree   bool // SIGKILL to every descendant, until none is left
	Attest     bool // let a helper write the release of Lease, and revoke it (SPEC E11)
	Exit       bool
	Lease      kv.LeaseID
}

// Guard is the parent of an agent: it holds the agent's deadlines as absolute
// times, and enforces them itself whether the agent lives, hangs or is stopped
// (SPEC N7, R5). Whoever killed and reaped the agent's tree knows that it is gone:
// what the agent did not give back itself a helper gives back (SPEC E11). The guard
// itself knows nothing of etcd. A value, like the other machines.
type Guard struct {
	fence, kill Instant
	lease       kv.LeaseID
	limit       time.Duration
	giveUp      Instant
	fenced      bool
	killing     bool
	gone        bool // no process of the tree is left
	done        bool
}

// NewGuard returns a guard that is not armed: before the first lease there is
// no deadline, and nothing that it would have to end.
func NewGuard() Guard { return Guard{fence: Never, kill: Never, giveUp: Never} }

// Next is when the guard wants a GuardTick.
func (g *Guard) Next() Instant {
	switch {
	case g.gone:
		return g.giveUp
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
	case GuardToldLease:
		g.lease, g.limit = ev.Lease, ev.Limit
	case GuardTreeGone:
		g.treeGone(now, &a)
	case GuardAttested:
		g.exit(&a)
	}
	g.fireDue(now, &a)
	return a
}

// treeGone: the agent is among the dead, and cannot have a process started any more.
func (g *Guard) treeGone(now Instant, a *GuardActions) {
	switch {
	case !g.killing || g.gone:
		return
	case g.lease == 0:
		g.gone = true
		g.exit(a)
		return
	}
	g.gone, g.giveUp = true, now.Add(g.limit)
	a.Attest, a.Lease = true, g.lease
}

func (g *Guard) exit(a *GuardActions) {
	if g.gone && !g.done {
		g.done, g.giveUp, a.Exit = true, Never, true
	}
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
	if g.giveUp <= now {
		g.exit(a) // the lease ends by itself
	}
}

func (g *Guard) startKilling(a *GuardActions) {
	if g.killing {
		return
	}
	g.killing, g.fenced = true, true
	a.KillAgent, a.KillTree = true, true
	if mutant.On(mutant.AttestBeforeReaping) && g.lease != 0 {
		a.Attest, a.Lease = true, g.lease
	}
}
