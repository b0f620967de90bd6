package fsm

// frontendTable is the frontend: START READING HERE.
var frontendTable Table[Frontend]

func init() {
	frontendTable = Table[Frontend]{
		Phases: []string{"Idle", "Vacant", "Checking", "Routing", "Leaving", "Exited"},
		Stages: []Stage{{"a frontend", span(FrontIdle, FrontExited)}},
		Signals: []string{
			"none", "started", "stop requested", "view changed", "read confirms", "read says otherwise",
			"read failed", "read due", "deadline F passed", "lease revoked", "patience over",
		},
		Initial: FrontIdle,
		Final:   FrontExited,
		Rows:    frontendRows,
		Ignored: frontendIgnored,
	}
	frontendTable.build()
}

var frontendRows = []Row[Frontend]{
	{in(FrontIdle), sigFrontStarted, nil, Vacant, (*Frontend).begin, "", "no master is known: the port is closed"},

	{
		in(Vacant), sigFrontView, wanted, Checking, (*Frontend).ask, "a master is published",
		"the watch may be behind: only a read sent now may open the port",
	},
	{in(Vacant), sigFrontView, nil, Same, (*Frontend).seen, "", "etcd was reached; there is nobody to route to"},
	{
		in(Vacant), sigFrontGiveUp, nil, FrontExited, frontExit(CauseEtcdAtStart), "",
		"etcd was unreachable for longer than the start patience",
	},

	{in(Checking), sigReadSame, nil, Routing, (*Frontend).open, "", "confirmed: open the port"},
	{in(Checking), sigReadOther, nil, Vacant, (*Frontend).drop, "", "already over; the view will show it"},
	{in(Checking), sigReadFailed, nil, Same, (*Frontend).retry, "", "ask again, over another endpoint"},
	{in(Checking), sigReadDue, nil, Same, (*Frontend).askAgain, "", "ask again"},
	{in(Checking), sigFrontView, unchanged, Same, nil, "same route", "the read is under way"},
	{in(Checking), sigFrontView, wanted, Same, (*Frontend).ask, "another master", "ask for that one"},
	{in(Checking), sigFrontView, nil, Vacant, (*Frontend).drop, "", "the master is gone"},

	{in(Routing), sigReadDue, nil, Same, (*Frontend).askAgain, "", "every quarter of the master's TTL"},
	{in(Routing), sigReadSame, nil, Same, (*Frontend).confirmed, "", "good for another TTL from the send"},
	{in(Routing), sigReadFailed, nil, Same, (*Frontend).retry, "", "short troubles cut nobody: ask again until F"},
	{in(Routing), sigReadOther, nil, Vacant, (*Frontend).close, "", "the route is gone: reset every session"},
	{in(Routing), sigFrontView, unchanged, Same, nil, "same route", "something else changed"},
	{
		in(Routing), sigFrontView, wanted, Checking, (*Frontend).closeAndAsk, "another master",
		"the route was replaced: reset every session, then check the new one",
	},
	{in(Routing), sigFrontView, nil, Vacant, (*Frontend).close, "", "the route is gone: reset every session"},
	{
		in(Routing), sigUnconfirmed, nil, Checking, (*Frontend).closeAndAsk, "",
		"unconfirmed for a TTL: another may be master; closed until it is known",
	},

	{span(Vacant, Routing), sigFrontStop, nil, FrontLeaving, (*Frontend).leave, "", "asked to stop"},
	{in(FrontLeaving), sigFrontRevoked, nil, FrontExited, frontExit(CauseAsked), "", "our key is gone"},
	{in(FrontLeaving), sigFrontGiveUp, nil, FrontExited, frontExit(CauseAsked), "", "our key ends with its lease"},
}

var allFront = span(FrontIdle, FrontExited)

func neverFront(on Signal, except Phases, why string) Ignored {
	return Ignored{In: allFront &^ except, On: on, Why: why, Never: true}
}

var frontendIgnored = []Ignored{
	neverFront(sigFrontNone, 0, "not a signal"),
	neverFront(sigFrontStarted, in(FrontIdle), "the first event, once"),
	{in(FrontIdle), sigFrontStop, "the first event is Started", true},
	{in(FrontLeaving, FrontExited), sigFrontStop, "it is leaving already", false},
	{in(FrontIdle), sigFrontView, "the view opens after the start", true},
	{in(FrontLeaving, FrontExited), sigFrontView, "the port is closed for good", false},
	neverFront(sigReadSame, in(Checking, Routing), "no read is under way"),
	neverFront(sigReadOther, in(Checking, Routing), "no read is under way"),
	neverFront(sigReadFailed, in(Checking, Routing), "no read is under way"),
	neverFront(sigReadDue, in(Checking, Routing), "no read is planned"),
	neverFront(sigUnconfirmed, in(Routing), "nothing is routed"),
	neverFront(sigFrontGiveUp, in(Vacant, FrontLeaving), "no limit is set"),
	neverFront(sigFrontRevoked, in(FrontLeaving), "only a leaving frontend revokes"),
}
