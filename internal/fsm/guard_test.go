package fsm

import "testing"

// TestGuard: scripts of events, each with what the guard does then (SPEC R5).
func TestGuard(t *testing.T) {
	var (
		nothing = GuardActions{}
		fence   = GuardActions{FenceChild: true}
		kill    = GuardActions{KillAgent: true, KillTree: true}
		both    = GuardActions{FenceChild: true, KillAgent: true, KillTree: true}
		exit    = GuardActions{Exit: true}
	)
	tick := func() GuardEvent { return GuardEvent{Kind: GuardTick} }
	arm := func(fence, kill Instant) GuardEvent { return GuardEvent{Kind: GuardArmed, Fence: fence, Kill: kill} }
	gone := GuardEvent{Kind: GuardAgentGone}
	empty := GuardEvent{Kind: GuardTreeGone}
	type step struct {
		now  Instant
		ev   GuardEvent
		want GuardActions
		next Instant
	}
	for name, script := range map[string][]step{
		"before the first lease": {{5, tick(), nothing, Never}, {6, gone, kill, Never}},
		"renewed in time": {
			{5, arm(10, 15), nothing, 10}, {9, arm(20, 25), nothing, 20}, {12, tick(), nothing, 20},
		},
		"the agent hangs": {
			{5, arm(10, 15), nothing, 10},
			{10, tick(), fence, 15},
			{15, tick(), kill, Never},
			{16, empty, exit, Never},
		},
		"a late renewal": {
			{5, arm(10, 15), nothing, 10}, {11, arm(20, 25), fence, 15}, {15, tick(), kill, Never},
		},
		"fenced, then killed earlier": {
			{5, arm(10, 15), nothing, 10}, {10, arm(8, 12), fence, 12}, {12, tick(), kill, Never},
		},
		"asleep past both":    {{5, arm(10, 15), nothing, 10}, {99, arm(200, 205), both, Never}},
		"armed with the past": {{5, arm(1, 3), both, Never}},
		"the agent is gone": {
			{5, arm(10, 15), nothing, 10},
			{6, gone, kill, Never},
			{7, gone, nothing, Never},
			{8, empty, exit, Never},
		},
		"an empty tree is told once": {{5, gone, kill, Never}, {6, empty, exit, Never}, {7, empty, nothing, Never}},
		"an empty tree is no news":   {{5, empty, nothing, Never}, {6, gone, kill, Never}, {7, empty, exit, Never}},
	} {
		g := NewGuard()
		for i, s := range script {
			if got := g.Step(s.now, s.ev); got != s.want || g.Next() != s.next {
				t.Errorf("%s: step %d: %+v, next %v; want %+v, next %v", name, i, got, g.Next(), s.want, s.next)
			}
		}
	}
}
