package runtime

import (
	"math"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/guard"
)

// policyStep is what a policy is told, and what it is to ask for.
type policyStep struct {
	now  int64
	ev   guard.Event
	want []guard.Action
}

var (
	fence  = guard.Action{Kind: guard.ActionFence}
	kill9  = guard.Action{Kind: guard.ActionKill}
	gone   = guard.Event{Kind: guard.EventTreeGone}
	closed = guard.Event{Kind: guard.EventAgentClosed}
	tick   = guard.Event{Kind: guard.EventTick}
)

func exit(code int) guard.Action { return guard.Action{Kind: guard.ActionExit, Code: code} }

func exited(code int) guard.Event { return guard.Event{Kind: guard.EventAgentExited, Code: code} }

func arm(f, k int64) guard.Event { return guard.Event{Kind: guard.EventArm, Fence: f, Kill: k} }

// TestGuardPolicy: what the guard does, in order, and with which code it ends.
func TestGuardPolicy(t *testing.T) {
	for name, steps := range map[string][]policyStep{
		"the agent ends": {
			{1, arm(10, 15), nil}, {2, exited(0), []guard.Action{kill9}}, {3, gone, []guard.Action{exit(0)}},
		},
		"its line is closed first": {
			{1, closed, []guard.Action{kill9}}, {2, exited(70), nil}, {3, gone, []guard.Action{exit(70)}},
		},
		"the tree is gone first": {
			{1, closed, []guard.Action{kill9}}, {2, gone, nil}, {3, exited(70), []guard.Action{exit(70)}},
		},
		"it hangs": {
			{1, arm(10, 15), nil},
			{10, tick, []guard.Action{fence}},
			{14, tick, nil},
			{15, tick, []guard.Action{kill9}},
			{16, exited(137), nil},
			{17, gone, []guard.Action{exit(75)}},
		},
		"it ends itself after the fence": {
			{1, arm(10, 15), nil},
			{10, tick, []guard.Action{fence}},
			{12, exited(75), []guard.Action{kill9}},
			{13, gone, []guard.Action{exit(75)}},
		},
		"it was suspended beyond both": {
			{1, arm(10, 15), nil},
			{20, arm(30, 35), []guard.Action{fence, kill9}},
			{21, exited(137), nil},
			{22, gone, []guard.Action{exit(75)}},
		},
		"it renews": {
			{1, arm(10, 15), nil},
			{9, arm(20, 25), nil},
			{19, arm(math.MaxInt64, math.MaxInt64), nil},
			{90, tick, nil},
		},
		"signals": {
			{1, guard.Event{Kind: guard.EventSignal, Signal: unix.SIGHUP}, []guard.Action{
				{Kind: guard.ActionForward, Signal: unix.SIGHUP},
			}},
			{2, guard.Event{Kind: guard.EventSignal, Signal: unix.SIGTERM}, []guard.Action{
				{Kind: guard.ActionForward, Signal: unix.SIGTERM},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) { follow(t, steps) })
	}
}

// TestGuardPolicyAttests: for whom a helper is started, and how long that is waited for.
func TestGuardPolicyAttests(t *testing.T) {
	lease := func(id int64, limit time.Duration) guard.Event {
		return guard.Event{Kind: guard.EventLease, Lease: id, Limit: limit}
	}
	attest := guard.Action{Kind: guard.ActionAttest, Lease: 7, Limit: 50}
	for name, steps := range map[string][]policyStep{
		"it is killed": {
			{1, lease(7, 50), nil},
			{2, exited(137), []guard.Action{kill9}},
			{3, gone, []guard.Action{attest}},
			{4, tick, nil},
			{5, guard.Event{Kind: guard.EventAttested}, []guard.Action{exit(137)}},
		},
		"its helper hangs": {
			{1, lease(7, 50), nil},
			{2, arm(10, 15), []guard.Action(nil)},
			{16, tick, []guard.Action{fence, kill9}},
			{16, exited(137), nil},
			{17, gone, []guard.Action{attest}},
			{66, tick, nil},
			{67, tick, []guard.Action{exit(75)}},
		},
		"it said goodbye": {
			{1, lease(7, 50), nil},
			{2, lease(0, 0), nil},
			{3, exited(0), []guard.Action{kill9}},
			{4, gone, []guard.Action{exit(0)}},
		},
		"somebody is out of reach": {
			{1, lease(7, 50), nil},
			{2, exited(70), []guard.Action{kill9}},
			{3, guard.Event{Kind: guard.EventTreeGone, Left: true}, []guard.Action{exit(70)}},
		},
		"the tree is gone, the agent is not known to be": {
			{1, lease(7, 50), nil},
			{2, closed, []guard.Action{kill9}},
			{3, gone, nil},
			{4, exited(137), []guard.Action{attest}},
			{5, guard.Event{Kind: guard.EventAttested}, []guard.Action{exit(137)}},
		},
	} {
		t.Run(name, func(t *testing.T) { follow(t, steps) })
	}
}

func follow(t *testing.T, steps []policyStep) {
	t.Helper()
	p := NewGuardPolicy()
	if p.Next() != math.MaxInt64 {
		t.Error("it wants to be woken before it is armed")
	}
	for i, s := range steps {
		if got := p.Step(s.now, s.ev); !slices.Equal(got, s.want) {
			t.Errorf("step %d: %v, want %v", i+1, got, s.want)
		}
		if next := p.Next(); next <= s.now {
			t.Errorf("step %d: wants to be woken at %d, in the past", i+1, next)
		}
	}
}
