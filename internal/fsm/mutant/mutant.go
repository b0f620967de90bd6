// Package mutant names bugs that can be planted in the machines, to show that
// the simulator's properties are able to fail (research/simulation.md §5).
//
// A build without the tag "mutants" — every release — has no switch at all:
// On is a constant false there and the planted branch is not compiled in.
package mutant

// Bug is one planted bug.
type Bug uint8

// The bugs, each with the property that must kill it.
const (
	None              Bug = iota
	HalfWait              // S5: the wait is 1×T
	ReceiveDeadline       // S3: D counts from the reply, not from the send
	LockOffLease          // S1: _master is put without the node's lease
	ClaimNoEpoch          // S5: the claim does not compare _epoch
	ClaimFreshEpoch       // S5: it compares an _epoch read just before
	NoKill                // S6: no SIGKILL after the grace
	KeepSessions          // S7: a frontend keeps sessions when the route ends
	OwnLargerTTL          // S7: a frontend's deadline uses its own larger TTL
	InputFirst            // S3: input is handled before due deadlines
	EarlyRevoke           // S14: the lease is revoked before the tree is dead
	ChildIsTree           // S14: the main process's end is taken for the tree's
	NoWaitAbsentEpoch     // S5: an absent _epoch is not waited for
	NoFence               // S6: nothing is ended when authority is over
	NumBugs
)

var names = [NumBugs]string{
	"none", "half-wait", "receive-deadline", "lock-off-lease", "claim-no-epoch",
	"claim-fresh-epoch", "no-kill", "keep-sessions", "own-larger-ttl", "input-first",
	"early-revoke", "child-is-tree", "no-wait-absent-epoch",
	"no-fence",
}

func (b Bug) String() string { return names[b] }
