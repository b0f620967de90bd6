package runtime

import (
	"math"

	"msdha/internal/fsm"
	"msdha/internal/runtime/guard"
)

// GuardPolicy lets fsm.Guard decide for the guard process. It adds what is no
// matter of safety: signals are passed on, and the exit code is the agent's,
// unless the guard had to end it.
type GuardPolicy struct {
	machine  fsm.Guard
	actions  []guard.Action
	exited   bool // the agent's status is known
	treeGone bool
	late     bool // the deadline passed and the agent was still there
	code     int
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
	case guard.EventTreeGone:
		in.Kind, p.treeGone = fsm.GuardTreeGone, true
	}
	a := p.machine.Step(fsm.Instant(now), in)
	if a.FenceChild {
		p.add(guard.Action{Kind: guard.ActionFence})
	}
	if a.KillTree {
		p.late = in.Kind != fsm.GuardAgentGone
		p.add(guard.Action{Kind: guard.ActionKill})
	}
	if p.exited && p.treeGone {
		if p.late {
			p.code = fsm.ExitAgain
		}
		p.add(guard.Action{Kind: guard.ActionExit, Code: p.code})
	}
	return p.actions
}

func (p *GuardPolicy) add(a guard.Action) { p.actions = append(p.actions, a) }
