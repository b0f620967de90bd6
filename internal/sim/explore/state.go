package explore

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// Limits of what one state holds.
const (
	maxNodes  = 4
	maxLeases = 2 * maxNodes
	maxCalls  = 5
	maxReigns = 6
)

// state is the whole group at one point of one course of events. What it points
// to is shared with other states and never written: a successor copies what it
// changes (builder). Times are absolute and grow along a course; the fingerprint
// looks at differences only.
type state struct {
	now     fsm.Instant
	log     []*revision // what some view has not seen yet, and before it what that view shows
	nodes   [maxNodes]*node
	front   *front
	leases  [maxLeases]lease
	last    kv.LeaseID
	reigns  [maxReigns]reign // the latest last
	budget  budgets
	deleted bool // somebody deleted keys, or a lease was a ghost: A6 does not hold
}

func (s *state) head() *revision { return s.log[len(s.log)-1] }

// lease is a lease that etcd still has; id 0 is a free place.
type lease struct {
	id     kv.LeaseID
	owner  int8
	expiry fsm.Instant // from then on etcd may revoke it
	// doomed: the leader asked for its revocation, then another was elected. It
	// may still be carried out, whatever is left of the lease by then.
	doomed bool
	// ghost: its keys are gone, keepalives are granted all the same until etcd
	// removes it, too (etcd issue 14758).
	ghost bool
}

// reign is what is known of one epoch from the outside.
type reign struct {
	epoch    kv.Epoch
	owner    int8
	lease    kv.LeaseID
	ended    bool
	deleted  fsm.Instant // _master was gone
	released bool
	hooked   bool // its master hook has started
}

// pausedWhat says what is stopped.
type pausedWhat uint8

const (
	nothing   pausedWhat = iota
	agentOnly            // SIGSTOP of the agent; guard and child go on
	container            // agent, guard and child: docker pause, or a frozen machine
)

// node is a backend's container.
type node struct {
	m     fsm.Member
	guard fsm.Guard
	up    bool // the agent
	tree  bool // a child or hook is, or may be, alive
	// asked: the child was sent a signal, and may end, or ignore it.
	asked   bool
	killing bool // SIGKILL was sent to all
	killBy  fsm.Instant
	news    bool        // the tree is gone, and the agent was not told
	kill    fsm.Instant // as last sent to the guard
	role    kv.Epoch    // reign for which the child was, or is being, promoted

	hook    fsm.Op // the master hook that runs
	stopped bool   // … and was told to stop
	hookBy  fsm.Instant

	paused  pausedWhat
	resumes fsm.Instant

	watch fsm.Op // its open watch; 0: none
	calls [maxCalls]call
	held  fsm.Held // on disk

	// What the properties need to know of this life.
	confirmed bool // a reply has shown _master on its lease
}

// call is a request that matters, between the machine and etcd.
type call struct {
	state callState
	kind  fsm.EffectKind
	op    fsm.Op
	sent  fsm.Instant
	lease kv.LeaseID
	txn   *kv.Txn
	reply *reply
}

type callState uint8

const (
	free     callState = iota
	sent               // etcd has not executed it
	executed           // the reply is under way
	adrift             // the sender was told Unknown, or is gone; it may still be executed
)

type reply struct {
	ev  fsm.Event
	res kv.Result
}

// front is a frontend.
type front struct {
	g       fsm.Gateway
	watch   fsm.Op
	calls   [maxCalls]call
	open    bool
	epoch   kv.Epoch // as routed last
	until   fsm.Instant
	paused  bool
	resumes fsm.Instant
}

// budgets is how often each fault may still happen.
type budgets [numFaults]uint8

// A fault is what a scope bounds.
type fault uint8

const (
	drops fault = iota
	pauses
	crashes
	leaders
	restarts
	stops
	deletes
	ghosts
	numFaults
)

var faultNames = [numFaults]string{
	"drops", "pauses", "crashes", "leaders", "restarts", "stops", "deletes", "ghosts",
}

func (s *state) leaseOf(id kv.LeaseID) *lease {
	if id == 0 {
		return nil
	}
	for i := range s.leases {
		if s.leases[i].id == id {
			return &s.leases[i]
		}
	}
	return nil
}

// reignOf is the latest reign with that number on that lease; nil if there is
// none.
func (s *state) reignOf(e kv.Epoch, on kv.LeaseID) *reign {
	for i := maxReigns - 1; i >= 0; i-- {
		if r := &s.reigns[i]; e != 0 && r.epoch == e && r.lease == on {
			return r
		}
	}
	return nil
}

func (s *state) lastReign() *reign { return &s.reigns[maxReigns-1] }

func names(prefix string) (all [maxNodes]string) {
	for i := range all {
		all[i] = prefix + string(rune('1'+i))
	}
	return all
}

var nodeNames = names("n")

const frontName = "f1"

func indexOf(name string) int8 {
	for i, n := range nodeNames {
		if n == name {
			return int8(i)
		}
	}
	return -1
}

// revAt is the revision with that number; nil if it is no longer kept.
func (s *state) revAt(n kv.Revision) *revision {
	for _, r := range s.log {
		if r.n == n {
			return r
		}
	}
	return nil
}
