package fsm

var (
	allBackend = span(Idle, Exited)
	// over is where only the keys are left, or nothing.
	over = in(Releasing, Exited)
)

// never declares that a signal can only come in some phases: the reply to a
// request that no other phase has under way, or a timer that no other sets.
func never(on Signal, except Phases, why string) Ignored {
	return Ignored{In: allBackend &^ except, On: on, Why: why, Never: true}
}

// backendIgnored are the pairs of phase and signal in which nothing happens,
// each with its reason. Those marked never are bugs if they occur, and the
// simulator says so.
var backendIgnored = []Ignored{
	never(sigNone, 0, "not a signal"),
	never(sigStarted, in(Idle), "the first event, once"),
	{in(Idle), sigStop, "the first event is Started", true},
	{in(Idle), sigGuardLost, "the first event is Started", true},

	never(sigGranted, in(Granting), "only Granting asks for a lease"),
	never(sigRefused, in(Granting, Registering, NameTaken), "only those requests are taken for final"),
	never(sigRegistered, in(Registering, NameTaken), "only they register"),
	never(sigNameHeld, in(Registering, NameTaken), "only they register"),
	never(sigRegisterStale, in(Registering, NameTaken), "only they register"),
	never(sigBootstrapWon, in(Bootstrapping), "only Bootstrapping asks"),
	never(sigBootstrapLost, in(Bootstrapping), "only Bootstrapping asks"),
	never(sigClaimed, in(Claiming), "leaving Claiming drops the request"),
	never(sigClaimRefused, in(Claiming), "leaving Claiming drops the request"),
	never(sigClaimUnclear, in(Claiming), "leaving Claiming drops the request"),
	never(sigConfirmedOurs, in(Confirming, Releasing), "only they read"),
	never(sigConfirmedNot, in(Confirming, Releasing), "only they read"),
	never(sigReleased, in(Releasing), "only Releasing releases"),
	never(sigReleaseStale, in(Releasing), "only Releasing releases"),
	never(sigRevoked, in(Attesting, Releasing), "only they revoke"),
	never(sigPublishStale, in(Starting, NotReady, Readying, Promoting, Draining), "no other phase publishes"),
	never(sigPublished, in(Starting, NotReady, Readying, Promoting, Draining), "no other phase publishes"),
	{in(Draining), sigPublished, "stopping is published once, and nothing waits for it", false},
	never(sigGraveRead, in(Attesting, Waiting), "leaving them drops the request"),
	never(sigAttested, in(Attesting, Waiting), "leaving them drops the request"),
	never(sigActFailed, backendJoining&^in(Listing)|
		in(Starting, NotReady, Readying, Waiting, Confirming, Clearing, Promoting, Reigning, Draining, Releasing),
		"no request is under way, or its failure has a signal of its own"),
	{in(Draining), sigActFailed, "stopping is published once", false},

	never(sigRoundDue, backendRenews, "nothing is renewed without a lease, or after authority"),
	never(sigRoundOK, backendRenews, "a round under way is dropped with the lease"),
	never(sigRoundFailed, backendRenews, "a round under way is dropped with the lease"),
	never(sigNotOurs, backendRenews, "no key is asked after"),
	never(sigAuthorityEnd, backendRenews, "there is no deadline"),
	never(sigRetryDue, span(Granting, Bootstrapping)|
		in(Starting, NotReady, Readying, Confirming, Clearing, Promoting, Releasing), "nothing is to be retried"),
	never(sigGiveUp, backendJoining|in(Draining, Releasing), "only joining, draining and releasing have a limit"),
	never(sigKillDue, backendLeaving, "nobody was asked to end"),
	never(sigReignOver, in(Promoting, Reigning), "the reign is over, or has not begun"),
	never(sigClaimDue, in(Waiting), "only Waiting claims"),

	never(sigDetachDue, in(Waiting), "only who waits for a vacancy's end votes"),
	never(sigPositionDue, in(Waiting), "only who waits for a vacancy's end votes"),
	never(sigVoteDue, in(Waiting), "only who waits for a vacancy's end votes"),
	never(sigVoted, in(Waiting), "leaving Waiting drops the request"),
	never(sigFollowDue, in(Standby), "only who stands by follows"),
	never(sigFenceDue, in(Waiting), "only who waits has a reason to fence ahead"),
	never(sigAttestDue, in(Waiting), "only who waits has a reason to fence ahead"),
	never(sigLaneStale, in(Standby, Waiting, Clearing, Reigning), "elsewhere nothing is begun that could be outdated"),
	never(sigMembersDue, in(Reigning), "only a master has members to see to"),
	never(sigSettleDue, in(Reigning), "only a master has members to see to"),
	never(sigSettled, in(Reigning), "only a master has members to see to"),
	{in(Reigning), sigSettled, "what is in force is what stands in etcd now", false},
	never(sigSwitchDue, in(Reigning), "only a reign can be handed over"),
	never(sigReinitDue, laneOpen, "only a slave's data can be replaced"),
	never(sigRepaid, in(Clearing), "only Clearing strikes off"),
	never(sigMonitorDue, monitored, "nobody asks elsewhere"),
	never(sigMonitorFailed, monitored|backendLeaving|over, "the monitor does not run yet, or does not count"),
	{
		monitored | backendLeaving | over, sigMonitorFailed,
		"it is counted; after the end nothing follows", false,
	},
	never(sigLaneOK, span(Standby, Reigning)|backendLeaving|over, "no hook of the lane runs"),
	never(sigLaneFailed, span(Standby, Reigning)|backendLeaving|over, "no hook of the lane runs"),
	never(sigDiverged, span(Standby, Reigning)|backendLeaving|over, "no follow runs"),
	{
		span(Standby, Reigning)&^in(Clearing) | backendLeaving | over, sigLaneOK,
		"what it found is kept; the next step follows from it", false,
	},
	{
		span(Standby, Reigning)&^in(Clearing) | backendLeaving | over, sigLaneFailed,
		"the next try has its time", false,
	},
	{
		span(Claiming, Reigning) | backendLeaving | over, sigDiverged,
		"who claims has detached since; who leaves joins anew anyway", false,
	},

	never(sigHookOK, in(Inspecting, PreStart, NotReady, Readying, Promoting)|backendLeaving, "no hook runs"),
	never(sigHookFailed, in(Inspecting, PreStart, NotReady, Readying, Promoting)|backendLeaving, "no hook runs"),
	{backendLeaving, sigHookOK, "the child's end is what counts", false},
	{backendLeaving, sigHookFailed, "the child's end is what counts", false},
	never(sigChildStarted, in(Starting)|backendLeaving, "no child is being started"),
	never(sigChildFailed, in(Starting)|backendLeaving, "no child is being started"),
	never(sigChildExited, backendLive|backendLeaving|over, "there is no child yet"),
	{over, sigChildExited, "the tree was gone already", false},
	never(sigTreeGone, backendLeaving|over, "nobody asked for the tree's end"),
	{over, sigTreeGone, "known already", false},

	{over | in(Fenced), sigGuardLost, "no process is left that it could guard, or all are being killed", false},
	{backendLeaving | over, sigStop, "it is leaving already", false},
	{
		allBackend &^ in(Listing), sigView,
		"the facts are kept whatever the phase; otherwise nothing follows from them here", false,
	},
	{allBackend, sigViewLost, "losing the watch is not losing the lease; a claim waits for the view", false},
	{allBackend, sigReplaced, "the facts that follow count from zero; authority rests on the rounds", false},
}
