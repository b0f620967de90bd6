// Package mutant names bugs that can be planted in the machines, and in what
// the simulator models of their drivers, to show that the simulator's
// properties are able to fail (research/simulation.md §5).
//
// A build without the tag "mutants" — every release — has no switch at all:
// On is a constant false there and the planted branch is not compiled in.
package mutant

// Bug is one planted bug.
type Bug uint8

// The bugs, each with the property that must kill it.
const (
	None Bug = iota

	// Waits (SPEC E2).
	HalfWait          // S5: the wait is 1×T
	WaitFromContact   // S5: it counts from the last contact with etcd, not from the receipt
	WaitNoDrift       // S5: it leaves no room for clocks that run fast
	WaitNotRestarted  // S5: a newer reign does not begin it anew
	WaitOwnTTL        // S5: it counts with the waiter's own T
	NoWaitAbsentEpoch // S5: an absent _epoch is not waited for
	ReignUnnoticed    // S5: a number that changed while the watch was lost does not begin it anew
	GapTrusted        // S5: nor does a listing without _epoch
	ForgottenTTL      // S5: a reign that etcd has forgotten counts with the T of those who are left
	OldReleaseTrusted // K4: a release found in an etcd that was replaced counts (SPEC K4)
	RivalForgotten    // K3: who reigned by other rules is not waited for once the key is gone

	// Authority (SPEC R1 to R3).
	ReceiveDeadline // S3: D counts from the reply, not from the send
	DeadlineNoDrift // S3: D leaves no room for drift
	HalfRound       // S3: a check without a keepalive counts as a round
	InputFirst      // S3: input is handled before due deadlines
	RequestedTTL    // S5: T is the requested TTL, not the granted one
	NoCheck         // S4: a round is a keepalive alone
	CheckNoMaster   // S4: a master's round does not look at _master
	NoRebase        // S4: a round from before the claim was won extends D
	NoRepeat        // L2: a failed round is not repeated before the next is due

	// Claims and reigns (SPEC E3 to E5).
	LockOffLease     // S1: _master is put without the node's lease
	ClaimOverLock    // S1: the claim demands neither that _master is absent nor _epoch
	ClaimNoNode      // S1: it does not demand that our node key is ours
	ClaimNoText      // S1: it does not mind a key that says master
	ClaimNoEpoch     // S5: it does not compare _epoch
	ClaimFreshEpoch  // S5: it compares an _epoch read just before
	EpochFromKey     // S2: the new epoch is one above the key, whatever else was seen
	NoLeap           // K4: no gap of epochs is left after etcd was replaced
	LineageForgets   // K4: a replaced etcd is not recognised
	LostViewClaims   // S13: a node claims without an up-to-date view
	UnknownIsFailed  // L1: an unclear claim is taken for failed
	UnknownIsWon     // S18: an unclear claim is taken for won
	ConfirmAny       // S18: a confirming read does not ask whose lease it is
	LoserStuck       // L4: who lost a race for the claim never goes on
	PublishNoMod     // L3: a late publication brings an old state back
	OldKeyTrusted    // L3: a check takes an older key than we wrote for ours
	ReleaseNoCompare // S5: a release compares nothing

	// Finals and member lists (SPEC E6 to E9, P3).
	NoDetach           // S23: a node votes without having detached
	SmallQuorum        // S23: Q is one too low
	OldVacancy         // S23: finals of an older vacancy count
	VoteUnbound        // S23: a final is published whatever _epoch says by now
	StandBackThenClaim // S23: who has stood back claims, whatever the finals say
	OldFinalsTrusted   // K4: finals found in an etcd that was replaced count
	OldListTrusted     // K4: an older member list than one that was seen counts
	StrangerClaims     // S13: who is no member claims
	ObserverClaims     // S13: who is no candidate claims
	StaleAnchor        // S23: until then the node that made the data may, whoever has reigned since
	AlwaysArmed        // E7: nobody minds that no member has had the data yet
	SettleEarly        // S23: a removal is written before the others have what the master has
	MasterLeaves       // S23: a master settles a list without itself
	PauseIgnored       // E8: a paused group elects
	OtherReignsRequest // E6: a switchover that names another epoch ends the reign
	UnfitSuccessor     // E6: a reign ends in favour of somebody who could not follow
	SuccessorUnnamed   // E6: whom an operator named is one as the others
	RequestKept        // E6: a claim leaves the request that it answers
	DebtForgotten      // S20: an unreleased reign is not put on the list
	DebtReleased       // S20: a release drops what is still to be fenced

	// The database and its hooks (SPEC P1 to P4; in the simulator's model of them).
	TimelineAsEpoch // S23: a position begins with a number that comes again
	EpochUnrecorded // S23: a new master does not record its epoch
	AdmittedEarly   // S23: clients are admitted before the epoch is recorded
	SessionsKept    // S23: a session that was open writes during the promotion
	AnyStar         // S23: any standby's word counts, not only the members'
	CountedTwice    // S23: a member that has connected again counts twice
	DatabaseFirst   // S23: the database waits for a new member before elections know of it
	NoBarrier       // S23: a removal does not wait until the others have what the master has
	LateAttach      // S23: a follow that was killed attaches all the same

	LongLease // L5: the lease is three times as long as the T that is told

	// Ends (SPEC R4, R5, N5).
	EarlyRevoke   // S14: the lease is revoked before the tree is dead
	ReleaseAtTerm // S6: the reign is released when the stop signal is sent
	ChildIsTree   // S14: the main process's end is taken for the tree's
	GroupKill     // S14: SIGKILL reaches only the process group (in the simulator's processes)
	LateRevival   // S14: a late success revives a node that was fenced
	DrainRenews   // S14: a planned stop renews on after D
	SecondGrace   // L6: who drains and is fenced gets a second grace
	NoFence       // S8: nothing is ended when authority is over
	NoKill        // S6: no SIGKILL after the grace
	GuardOnTTL    // S3: the guard is armed with T from now, not with D
	GuardUnarmed  // S6: the guard is never armed
	GuardDeaf     // S19: the guard does not notice that its agent died

	// Deaths attested (SPEC E11).
	AttestBeforeReaping // E11: the guard has a death attested when it sends SIGKILL, not when all are gone
	AttestMainEnd       // E11: the main process's end is enough for it
	ChildBeforeAgent    // E11: it ends the agent's children first, and takes that for the tree's end
	AttestByName        // E11: the helper attests whoever bears the name when it looks
	AttestByHostname    // E11: a node attests whoever has held its name before
	AttestByContainer   // E11: the container's id is enough, whatever kernel it runs on
	AttestNoCompare     // E11: the release on behalf of the dead does not compare _epoch
	FenceLies           // E11: a fence hook says that it has ended what goes on (in the simulator's hook)
	PastAttested        // K4: an attested release in an etcd that was replaced counts

	// A node's life (SPEC N, H).
	HookFailureIgnored // S11: a failed hook is taken for a success
	HookNoLimit        // S11: hooks have no time limit
	Demote             // S12: a master whose time is over stands by
	MasterTTLRestarts  // S22: every renewal begins the master TTL anew
	PostponedForgotten // S22: a postponed end of the reign never comes
	OldViewShown       // H6: a view from before the claim overwrites current_master
	SickClaims         // N8: nothing follows from what a monitor finds during a claim

	// Views and notices (SPEC R6, H5).
	ResumeAtRev       // S16: a watch resumes at the last revision, not after it
	ResumeFromNow     // S16: a watch resumes at the present revision
	CompactionIgnored // S16: a watch goes on after a compaction without a listing
	LatePut           // S15: changes that an earlier stream brings late are taken in again
	MidRevision       // S16: half a revision is acted on (in the simulator's driver)
	NotifyTwice       // S15: a deletion is told twice
	LateNotice        // S15: a notice starts a hook while the tree is being ended

	// Frontends (SPEC X).
	KeepSessions         // S7: sessions are kept when the route ends
	OwnLargerTTL         // S7: the deadline uses its own larger TTL
	NoFrontDeadline      // S7: there is no deadline
	FrontReceiveDeadline // S7: F counts from the reply, not from the send
	FrontNoDrift         // S7: F leaves no room for drift
	WatchRefreshes       // S7: news from the watch count as a confirmation
	RouteFromView        // S9: the port opens without a read
	FrontNoFloor         // K4: an older epoch is routed to
	NoLinger             // S10: a reset keeps the kernel's buffers (in the simulator's data path)

	// Machines (SPEC S17, S21).
	StaleReply  // S17: a reply to an earlier request is accepted
	PastTimer   // S21: a timer is set in the past
	TimersApart // S21: an event for the view leaves the machine's due timers
	Random      // determinism: something depends on the order of a map

	// A witness's proof (SPEC E11).
	WitnessPause     // E11: a container that is paused counts as dead
	WitnessReadsLast // E11: the incarnation is read after the container was inspected
	WitnessAnyBoot   // E11: containers are told apart by their ids alone
	WitnessByName    // E11: a container is known by its name
	Witness404       // E11: a container that the engine does not know counts as dead
	WitnessAnyRoot   // E11: the container whose files a node sees is taken for its own

	NumBugs
)

var names = [NumBugs]string{
	None: "none",

	HalfWait: "half-wait", WaitFromContact: "wait-from-contact", WaitNoDrift: "wait-no-drift",
	WaitNotRestarted: "wait-not-restarted", WaitOwnTTL: "wait-own-ttl",
	NoWaitAbsentEpoch: "no-wait-absent-epoch", ReignUnnoticed: "reign-unnoticed",
	GapTrusted: "gap-trusted", ForgottenTTL: "forgotten-ttl", OldReleaseTrusted: "old-release-trusted",
	RivalForgotten: "rival-forgotten",

	ReceiveDeadline: "receive-deadline", DeadlineNoDrift: "deadline-no-drift", HalfRound: "half-round",
	InputFirst: "input-first", RequestedTTL: "requested-ttl", NoCheck: "no-check",
	CheckNoMaster: "check-no-master", NoRebase: "no-rebase", NoRepeat: "no-repeat",

	LockOffLease: "lock-off-lease", ClaimOverLock: "claim-over-lock", ClaimNoNode: "claim-no-node",
	ClaimNoText: "claim-no-text", ClaimNoEpoch: "claim-no-epoch", ClaimFreshEpoch: "claim-fresh-epoch",
	EpochFromKey: "epoch-from-key", NoLeap: "no-leap", LineageForgets: "lineage-forgets",
	LostViewClaims: "lost-view-claims", UnknownIsFailed: "unknown-is-failed",
	UnknownIsWon: "unknown-is-won", ConfirmAny: "confirm-any", LoserStuck: "loser-stuck",
	OldKeyTrusted: "old-key-trusted",
	PublishNoMod:  "publish-no-mod", ReleaseNoCompare: "release-no-compare", LongLease: "long-lease",

	NoDetach: "no-detach", SmallQuorum: "small-quorum", OldVacancy: "old-vacancy", VoteUnbound: "vote-unbound",
	StandBackThenClaim: "stand-back-then-claim", OldFinalsTrusted: "old-finals-trusted",
	OldListTrusted: "old-list-trusted", StrangerClaims: "stranger-claims", ObserverClaims: "observer-claims",
	StaleAnchor: "stale-anchor",
	AlwaysArmed: "always-armed", SettleEarly: "settle-early", MasterLeaves: "master-leaves",
	PauseIgnored: "pause-ignored", OtherReignsRequest: "other-reigns-request",
	UnfitSuccessor: "unfit-successor", SuccessorUnnamed: "successor-unnamed", RequestKept: "request-kept",
	DebtForgotten: "debt-forgotten", DebtReleased: "debt-released",

	TimelineAsEpoch: "timeline-as-epoch", EpochUnrecorded: "epoch-unrecorded", AdmittedEarly: "admitted-early",
	SessionsKept: "sessions-kept", AnyStar: "any-star", CountedTwice: "counted-twice",
	DatabaseFirst: "database-first", NoBarrier: "no-barrier",
	LateAttach: "late-attach",

	EarlyRevoke: "early-revoke", ReleaseAtTerm: "release-at-term", ChildIsTree: "child-is-tree",
	GroupKill:   "group-kill",
	LateRevival: "late-revival", DrainRenews: "drain-renews",
	NoFence: "no-fence", NoKill: "no-kill",
	SecondGrace: "second-grace",
	GuardOnTTL:  "guard-on-ttl", GuardUnarmed: "guard-unarmed",
	GuardDeaf: "guard-deaf",

	AttestBeforeReaping: "attest-before-reaping", AttestMainEnd: "attest-main-end",
	ChildBeforeAgent: "child-before-agent", AttestByName: "attest-by-name",
	AttestByHostname: "attest-by-hostname", AttestByContainer: "attest-by-container",
	AttestNoCompare: "attest-no-compare", FenceLies: "fence-lies", PastAttested: "past-attested",

	HookFailureIgnored: "hook-failure-ignored", HookNoLimit: "hook-no-limit", Demote: "demote",
	MasterTTLRestarts: "master-ttl-restarts", PostponedForgotten: "postponed-forgotten",
	OldViewShown: "old-view-shown", SickClaims: "sick-claims",

	ResumeAtRev: "resume-at-rev", ResumeFromNow: "resume-from-now",
	CompactionIgnored: "compaction-ignored", MidRevision: "mid-revision",
	NotifyTwice: "notify-twice", LateNotice: "late-notice",

	KeepSessions: "keep-sessions", OwnLargerTTL: "own-larger-ttl", NoFrontDeadline: "no-front-deadline",
	FrontReceiveDeadline: "front-receive-deadline", FrontNoDrift: "front-no-drift",
	WatchRefreshes: "watch-refreshes", RouteFromView: "route-from-view", LatePut: "late-put",
	FrontNoFloor: "front-no-floor", NoLinger: "no-linger",

	StaleReply: "stale-reply", PastTimer: "past-timer", TimersApart: "timers-apart", Random: "random",

	WitnessPause: "witness-pause", WitnessReadsLast: "witness-reads-last", WitnessAnyBoot: "witness-any-boot",
	WitnessByName: "witness-by-name", Witness404: "witness-404",
	WitnessAnyRoot: "witness-any-root",
}

func (b Bug) String() string { return names[b] }
