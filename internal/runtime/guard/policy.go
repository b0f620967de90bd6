package guard

import (
	"syscall"
	"time"
)

// EventKind says what happened.
type EventKind uint8

// What a Policy learns.
const (
	EventTick        EventKind = iota + 1 // Next has come
	EventArm                              // the agent says: Fence and Kill from now on
	EventSignal                           // Signal came from outside
	EventAgentClosed                      // the agent's pipe is closed or carried garbage
	EventAgentExited                      // the agent's process ended; Code
	EventTreeGone                         // after EventAgentExited: nobody is left to kill; Left
	EventLease                            // the agent says: Lease is to be given back for it, within Limit
	EventAttested                         // the helper has ended
)

// Event is one thing that happened. Instants are clock.Now's.
type Event struct {
	Kind   EventKind
	Fence  int64          // EventArm: fence signal at; clock.Never for not yet
	Kill   int64          // EventArm: SIGKILL at, not before Fence
	Signal syscall.Signal // EventSignal
	Code   int            // EventAgentExited: exit code, or 128 + signal
	Left   bool           // EventTreeGone: but for those whom we may not signal
	Lease  int64          // EventLease: 0 for none
	Limit  time.Duration  // EventLease
}

// ActionKind says what to do.
type ActionKind uint8

// What a Policy may ask for.
const (
	ActionForward ActionKind = iota + 1 // Signal to the agent
	ActionFence                         // the fence signal to the main process
	ActionKill                          // SIGKILL to the agent first, then to all descendants
	ActionAttest                        // let a helper give back Lease within Limit; only after EventTreeGone
	ActionExit                          // end the guard with Code, and the helper; only after EventTreeGone
)

// Action is one thing to do.
type Action struct {
	Kind   ActionKind
	Signal syscall.Signal // ActionForward
	Code   int            // ActionExit
	Lease  int64          // ActionAttest
	Limit  time.Duration  // ActionAttest
}

// Policy decides. It is called from one goroutine, does no I/O, and gets the
// time as an argument. Before any other event it gets the tick that is due, so
// that a deadline which passed while the machine was suspended comes before an
// arming that was still in the pipe (SPEC R3).
type Policy interface {
	// Step takes an event and returns what to do, in order. The slice is read
	// before the next call only.
	Step(now int64, ev Event) []Action
	// Next is the instant of the next tick, or clock.Never.
	Next() int64
}
