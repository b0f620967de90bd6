package fsm

// Groups of phases that share rows.
var (
	// backendJoining has a lease, or asks for one, and runs nothing yet.
	backendJoining = span(Granting, Bootstrapping)
	// backendLive runs hooks and the child, and is not leaving.
	backendLive = span(PreStart, Reigning)
	// backendLeaving still has processes to end.
	backendLeaving = in(Draining, Fenced)
	backendRenews  = span(Registering, Draining)
)

// backendTable is the backend: START READING HERE. Rows are in the order of a
// node's life; the first that fits is taken.
var backendTable Table[Backend]

func init() {
	backendTable = Table[Backend]{
		Phases: backendPhases,
		Stages: []Stage{
			{"joining", span(Idle, Readying)},
			{"serving", in(Readying, Standby, Promoting, Reigning)},
			{"failing over", span(Standby, Promoting)},
			{"leaving", span(Draining, Exited)},
		},
		Signals: backendSignals,
		Initial: Idle,
		Final:   Exited,
		Ignored: backendIgnored,
	}
	for _, rows := range [][]Row[Backend]{
		rowsJoining, rowsStarting, rowsServing, rowsElecting, rowsClearing, rowsLiving, rowsLeaving,
	} {
		backendTable.Rows = append(backendTable.Rows, rows...)
	}
	backendTable.build()
}

var rowsJoining = []Row[Backend]{
	{
		in(Idle), sigStarted, nil, Inspecting, (*Backend).begin, "",
		"what data is here must be known before the node registers",
	},
	{
		in(Inspecting), sigHookOK, nil, Granting, (*Backend).grant, "",
		"the lease names this incarnation",
	},
	{
		in(Inspecting), sigHookFailed, nil, Draining, leave(CauseHook), "",
		"without an answer about the data nothing may be decided",
	},

	{
		in(Granting), sigGranted, nil, Registering, (*Backend).granted, "",
		"from here on the lease is renewed; the name must be ours before anything runs",
	},
	{
		in(Granting, Registering, NameTaken), sigRefused, nil, Exited, exit(CauseRefused), "",
		"etcd answers and says no: waiting cannot cure that",
	},
	{in(Granting), sigRetryDue, nil, Same, (*Backend).grant, "", "etcd may be starting too"},
	{
		in(Granting, Registering, NameTaken, Bootstrapping), sigActFailed, nil, Same, (*Backend).retryLater, "",
		"the request may have been lost; it is safe to repeat",
	},

	{
		in(Registering, NameTaken), sigRegistered, nil, Listing, (*Backend).onRegistered, "",
		"the name is ours; see who else is there",
	},
	{
		in(Registering, NameTaken), sigNameHeld, heldForever, Exited, exit(CauseNameTaken), "no lease",
		"a key without a lease never ends by itself: somebody must remove it",
	},
	{
		in(Registering, NameTaken), sigNameHeld, holderOutlived, Attesting, (*Backend).attestHolder, "ours, outlived",
		"our container's earlier life holds it, which ended before this one began: say so, and register",
	},
	{
		in(Registering, NameTaken), sigNameHeld, nil, NameTaken, (*Backend).nameHeld, "",
		"a live incarnation's key is never overwritten: its lease gets the time to end",
	},
	{
		in(Registering, NameTaken), sigRegisterStale, nil, Same, (*Backend).register, "",
		"the reply told what _initialized is; compare with that",
	},
	{in(Registering, NameTaken), sigRetryDue, nil, Same, (*Backend).register, "", "try again"},
	{
		in(NameTaken), sigGiveUp, nil, Exited, exit(CauseNameTaken), "",
		"the other incarnation keeps renewing its lease: it lives",
	},

	{
		in(Listing), sigView, behind, Same, nil, "older than what we wrote",
		"a listing from before we registered decides nothing",
	},
	{
		in(Listing), sigView, keysGone, Granting, (*Backend).grant, "keys gone",
		"somebody removed our keys; nothing runs yet, so begin anew",
	},
	{
		in(Listing), sigView, reignOutlived, Attesting, (*Backend).attestReign, "our own reign, outlived",
		"an earlier life of our container reigned and ended: nobody need wait for it, or fence it",
	},
	{
		in(Listing), sigView, wantsBootstrap, Bootstrapping, (*Backend).tryBootstrap, "no data anywhere",
		"an empty group: one node creates the data",
	},
	{
		in(Listing), sigView, nil, PreStart, (*Backend).startLife, "",
		"lease, key, listing and current_master are there: life begins",
	},
	{
		in(Listing), sigRetryDue, behind, Same, nil, "older than what we wrote",
		"the watch will bring it",
	},
	{
		in(Listing), sigRetryDue, keysGone, Granting, (*Backend).grant, "keys gone",
		"somebody removed our keys; nothing runs yet, so begin anew",
	},
	{
		in(Listing), sigRetryDue, reignOutlived, Attesting, (*Backend).attestReign, "our own reign, outlived",
		"one more of its reigns is to be fenced",
	},
	{
		in(Listing), sigRetryDue, wantsBootstrap, Bootstrapping, (*Backend).tryBootstrap, "no data anywhere",
		"an empty group: one node creates the data",
	},
	{
		in(Listing), sigRetryDue, nil, PreStart, (*Backend).startLife, "",
		"the view was there already when we registered",
	},

	{in(Attesting), sigGraveRead, nil, Same, (*Backend).attest, "", "release it, if nothing changes meanwhile"},
	{
		in(Attesting), sigAttested, nil, Same, (*Backend).revokeDead, "",
		"end its lease: what it had under way can put nothing any more",
	},
	{in(Attesting), sigRevoked, nameless, Registering, (*Backend).register, "no name yet", "the name is free"},
	{in(Attesting), sigRevoked, nil, Listing, (*Backend).relook, "", "see what else there is"},
	{in(Attesting), sigActFailed, nil, Same, (*Backend).retryLater, "", "the request may have been lost; read again"},
	{in(Attesting), sigRetryDue, nil, Same, (*Backend).inquire, "", "read again"},

	{
		in(Bootstrapping), sigBootstrapWon, nil, PreStart, (*Backend).bootstrapWon, "",
		"pre_start creates the data; _initialized ends with our lease if we die",
	},
	{
		in(Bootstrapping), sigBootstrapLost, initTaken, PreStart, (*Backend).startLife, "_initialized exists",
		"another node creates the data; pre_start waits for a master to clone from",
	},
	{
		in(Bootstrapping), sigBootstrapLost, nil, Listing, (*Backend).relistSoon, "",
		"another node registered meanwhile and may have data: look again",
	},
	{in(Bootstrapping), sigRetryDue, nil, Same, (*Backend).tryBootstrap, "", "try again"},

	{
		backendJoining &^ in(Granting), sigAuthorityEnd, nil, Granting, (*Backend).grantAnew, "",
		"the lease may be over; nothing runs yet, so ask for another",
	},
	{
		backendJoining &^ in(Granting), sigNotOurs, nil, Granting, (*Backend).grantAnew, "",
		"the lease is gone; nothing runs yet, so ask for another",
	},
	{
		backendJoining &^ in(NameTaken), sigGiveUp, nil, Exited, exit(CauseEtcdAtStart), "",
		"etcd was unreachable for longer than the start patience",
	},
}

var rowsStarting = []Row[Backend]{
	{
		in(PreStart), sigHookOK, wrongData, Draining, leave(CauseDataless), "data absent or foreign",
		"a node without the group's data must not run on it",
	},
	{
		in(PreStart), sigHookOK, dataUnchecked, Same, inspectAgain, "data not looked at again",
		"pre_start may have created, cloned or replaced the data",
	},
	{in(PreStart), sigHookOK, nil, Starting, state(StateStart), "", "publish start"},
	{in(Starting), sigPublished, nil, Same, (*Backend).startChild, "", "published: run the main process"},
	{in(Starting), sigChildStarted, nil, NotReady, state(StateNotReady), "", "the main process exists"},
	{in(Starting), sigChildFailed, nil, Draining, leave(CauseHook), "", "the start hook could not be run"},
	{in(NotReady), sigPublished, nil, Same, hook(HookNotReady), "", "published: wait until it is ready"},
	{in(NotReady), sigHookOK, nil, Readying, state(StateReady), "", "publish ready"},
	{
		in(Readying), sigPublished, nil, Same, hook(HookReady), "",
		"published: prepare; promotable once this hook has returned",
	},
	{
		in(Readying), sigHookOK, vacant, Waiting, (*Backend).promotable, "no master",
		"promotable, and nobody reigns",
	},
	{in(Readying), sigHookOK, nil, Standby, (*Backend).promotable, "", "promotable"},
}

var rowsServing = []Row[Backend]{
	{
		in(Standby, Waiting), sigView, keysGone, Fenced, fence(CauseNotOurs), "keys gone",
		"without our keys we are not a member of the group",
	},
	{
		in(Standby, Waiting), sigView, bootstrapVoid, Draining, leave(CauseBootstrapVoid), "bootstrap void",
		"a node with the group's data turned up before our first claim",
	},
	{
		in(Standby, Waiting), sigView, masterIsOurs, Confirming, (*Backend).confirm, "_master on our lease",
		"a claim whose reply was lost has won after all",
	},
	{in(Standby), sigView, vacant, Waiting, nil, "no master", "the master's key is gone: the wait has begun"},
	{
		in(Waiting), sigView, occupied, Standby, (*Backend).dropVote, "a master",
		"somebody else was first; a final that is on its way is for nothing",
	},
	{
		in(Waiting), sigClaimDue, nil, Claiming, (*Backend).claim, "",
		"twice the TTL has passed, or the last reign was released",
	},

	{
		in(Claiming), sigClaimed, inDebt, Clearing, (*Backend).beginClearing, "reigns to be fenced",
		"the lock is ours; end first what nobody proved to have ended",
	},
	{in(Claiming), sigClaimed, nil, Promoting, (*Backend).won, "", "the lock is ours: promote"},
	{
		in(Claiming), sigClaimRefused, masterIsOurs, Confirming, (*Backend).confirm, "_master on our lease",
		"an earlier claim has won",
	},
	{in(Claiming), sigClaimRefused, occupied, Standby, (*Backend).refused, "a master", "somebody else was first"},
	{
		in(Claiming), sigClaimRefused, nil, Waiting, (*Backend).refused, "",
		"something changed that the view does not show yet; it decides what to wait for",
	},
	{
		in(Claiming), sigClaimUnclear, nil, Confirming, (*Backend).confirm, "",
		"it may have been executed: read, never assume",
	},
	{
		in(Confirming), sigConfirmedOurs, inDebt, Clearing, (*Backend).beginClearing, "reigns to be fenced",
		"_master is on our lease; end first what nobody proved to have ended",
	},
	{in(Confirming), sigConfirmedOurs, nil, Promoting, (*Backend).won, "", "_master is on our lease: promote"},
	{
		in(Confirming), sigConfirmedNot, lockWithoutEpoch, Fenced, fence(CauseNotOurs), "_master without _epoch",
		"somebody deleted _epoch: the number of our reign is lost, and with it the reign",
	},
	{
		in(Confirming), sigConfirmedNot, masterIsOurs, Same, (*Backend).retryLater, "_master on our lease",
		"the view is newer than the reading: read again",
	},
	{in(Confirming), sigConfirmedNot, occupied, Standby, nil, "a master", "somebody else was first"},
	{
		in(Confirming), sigConfirmedNot, nil, Waiting, (*Backend).claimSoon, "",
		"not executed, or not yet; in the latter case the view will show it",
	},
	{in(Confirming), sigActFailed, nil, Same, (*Backend).retryLater, "", "read again until authority ends"},
	{in(Confirming), sigRetryDue, nil, Same, (*Backend).confirm, "", "read again"},

	{
		in(Promoting), sigPublished, publishesAfter, Reigning, (*Backend).reigns, "MSDHA_PUBLISH=after",
		"promoted and published",
	},
	{in(Promoting), sigPublished, nil, Same, hook(HookMaster), "", "published: promote"},
	{
		in(Promoting), sigHookOK, publishesAfter, Same, (*Backend).republish, "MSDHA_PUBLISH=after",
		"promoted: publish master",
	},
	{in(Promoting), sigHookOK, nil, Reigning, (*Backend).reigns, "", "promoted"},
	{
		in(Clearing, Promoting, Reigning), sigView, keysGone, Fenced, fence(CauseNotOurs), "keys gone",
		"the lock is gone: another may be promoted after twice the TTL",
	},
	{
		in(Reigning), sigView, postponedAndReady, Draining, leave(CauseMasterTTL), "TTL over, follower ready",
		"the postponed end of the reign",
	},
	{
		in(Reigning), sigReignOver, followersReady, Draining, leave(CauseMasterTTL), "a follower is ready",
		"a reign is bounded, and somebody can take over",
	},
	{
		in(Promoting, Reigning), sigReignOver, nil, Same, (*Backend).postpone, "",
		"nobody could take over: postponed until somebody can",
	},
}

var rowsLiving = []Row[Backend]{
	{
		span(PreStart, Readying), sigView, keysGone, Fenced, fence(CauseNotOurs), "keys gone",
		"without our keys we are not a member of the group",
	},
	{
		span(PreStart, Readying), sigView, bootstrapVoid, Draining, leave(CauseBootstrapVoid), "bootstrap void",
		"a node with the group's data turned up",
	},
	{
		span(Starting, Waiting), sigView, foreignData, Draining, leave(CauseBootstrapVoid), "foreign data",
		"the group has other data: a new life moves ours aside (SPEC P2)",
	},
	{
		in(PreStart), sigView, orphaned, Draining, leave(CauseBootstrapVoid), "nobody creates data",
		"the node that created the data is gone: a new life decides anew",
	},

	{backendRenews, sigRoundDue, nil, Same, (*Backend).startRound, "", "every third of the TTL, less jitter"},
	{backendRenews, sigRoundOK, nil, Same, (*Backend).extend, "", "authority for another TTL from the send"},
	{
		backendRenews, sigRoundFailed, nil, Same, (*Backend).repeatRound, "",
		"repeat at once, over another endpoint, until D",
	},

	{
		in(Starting, NotReady, Readying, Promoting), sigActFailed, nil, Same, (*Backend).retryLater, "",
		"publishing is repeated until authority ends",
	},
	{
		in(Starting, NotReady, Readying, Promoting, Draining), sigPublishStale, nil, Same, (*Backend).republish, "",
		"an earlier publication was late: compare with what is there now",
	},
	{
		in(Starting, NotReady, Readying, Promoting), sigRetryDue, nil, Same, (*Backend).republish, "",
		"publish again",
	},
	{
		in(PreStart, NotReady, Readying, Promoting), sigHookFailed, nil, Draining, leave(CauseHook), "",
		"a node whose hook failed is not what its state says",
	},
	{
		backendLive, sigChildExited, nil, Draining, (*Backend).mainEnded, "",
		"the main process ended; the rest of its tree must too",
	},

	{
		span(Inspecting, Reigning), sigStop, nil, Draining, leave(CauseAsked), "",
		"asked to stop: end the child while authority is held, then release",
	},
	{
		backendLive | in(Draining), sigAuthorityEnd, nil, Fenced, fence(CauseAuthority), "",
		"no round succeeded in time: another may be promoted soon",
	},
	{
		backendLive | in(Draining), sigNotOurs, nil, Fenced, fence(CauseNotOurs), "",
		"a definite answer: authority ends at once",
	},
	{
		span(Inspecting, Draining), sigGuardLost, nil, Fenced, (*Backend).fenceNow, "",
		"nobody enforces the deadline any more",
	},
}

var rowsLeaving = []Row[Backend]{
	{
		backendLeaving, sigChildStarted, nil, Same, (*Backend).signalAgain, "",
		"it was being started when the end was decided",
	},
	{backendLeaving, sigChildFailed, nil, Same, (*Backend).killTree, "", "there is no main process to wait for"},
	{
		backendLeaving, sigChildExited, nil, Same, (*Backend).restGone, "",
		"the main process is not its whole tree",
	},
	{backendLeaving, sigHookOK, noChild, Same, (*Backend).killTree, "no child", "only leftovers can remain"},
	{backendLeaving, sigHookFailed, noChild, Same, (*Backend).killTree, "no child", "only leftovers can remain"},
	{backendLeaving, sigKillDue, nil, Same, (*Backend).killTree, "", "the grace is over"},
	{
		in(Draining), sigGiveUp, nil, Fenced, fence(CauseAsked), "",
		"SIGKILL ends nothing: it hangs in the kernel; renew no longer, so that somebody else can reign",
	},
	{backendLeaving, sigTreeGone, noLease, Exited, (*Backend).exit, "no lease", "there is nothing to give back"},
	{
		backendLeaving, sigTreeGone, nil, Releasing, (*Backend).giveBack, "",
		"no process is left: a successor need not wait",
	},
	{in(Releasing), sigReleased, nil, Same, (*Backend).released, "", "now the lease"},
	{in(Releasing), sigReleaseStale, nil, Same, (*Backend).reread, "", "compare with what is there now"},
	{in(Releasing), sigConfirmedOurs, nil, Same, (*Backend).reread, "", "the unclear claim has won: release it"},
	{in(Releasing), sigConfirmedNot, nil, Same, (*Backend).reread, "", "nothing of ours to release"},
	{in(Releasing), sigActFailed, nil, Same, (*Backend).retryLater, "", "a release saves the others the wait"},
	{in(Releasing), sigRetryDue, nil, Same, (*Backend).resumeRelease, "", "try again"},
	{in(Releasing), sigRevoked, nil, Exited, (*Backend).exit, "", "everything is given back"},
	{
		in(Releasing), sigGiveUp, nil, Exited, (*Backend).exit, "",
		"etcd does not answer: the lease will end by itself",
	},
}
