package runtime

import (
	"math"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/guard"
)

// GuardPolicy lets fsm.Guard decide for the guard process. It adds what is no
// matter of safety: signals are passed on, and the exit code is the agent's,
// unless the guard had to end it.
type GuardPolicy struct {
	machine  fsm.Guard
	actions  []guard.Action
	exited   bool // the agent's status is known
	treeGone bool // the machine has not been told yet
	left     bool // processes that may not be signalled are left: nobody is attested
	late     bool // the deadline passed and the agent was still there
	code     int
	limit    time.Duration // that attesting may take
}

// NewGuardPolicy returns the policy of a guard that is not armed yet.
func NewGuardPolicy() *GuardPolicy { return &GuardPolicy{machine: fsm.NewGuard()} }

// Next is when the policy wants a tick.
func (p *GuardPolicy) Next() int64 {
	if next := p.machine.Next(); next != fsm.Never {
		return int64(next)
	}
	return math.MaxInt64
}

// Step takes one event.
func (p *GuardPolicy) Step(now int64, ev guard.Event) []guard.Action {
	p.actions = p.actions[:0]
	in := fsm.GuardEvent{Kind: fsm.GuardTick}
	switch ev.Kind {
	case guard.EventArm:
		in = fsm.GuardEvent{
			Kind: fsm.GuardArmed, Fence: fsm.Instant(ev.Fence), Kill: fsm.Instant(ev.Kill),
		}
	case guard.EventSignal:
		p.add(guard.Action{Kind: guard.ActionForward, Signal: ev.Signal})
	case guard.EventAgentClosed:
		in.Kind = fsm.GuardAgentGone
	case guard.EventAgentExited:
		in.Kind = fsm.GuardAgentGone
		p.exited, p.code = true, ev.Code
	case guard.EventLease:
		in.Kind, in.Lease, in.Limit = fsm.GuardToldLease, kv.LeaseID(ev.Lease), ev.Limit
		p.limit = ev.Limit
	case guard.EventTreeGone:
		p.treeGone, p.left = true, ev.Left
	case guard.EventAttested:
		in.Kind = fsm.GuardAttested
	}
	p.step(now, in)
	if p.exited && p.treeGone { // the agent itself is in the tree
		p.treeGone = false
		p.bury(now)
	}
	return p.actions
}

// bury tells the machine that all are dead, or that there is nothing to be said on
// behalf of anybody.
func (p *GuardPolicy) bury(now int64) {
	if p.left {
		p.step(now, fsm.GuardEvent{Kind: fsm.GuardToldLease})
	}
	p.step(now, fsm.GuardEvent{Kind: fsm.GuardTreeGone})
}

func (p *GuardPolicy) step(now int64, in fsm.GuardEvent) {
	a := p.machine.Step(fsm.Instant(now), in)
	if a.FenceChild {
		p.add(guard.Action{Kind: guard.ActionFence})
	}
	if a.KillTree {
		p.late = in.Kind != fsm.GuardAgentGone
		p.add(guard.Action{Kind: guard.ActionKill})
	}
	if a.Attest {
		p.add(guard.Action{Kind: guard.ActionAttest, Lease: int64(a.Lease), Limit: p.limit})
	}
	if a.Exit {
		if p.late {
			p.code = fsm.ExitAgain
		}
		p.add(guard.Action{Kind: guard.ActionExit, Code: p.code})
	}
}

func (p *GuardPolicy) add(a guard.Action) { p.actions = append(p.actions, a) }
