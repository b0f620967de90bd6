package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
)

// EventKind says what happened.
type EventKind uint8

// What a driver reports. A reply carries the Op of its request; every request
// gets exactly one reply, at the latest when its timeout is over (kv.Unknown).
const (
	Tick           EventKind = iota // nothing but time
	Started                         // first event: the process exists
	StopRequested                   // SIGTERM or the like
	GuardLost                       // the guard's end of the pipe is closed
	Granted                         // reply to GrantLease: Lease, TTL
	KeptAlive                       // reply to KeepAlive: TTL
	TxnDone                         // reply to an effect with a transaction: Result
	Revoked                         // reply to RevokeLease
	Listed                          // reply to ListKeys: Items, one revision
	Watched                         // Items changed, complete revisions in order
	WatchEnded                      // reply to WatchKeys: Rev > 0 means compacted up to it
	HookExited                      // reply to RunHook: Hook, Code, Absent, Output
	ChildStarted                    // reply to StartChild: the main process exists
	ChildExited                     // the main process ended: Code (128+n for signal n)
	TreeGone                        // no descendant of the agent is left
	ViewChanged                     // from a View: Facts as of one revision
	ViewLost                        // from a View: the facts may be out of date
	EtcdReplaced                    // from a View: SPEC K4
	Following                       // reply to Follow: events are told from here on
	FollowEnded                     // reply to Follow: no more of them, or none at all
	ContainerEvent                  // the container engine's: Op of Follow, Container, Action
	Inspected                       // reply to Inspect: Engine
	numEventKinds
)

var eventNames = [numEventKinds]string{
	"Tick", "Started", "StopRequested", "GuardLost", "Granted", "KeptAlive", "TxnDone", "Revoked",
	"Listed", "Watched", "WatchEnded", "HookExited", "ChildStarted", "ChildExited", "TreeGone",
	"ViewChanged", "ViewLost", "EtcdReplaced", "Following", "FollowEnded",
	"ContainerEvent", "Inspected",
}

func (k EventKind) String() string { return eventNames[k] }

// Event is one input of a machine. It is flat and belongs to the driver; a
// machine keeps no reference to Result, Items or Facts beyond the Step.
type Event struct {
	Kind    EventKind
	Op      Op
	Sent    Instant // replies: when the Step that asked for it was made
	Outcome kv.Outcome
	Header  kv.Header
	Lease   kv.LeaseID
	TTL     time.Duration
	Rev     kv.Revision
	Hook    Hook
	Code    int
	Absent  bool   // HookExited: there is no such hook
	Gap     bool   // ViewChanged: what happened since the last one was not seen
	Output  string // HookExited: first line of its output, for data and position
	Held    Held   // Started
	Result  *kv.Result
	Items   []kv.Item
	Facts   *Facts

	// A witness's.
	Groups    []GroupKeys // Listed: all groups that it serves, as of one revision
	Container string
	Action    string          // ContainerEvent: die, destroy, …
	Engine    *ContainerState // Inspected, where the outcome is kv.OK
}

// Held is what a node remembers on its disk across lives (SPEC K4).
type Held struct {
	Cluster uint64
	Rev     kv.Revision
	Epoch   kv.Epoch
	// TTL is the largest that was known when Epoch was: what has to be waited for
	// if etcd has forgotten the reign (found by the simulator, S5).
	TTL time.Duration
	// Floor: this etcd took the place of another one, and what was written up to here
	// is of its past. 0 where that is not so, or where a higher epoch has come since.
	Floor kv.Revision `json:",omitempty"`
	// Serial is the highest version of a member list that was seen.
	Serial int64 `json:",omitempty"`
	// Reinit: an operator wants the data here replaced by a clone.
	Reinit bool `json:",omitempty"`
}
