package fsm

// What a promotable node does for an election, and a master for its members. No
// row here changes who reigns but by a planned stop.
var rowsElecting = []Row[Backend]{
	{
		in(Waiting), sigDetachDue, nil, Same, (*Backend).detach, "",
		"the wait is over: take nothing more from anybody, so that what we are about to say stays true",
	},
	{
		in(Waiting), sigPositionDue, nil, Same, (*Backend).measure, "",
		"nothing comes any more: see how far the data reaches",
	},
	{in(Waiting), sigVoteDue, nil, Same, (*Backend).vote, "", "say so, for this vacancy alone"},
	{in(Waiting), sigVoted, nil, Same, (*Backend).onVoted, "", "let those who come before us go first, at most T"},
	{
		in(Waiting, Reigning), sigActFailed, nil, Same, (*Backend).laneLater, "",
		"the request may be lost, or what refused it comes by the watch",
	},
	{
		in(Waiting), sigFenceDue, nil, Same, (*Backend).fenceAhead, "",
		"end the last reign's processes for sure: whoever knows that they are gone need not wait",
	},
	{
		in(Waiting), sigAttestDue, nil, Same, (*Backend).attestFenced, "",
		"the fence hook has confirmed it: tell the others",
	},
	{in(Waiting), sigGraveRead, nil, Same, (*Backend).attest, "", "release it, if nothing changes meanwhile"},
	{in(Waiting), sigAttested, nil, Same, (*Backend).laneLater, "", "the watch will bring the release"},
	{in(Standby), sigFollowDue, nil, Same, (*Backend).follow, "", "somebody new reigns: attach to it"},
	{
		in(Standby, Waiting, Clearing, Reigning), sigLaneStale, nil, Same, (*Backend).endLane, "",
		"what it works for is over; nothing else of its kind starts before it has ended",
	},
	{
		in(Standby, Waiting), sigDiverged, nil, Draining, leave(CauseDiverged), "",
		"the master went another way than our data: the next life makes it fit",
	},
	{
		in(Reigning), sigMembersDue, nil, Same, (*Backend).members, "",
		"the database is to wait for another list, or nobody has seen to it in this reign",
	},
	{
		in(Reigning), sigSettleDue, nil, Same, (*Backend).settle, "",
		"enough others have all that we have: elections may go by the list",
	},
	{
		in(Reigning), sigSwitchDue, nil, Draining, leave(CauseSwitchover), "",
		"an operator wants another master, and enough others are ready",
	},
	{
		in(Standby, Waiting), sigReinitDue, nil, Draining, (*Backend).reinit, "",
		"an operator wants the data here to be cloned anew",
	},
	{monitored, sigMonitorDue, nil, Same, (*Backend).look, "", "does the program still work?"},
	{
		monitored, sigMonitorFailed, failsTooOften, Draining, leave(CauseMonitor), "too often in a row",
		"a program that does not work is no use, whatever its process says",
	},
}

// rowsClearing is a claimant with reigns to fence (SPEC E9).
var rowsClearing = []Row[Backend]{
	{in(Clearing), sigLaneOK, nil, Same, (*Backend).fenceDone, "", "it cannot run any more: strike it off"},
	{in(Clearing), sigLaneFailed, nil, Same, (*Backend).retryLater, "", "try again while authority holds"},
	{in(Clearing), sigActFailed, nil, Same, (*Backend).retryLater, "", "try again while authority holds"},
	{in(Clearing), sigRetryDue, nil, Same, (*Backend).clear, "", "try again"},
	{in(Clearing), sigRepaid, inDebt, Same, (*Backend).clear, "reigns to be fenced", "the next one"},
	{in(Clearing), sigRepaid, nil, Promoting, (*Backend).won, "", "nothing of an earlier reign can run: promote"},
}
