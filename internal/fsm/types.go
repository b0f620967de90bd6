package fsm

import (
	"math"
	"time"

	"msdha/internal/fsm/kv"
)

// Instant is a point on one machine's CLOCK_BOOTTIME, in nanoseconds: it never
// jumps, counts suspend, and means nothing on another machine.
type Instant int64

// Never is the instant of a timer that is not set.
const Never Instant = math.MaxInt64

// Add returns the instant d later; Never stays Never, and what lies beyond the
// end of the clock is Never too.
func (t Instant) Add(d time.Duration) Instant {
	if t == Never || d > 0 && t > Never-Instant(d) {
		return Never
	}
	return t + Instant(d)
}

// Sub returns how long after u t is.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// DriftPPM is ρ: the bound on how far two clocks' rates may differ, in parts
// per million (SPEC, words). Crystal oscillators stay below 100.
const DriftPPM = 1000

// longer returns d(1+n·ρ), shorter d(1−n·ρ).
func longer(d time.Duration, n int) time.Duration {
	return d + d/1_000_000*time.Duration(n*DriftPPM)
}

func shorter(d time.Duration, n int) time.Duration {
	return d - d/1_000_000*time.Duration(n*DriftPPM)
}

// Op numbers a request; its reply carries the same number. 0 is no request.
type Op int64

// State is the state of a node as it stands in etcd (SPEC N1).
type State string

// The published states, in the order of a node's life.
const (
	StatePreStart State = "pre_start"
	StateStart    State = "start"
	StateNotReady State = "running_not_ready"
	StateReady    State = "ready"
	StateMaster   State = kv.StateMaster
	StateStopping State = "stopping"
)

// Hook is a program in the hooks directory (SPEC H1).
type Hook uint8

// The hooks of a backend. `start` is not among them: it becomes the child.
const (
	HookNone Hook = iota
	HookData
	HookPreStart
	HookNotReady
	HookReady
	HookMaster
	HookNodeStateChange
	HookDetach   // nothing from any upstream any more, until follow (SPEC E7)
	HookPosition // how far the data reaches
	HookFollow   // attach to a master
	HookMembers  // put a member list in force, and wait for its members (SPEC P3)
	HookMonitor  // does the program still work? (SPEC N8)
	HookFence    // end a reign that nobody proved to have ended (SPEC E9)
	NumHooks
)

var hookNames = [NumHooks]string{
	"", "data", "pre_start", "running_not_ready", "ready", "master", "node_state_change",
	"detach", "position", "follow", "members", "monitor", "fence",
}

// HookSet is a set of hooks: those that a node has.
type HookSet uint32

// With adds a hook.
func (s HookSet) With(h Hook) HookSet { return s | 1<<h }

// Has reports whether the hook is there.
func (s HookSet) Has(h Hook) bool { return s&(1<<h) != 0 }

// String is the hook's file name.
func (h Hook) String() string { return hookNames[h] }

// Cause is why a node ends. It decides the exit code (SPEC N6).
type Cause uint8

// The causes, one log line and one exit code each.
const (
	CauseNone          Cause = iota
	CauseAsked               // asked to stop
	CauseChild               // the main process ended by itself
	CauseEtcdAtStart         // etcd could not be reached at start
	CauseHook                // a state hook failed or timed out
	CauseAuthority           // the deadline passed without a successful round
	CauseNotOurs             // etcd said that our keys are not ours any more
	CauseGuard               // the guard is gone
	CauseMasterTTL           // the master TTL is over
	CauseNameTaken           // another live incarnation holds the name
	CauseRefused             // etcd refuses our requests for good
	CauseDataless            // pre_start succeeded but there is no data of the group
	CauseBootstrapVoid       // another node turned out to have the data
	CauseSwitchover          // an operator asked for another master
	CauseMonitor             // the monitor hook failed too often
	CauseDiverged            // our data and the master's went different ways
	CauseReinit              // an operator asked for a new clone
)

var causeTexts = [...]string{
	CauseNone:          "running",
	CauseAsked:         "asked to stop",
	CauseChild:         "the main process ended",
	CauseEtcdAtStart:   "etcd could not be reached at start",
	CauseHook:          "a hook failed",
	CauseAuthority:     "authority ran out: no renewal succeeded in time",
	CauseNotOurs:       "authority lost: etcd holds other keys than ours",
	CauseGuard:         "the guard process is gone",
	CauseMasterTTL:     "the master TTL is over",
	CauseNameTaken:     "another incarnation holds this name",
	CauseRefused:       "etcd refuses our requests",
	CauseDataless:      "pre_start left no data of this group",
	CauseBootstrapVoid: "another node has the group's data",
	CauseSwitchover:    "a switchover was asked for",
	CauseMonitor:       "the monitor hook failed too often",
	CauseDiverged:      "the data has diverged from the master's: it has to join anew",
	CauseReinit:        "a new clone was asked for",
}

func (c Cause) String() string { return causeTexts[c] }

// Exit codes (SPEC N6), after sysexits(3).
const (
	ExitOK          = 0
	ExitChild       = 1
	ExitUnavailable = 69
	ExitHook        = 70
	ExitAgain       = 75
	ExitConfig      = 78
)

// exitCode is the code for a cause; status is the main process's own.
func (c Cause) exitCode(status int) int {
	switch c {
	case CauseAsked:
		return ExitOK
	case CauseChild:
		if status != 0 {
			return status
		}
		return ExitChild
	case CauseEtcdAtStart:
		return ExitUnavailable
	case CauseHook, CauseDataless, CauseMonitor:
		return ExitHook
	case CauseNameTaken, CauseRefused:
		return ExitConfig
	default:
		return ExitAgain
	}
}
