package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
)

// EffectKind says what a driver shall do.
type EffectKind uint8

// What the machines ask for, in the imperative. The kinds from Register to
// Show are etcd transactions: Effect.Txn spells them out.
const (
	NoEffect    EffectKind = iota
	GrantLease             // TTL
	KeepAlive              // Lease
	RevokeLease            // Lease
	ListKeys               // the whole group, linearizably
	WatchKeys              // from revision Rev on
	StopWatch              // the watch with this Op
	Register               // put our keys if the name is free
	Check                  // are our keys still ours?
	Publish                // put our state
	Bootstrap              // become the node that creates the data
	Claim                  // become master
	Confirm                // read what became of a claim
	Release                // the tree is gone: give the reign up
	Vote                   // publish our final for the vacancy (SPEC E7)
	Settle                 // the member list is in force: write it to _config (SPEC P3)
	Repay                  // a reign is fenced: take it off _epoch's list (SPEC E9)
	Inquire                // read what a dead incarnation has left
	Attest                 // release it on its behalf (SPEC E11)
	ReadRoute              // frontend: read _master and its node's key
	Show                   // frontend: put our _frontends key
	RunHook                // Hook, with Timeout (0: none)
	StopHooks              // SIGTERM to every running hook's processes
	EndHook                // SIGTERM, soon SIGKILL, to the hook with this Op
	StartChild             // exec the start hook
	SignalChild            // planned stop, or Fenced: the fence signal
	KillTree               // SIGKILL every descendant until none is left
	ArmGuard               // the guard's deadlines: Fence, Kill; our incarnation: Lease, TTL
	MarkMaster             // the file is_master exists from now on: On
	WriteMaster            // the files current_master(_address): Node, Address
	Remember               // write Held to disk
	Notify                 // queue a node_state_change: Action, Node, State
	Route                  // forward to Address, for Epoch
	Unroute                // close the port, reset every session
	Allow                  // forwarding is allowed until Until
	Follow                 // witness: tell the container engine's events
	Inspect                // witness: ask the container engine for Container's state
	Exit                   // end the process: Code, Cause
	numEffectKinds
)

var effectNames = [numEffectKinds]string{
	"NoEffect", "GrantLease", "KeepAlive", "RevokeLease", "ListKeys", "WatchKeys", "StopWatch",
	"Register", "Check", "Publish", "Bootstrap", "Claim", "Confirm", "Release", "Vote", "Settle",
	"Repay", "Inquire", "Attest", "ReadRoute", "Show", "RunHook", "StopHooks", "EndHook", "StartChild", "SignalChild",
	"KillTree", "ArmGuard", "MarkMaster", "WriteMaster", "Remember", "Notify", "Route", "Unroute", "Allow",
	"Follow", "Inspect", "Exit",
}

func (k EffectKind) String() string { return effectNames[k] }

// IsTxn reports whether the effect is an etcd transaction.
func (k EffectKind) IsTxn() bool { return k >= Register && k <= Show }

// Answer is the event that replies to an effect which asks etcd for something.
func (k EffectKind) Answer() EventKind {
	switch k {
	case GrantLease:
		return Granted
	case KeepAlive:
		return KeptAlive
	case RevokeLease:
		return Revoked
	case ListKeys:
		return Listed
	case Inspect:
		return Inspected
	}
	return TxnDone
}

// Effect is one thing to do. Effects of a Step are carried out in their order;
// what waits for an answer is sent without waiting for it.
type Effect struct {
	Kind    EffectKind
	Op      Op            // requests: the number that the reply repeats
	Timeout time.Duration // requests: no reply by then is kv.Unknown; hooks: time limit, 0 none
	Attempt int           // requests: failures in a row before it; picks the endpoint
	Txn     int           // transactions: index in Effects.Txns

	Lease kv.LeaseID
	TTL   time.Duration
	Rev   kv.Revision

	Hook    Hook
	Env     HookEnv // RunHook, StartChild
	Action  string  // Notify: init, PUT or DELETE
	Node    string  // Notify, WriteMaster, Route, the follow hook
	State   State   // Notify
	Address string  // WriteMaster, Route, the follow hook
	Epoch   kv.Epoch
	Debt    kv.Debt // the fence hook

	Fenced bool    // SignalChild: with the fence signal, not the stop signal
	On     bool    // MarkMaster
	Fence  Instant // ArmGuard: fence signal at
	Kill   Instant // ArmGuard: SIGKILL at
	Until  Instant // Allow
	Held   Held    // Remember
	Code   int     // Exit
	Cause  Cause   // Exit

	Container string // Inspect
	Group     string // of a witness's request to etcd, as it serves several
}

// HookEnv is what a hook learns from its environment beyond the configuration
// (SPEC H2).
type HookEnv struct {
	State     State
	Epoch     kv.Epoch // of the present or last reign; our own in the master hook
	Master    string   // node that reigns, or empty
	Previous  string   // master before us, in the master hook
	Bootstrap bool     // this node creates the group's data (SPEC P2)
	GroupData string   // id of the group's data, where it exists
	LockRev   kv.Revision
	Members   kv.Names // that the database is to wait for, all but the master itself
	K         int      // how many of them
	Reinit    bool     // the data here is to be replaced by a clone
}

// Effects is the output of Steps. It belongs to the driver, which empties it
// with Reset after carrying the effects out; once warm nothing is allocated.
type Effects struct {
	List []Effect
	Txns []kv.Txn
	// Rows are the indices of the transitions taken, for logs and coverage.
	Rows []int
	// Stray names the last signal that came where the table says it cannot: a
	// bug, harmless to the machine, which ignores it. Reset leaves it.
	Stray [2]string
}

func (e *Effects) stray(phase, signal string) { e.Stray = [2]string{phase, signal} }

// Reset empties the effects and keeps their memory.
func (e *Effects) Reset() {
	e.List, e.Txns, e.Rows = e.List[:0], e.Txns[:0], e.Rows[:0]
}

// add appends an empty effect of the kind and returns it for filling in. The
// pointer is good until the next add.
func (e *Effects) add(k EffectKind) *Effect {
	e.List = append(e.List, Effect{Kind: k})
	return &e.List[len(e.List)-1]
}

// dropTxn takes the last effect back, which is a transaction.
func (e *Effects) dropTxn() { e.List, e.Txns = e.List[:len(e.List)-1], e.Txns[:len(e.Txns)-1] }

// addTxn appends an effect of the kind with an empty transaction.
func (e *Effects) addTxn(k EffectKind) (*Effect, *kv.Txn) {
	if len(e.Txns) < cap(e.Txns) {
		e.Txns = e.Txns[:len(e.Txns)+1]
	} else {
		e.Txns = append(e.Txns, kv.Txn{})
	}
	i := len(e.Txns) - 1
	t := &e.Txns[i]
	t.NIf, t.NThen, t.NRead = 0, 0, 0
	f := e.add(k)
	f.Txn = i
	return f, t
}
