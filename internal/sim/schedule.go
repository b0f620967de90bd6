package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// FaultKind is one kind of trouble.
type FaultKind uint8

// The faults, the mildest first, so that shrinking moves towards the top. Those
// in the second half of a group last for Dur.
const (
	NoFault       FaultKind = iota
	BreakWatch              // the watch of Who ends
	Compact                 // etcd forgets its history
	SlowHook                // the next Arg hook of Who takes Dur
	FailHook                // the next Arg hook of Who fails
	FailStart               // Who's start hook cannot be run, once
	Stop                    // Who is asked to stop
	LeaderGone              // etcd has no leader for Dur
	RestartEtcd             // all of etcd is down for Dur; its minimum TTL is Arg seconds from then on
	Lossy                   // Who and etcd lose half of what they send, for Dur
	Delay                   // what Who and etcd send takes up to a TTL longer, for Dur
	Clog                    // what Who and etcd send in Dur arrives when it is over
	Stick                   // Who's next transaction or listing takes Dur to arrive; rounds do not
	Unsure                  // etcd answers Who for Dur that it does not know what became of a request
	Refuse                  // etcd refuses all of Who's requests for Dur, as after a change of passwords
	LagWatch                // the etcd member that Who watches lags by Dur, for Dur
	StaleMember             // Who's etcd member is cut off from the others for Dur and does not say so
	StaleLeader             // a leader that was replaced acknowledges Who's keepalives for Dur
	CutTo                   // what Who sends to etcd is lost for Dur
	CutFrom                 // what etcd sends to Who is lost for Dur
	Cut                     // Who and etcd cannot talk for Dur
	CutAll                  // Who can talk to nobody for Dur
	Skew                    // Who's clock runs at Arg ppm for Dur
	StopAgent               // SIGSTOP to Who's agent for Dur (of a frontend: its process)
	StopChild               // SIGSTOP to Who's child for Dur
	KillChild               // SIGKILL to Who's main process; its tree lives on for Dur
	KillAgent               // SIGKILL to Who's agent
	KillGuard               // SIGKILL to Who's guard
	KillAll                 // SIGKILL to Who's container; it starts again after Dur
	Recreate                // … and its disk is empty then
	Rollback                // … and its disk is as it was a while ago
	Deaf                    // Who's child ignores all signals but SIGKILL from now on
	Unkillable              // SIGKILL does nothing to Who's child for Dur (uninterruptible I/O)
	StopGuard               // SIGSTOP to Who's guard for Dur
	StopAll                 // SIGSTOP to all of Who's processes for Dur
	Suspend                 // Who's machine sleeps for Dur; its clock goes on
	Freeze                  // Who's virtual machine is frozen for Dur, its clock too
	RevokeLease             // Who's lease is revoked; keepalives are granted for Dur all the same
	DeleteNode              // an operator deletes Who's key
	DeleteMaster            // an operator deletes _master
	DeleteEpoch             // an operator deletes _epoch
	Corrupt                 // an operator writes nonsense to the key Arg, and deletes it after Dur
	Forge                   // somebody's key says master for Dur
	Wipe                    // an operator deletes all keys of the group
	Apart                   // Who's database and the others' cannot talk for Dur
	Narrow                  // Who's database receives one record at a time for Dur
	Sick                    // Who's program does not work for Dur, and its monitor hook says so
	AddMember               // an operator makes Who a member
	RemoveMember            // an operator removes Who from the member list
	RaiseK                  // an operator lets writes wait for one member more
	LowerK                  // … for one less
	Pause                   // an operator pauses the group for Dur
	Switchover              // an operator wants Who, of a frontend anybody, to reign within Dur; Arg 1: after one past
	Reinit                  // an operator asks for a new clone of Who's data, within Dur
	ForcePromote            // an operator lets Who claim within Dur, whatever is lost
	Reboot                  // Who's machine is booted anew, which takes Dur
	KillHelper              // SIGKILL to the helper of Who's guard
	StopHelper              // SIGSTOP to it for Dur
	Backup                  // an operator saves etcd
	Restore                 // etcd is restored from the last backup, which takes Dur; Arg 1: as another cluster
	EngineSilent            // the engine of Who's host says nothing for Dur
	EngineSlow              // … takes up to a TTL longer to say anything, for Dur
	EngineRestart           // … is down for Dur, and does not tell what happened then
	EngineOther             // its witness talks to another engine for Dur, one that knows no container of ours
	NetworkEnds             // the container ends whose network Who's has, and is back after Dur
	numFaults
)

var faultNames = [numFaults]string{
	"none", "break-watch", "compact", "slow-hook", "fail-hook", "fail-start", "stop", "leader-gone",
	"restart-etcd", "lossy", "delay", "clog", "stick", "unsure", "refuse", "lag-watch", "stale-member",
	"stale-leader", "cut-to", "cut-from", "cut", "cut-all", "skew", "stop-agent", "stop-child",
	"kill-child", "kill-agent", "kill-guard", "kill-all", "recreate", "rollback", "deaf", "unkillable",
	"stop-guard", "stop-all", "suspend", "freeze", "revoke-lease", "delete-node", "delete-master",
	"delete-epoch", "corrupt", "forge", "wipe", "apart", "narrow", "sick", "add-member", "remove-member", "raise-k",
	"lower-k", "pause", "switchover", "reinit", "force-promote",
	"reboot", "kill-helper", "stop-helper", "backup", "restore", "engine-silent",
	"engine-slow", "engine-restart", "engine-other", "network-ends",
}

// Milestone is something in an episode that a fault can be tied to.
type Milestone uint8

// The milestones; AtTime is none.
const (
	AtTime    Milestone = iota
	OnRenewal           // Who's Count-th successful renewal round, or reading of its route
	OnVacancy           // the Count-th deletion of _master
	OnClaim             // the Count-th claim is executed
	OnHook              // the Count-th master hook starts
	OnMaster            // the Count-th time a node reigns
	OnStart             // Who's Count-th start
	OnExpiry            // etcd finds the Count-th lease expired, and has not revoked it yet
	OnEdge              // a tenth of a TTL before Who's authority would end, the Count-th time
	OnTry               // the Count-th claim is sent
	OnFork              // Who's start hook is forked the Count-th time, and not executed yet
	OnRoute             // Who, a frontend, begins to route the Count-th time
	OnHelper            // the helper of Who's guard starts the Count-th time
	numMilestones
)

var milestoneNames = [numMilestones]string{
	"time", "renewal", "vacancy", "claim", "hook", "master", "start", "expiry", "edge", "try", "fork", "route",
	"helper",
}

// Who names the target of a fault: a node, a frontend or a witness, or the node that
// holds _master when the fault strikes.
type Who int8

// Master targets the holder of the last claim.
const Master Who = -1

// Fault is one trouble of a schedule: at After the milestone, for Dur.
type Fault struct {
	Kind  FaultKind
	On    Milestone
	Count int
	After time.Duration
	Who   Who // index: nodes, then frontends, then witnesses
	Dur   time.Duration
	Arg   int // what else the kind needs to know; see arguments
}

// Schedule is a whole episode as data: it prints, parses, shrinks, replays.
type Schedule struct {
	Seed      uint64 // of delays and durations
	Nodes     int
	Fronts    int
	Clients   int
	TTL       time.Duration
	FrontTTL  time.Duration
	Mixed     time.Duration // TTL of every second node, if it is another one
	MasterTTL time.Duration
	After     bool          // MSDHA_PUBLISH=after
	Data      bool          // the nodes have a data hook
	Twin      bool          // the last node bears the first one's name
	Log       bool          // the nodes run a database with a replicated log, and its hooks
	Members   int           // so many nodes are in the member list; 0: there is none
	K         int           // members other than the master that a write waits for
	Quorum    int           // MSDHA_PROMOTE_QUORUM
	Ranks     bool          // the nodes have priorities
	Fence     int           // so many nodes, from the first on, have a fence hook
	Observers int           // so many nodes, the last ones, are never promoted (MSDHA_CANDIDATE=false)
	Proves    bool          // … and it proves an end, so that it runs during the wait
	Clones    bool          // the nodes' machines are clones: their containers have the same ids
	Shared    bool          // containers share their machines' PID namespaces: a restart proves nothing
	Joined    bool          // each container has the network of another one, whose files it sees
	Witness   int           // so many nodes' hosts, from the first on, have a witness
	Monitor   time.Duration // how often the monitor hook runs
	Drift     int64         // clocks differ from true time by up to this, in ppm
	Apart     time.Duration // calm clocks are apart by this, one from the next

	// Core is when the second phase begins, if there is one: a node and a
	// frontend heal, etcd too, and whatever is broken elsewhere stays so.
	Core   time.Duration
	Until  time.Duration
	Calm   bool // delays are the same everywhere: for stories
	Faults []Fault

	// Show is when its trace begins, and what it tells beyond the usual. Neither
	// has a part in what happens.
	Show    time.Duration
	Notices bool // what node_state_change is told
	Files   bool // is_master and current_master
	Traffic bool // what becomes of clients' writes
}

// who prints a target.
func (s *Schedule) who(w Who) string {
	switch {
	case w == Master:
		return "master"
	case int(w) < s.Nodes:
		return "n" + strconv.Itoa(int(w)+1)
	}
	if int(w) >= s.Nodes+s.Fronts {
		return "w" + strconv.Itoa(int(w)-s.Nodes-s.Fronts+1)
	}
	return "f" + strconv.Itoa(int(w)-s.Nodes+1)
}

// String prints the schedule in the form that ParseSchedule reads.
func (s *Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "group nodes=%d fronts=%d clients=%d ttl=%v", s.Nodes, s.Fronts, s.Clients, s.TTL)
	if s.FrontTTL != s.TTL {
		fmt.Fprintf(&b, " front-ttl=%v", s.FrontTTL)
	}
	for _, o := range []struct {
		name string
		d    time.Duration
	}{
		{"mixed", s.Mixed}, {"master-ttl", s.MasterTTL}, {"monitor", s.Monitor}, {"apart", s.Apart}, {"core", s.Core},
	} {
		if o.d > 0 {
			fmt.Fprintf(&b, " %s=%v", o.name, o.d)
		}
	}
	for _, o := range []struct {
		name string
		n    int
	}{
		{"members", s.Members},
		{"k", s.K},
		{"quorum", s.Quorum},
		{"fence", s.Fence},
		{"observers", s.Observers},
		{"witness", s.Witness},
	} {
		if o.n > 0 {
			fmt.Fprintf(&b, " %s=%d", o.name, o.n)
		}
	}
	for _, o := range []struct {
		on   bool
		name string
	}{
		{s.After, "publish-after"},
		{s.Data, "data"},
		{s.Log, "log"},
		{s.Ranks, "ranks"},
		{s.Proves, "proves"},
		{s.Twin, "twin"},
		{s.Clones, "clones"},
		{s.Shared, "shared"},
		{s.Joined, "joined"},
		{s.Calm, "calm"},
	} {
		if o.on {
			b.WriteString(" " + o.name)
		}
	}
	fmt.Fprintf(&b, " drift=%d seed=%d\n", s.Drift, s.Seed)
	for i := range s.Faults {
		b.WriteString(s.fault(&s.Faults[i]) + "\n")
	}
	fmt.Fprintf(&b, "run %v\n", s.Until)
	if more := s.more(); s.Show > 0 || more != "" {
		fmt.Fprintf(&b, "show %v%s\n", s.Show, more)
	}
	return b.String()
}

// more is what the trace tells beyond the usual, as "show" has it.
func (s *Schedule) more() (words string) {
	for i, on := range [...]bool{s.Notices, s.Files, s.Traffic} {
		if on {
			words += " " + moreNames[i]
		}
	}
	return words
}

var moreNames = []string{"notices", "files", "traffic"}

func (s *Schedule) fault(f *Fault) string {
	when := fmt.Sprintf("at %v ", f.After)
	if f.On != AtTime {
		when = fmt.Sprintf("on %s %d after %v ", milestoneNames[f.On], f.Count, f.After)
	}
	return when + s.faultText(f)
}

// faultText is a fault without its time.
func (s *Schedule) faultText(f *Fault) string {
	text := faultNames[f.Kind] + " " + s.who(f.Who)
	if f.Dur > 0 {
		text += fmt.Sprintf(" for %v", f.Dur)
	}
	if arg := argumentOf(f.Kind); arg != nil && f.Arg != 0 {
		text += " " + arg.word + " " + arg.print(f.Arg)
	}
	return text
}
