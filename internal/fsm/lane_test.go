package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// likePostgres has the hooks that finals need.
func likePostgres(c *BackendConfig) {
	c.Hooks = HookSet(0).With(HookDetach).With(HookPosition).With(HookFollow).With(HookMembers)
	c.HookTimeout[HookDetach], c.HookTimeout[HookPosition] = 5*second, 5*second
}

func watched(c *BackendConfig) {
	c.Hooks, c.MonitorInterval, c.MonitorFailures = HookSet(0).With(HookMonitor), 10*second, 3
}

// following stands by and has attached itself to its master.
func following(r *rig) {
	r.t.Helper()
	standby(r)
	if e := r.must(RunHook); e.Hook != HookFollow || e.Node != "n0" || e.Address != "n0:5432" || e.Epoch != 4 {
		r.t.Fatalf("it follows with %+v", e)
	}
	r.lane(HookFollow, Event{})
}

// detaching has waited a vacancy out; its detach hook runs.
func detaching(r *rig) {
	r.t.Helper()
	following(r)
	r.view(dies)
	r.in(Waiting)
	r.pass(fullWait - second)
	r.mustNot(RunHook)
	r.pass(second)
	r.mustNot(Claim)
	if e := r.must(RunHook); e.Hook != HookDetach || e.Timeout != 5*second {
		r.t.Fatalf("it runs %+v", e)
	}
}

// voting has published its final; the view shows nothing of it yet.
func voting(r *rig) {
	r.t.Helper()
	detaching(r)
	r.lane(HookDetach, Event{})
	r.lane(HookPosition, Event{Output: "4 100"})
	r.votes()
}

// votes answers the publication of a final.
func (r *rig) votes() {
	r.t.Helper()
	txn := r.mustTxn(Vote)
	r.rev++
	r.replyTxn(Vote, true, kv.Item{Present: true, Create: r.facts.Self.Create, Lease: ourLease},
		kv.Item{Present: true, Mod: r.rev, Lease: ourLease, Record: txn.Then[0].Record})
	r.facts.Votes.Own = true
}

func TestAFinalIsBoundToItsVacancy(t *testing.T) {
	r := newRig(t, likePostgres)
	detaching(r)
	r.lane(HookDetach, Event{})
	r.lane(HookPosition, Event{Output: "4 100"})
	txn := r.mustTxn(Vote)
	want := []kv.Compare{
		{Key: kv.Master, Target: kv.TargetCreate},
		{Key: kv.EpochKey, Target: kv.TargetMod, Rev: 50},
		{Key: kv.NodeKey("n1"), Target: kv.TargetCreate, Rev: r.facts.Self.Create},
		{Key: kv.NodeKey("n1"), Target: kv.TargetLease, Lease: ourLease},
	}
	for i, w := range want {
		if i >= txn.NIf || txn.If[i] != w {
			t.Errorf("condition %d is %+v, want %+v", i, txn.If[i], w)
		}
	}
	p := kv.Position{Len: 2, At: [4]int64{4, 100}}
	if rec := txn.Then[0].Record; !rec.Final || rec.FinalFor != 4 || rec.Position != p {
		t.Errorf("the final is %+v", rec)
	}
	r.votes()
	r.mustNot(Claim)
	r.explains("it has not published yet how far its data reaches")
	r.b.facts.Votes.Own = false
	r.view(func(f *Facts) { f.Votes = VoteFact{Own: true, Cast: 1, NotHigher: 1} })
	r.must(Claim)
}

// TestAnothersFinalIsAnswered at once by a node whose own wait is longer, since it
// came later; to claim it waits all the same.
func TestAnothersFinalIsAnswered(t *testing.T) {
	r := newRig(t, likePostgres)
	following(r)
	r.view(dies)
	r.pass(second)
	r.mustNot(RunHook)
	r.view(func(f *Facts) { f.Votes = VoteFact{Cast: 1} })
	r.lane(HookDetach, Event{})
	r.lane(HookPosition, Event{Output: "4 100"})
	r.votes()
	r.view(func(f *Facts) { f.Votes = VoteFact{Own: true, Cast: 2, NotHigher: 2} })
	r.mustNot(Claim)
	if got := r.waits(); got != fullWait-second {
		t.Errorf("it claims after %v", got)
	}
}

// TestWhatFailsOnTheWayToAFinal is tried again while the vacancy lasts (SPEC H3).
func TestWhatFailsOnTheWayToAFinal(t *testing.T) {
	r := newRig(t, likePostgres)
	detaching(r)
	for _, bad := range []Event{{Code: 1}, {Absent: true}} {
		r.lane(HookDetach, bad)
		r.mustNot(RunHook, Vote)
		r.pass(second)
	}
	r.lane(HookDetach, Event{})
	for _, bad := range []Event{{Code: 1}, {Output: "0/16B3748"}, {}} {
		r.lane(HookPosition, bad)
		r.mustNot(RunHook, Vote)
		r.pass(second)
	}
	r.lane(HookPosition, Event{Output: "4 100"})
	r.reply(Vote, Event{Outcome: kv.Unknown})
	r.mustNot(Vote, Claim)
	r.pass(second)
	own := kv.Item{Present: true, Create: r.facts.Self.Create, Lease: ourLease}
	r.replyTxn(Vote, false, own) // _epoch was written meanwhile
	r.pass(second)
	r.votes()
	r.in(Waiting)
	r.replyTxn(Vote, true, own)
	r.mustNot(Vote)
	r.b.lane.due = r.now
	r.view(func(f *Facts) { f.Epoch.Mod++; f.Votes.Own = false }) // somebody deleted it
	r.mustTxn(Vote)
	r.replyTxn(Vote, false) // and our node key
	r.in(Fenced)
}

// TestHowManyFinalsAreNeeded (SPEC E7).
func TestHowManyFinalsAreNeeded(t *testing.T) {
	list := ConfigFact{Present: true, Mod: 40, Count: 3, K: 1, Member: true, Armed: true}
	for _, c := range []struct {
		name  string
		facts func(*Facts)
		why   string // empty: it claims
	}{
		{"no list", func(f *Facts) { f.Votes = VoteFact{Own: true, Cast: 2, NotHigher: 1} }, ""},
		{
			"one of two", func(f *Facts) { f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 1} },
			"too few finals are not higher than its own: 1 of 2, and 2 are needed",
		},
		{"two of two", func(f *Facts) { f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 2} }, ""},
		{"asynchronous", func(f *Facts) {
			f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 1}
			f.Config.K = 0
		}, ""},
		{
			"no member", func(f *Facts) { f.Config = list; f.Config.Member = false },
			"it is not in the member list (msdhactl members)",
		},
		{
			"not armed", func(f *Facts) {
				f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 2}
				f.Config.Armed, f.Epoch.Node, f.Init = false, "", InitFact{Present: true, Done: true, Node: "n2"}
			}, "not enough members have had the data yet: only the node that has all of it may claim",
		},
		{"not armed, and it is the first", func(f *Facts) {
			f.Config, f.Votes = list, VoteFact{Own: true, Cast: 1, NotHigher: 1}
			f.Config.Armed, f.Epoch.Node, f.Init = false, "", InitFact{Present: true, Done: true, Node: "n1"}
		}, ""},
		{
			"not armed, and somebody else has reigned since", func(f *Facts) {
				f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 2}
				f.Config.Armed, f.Config.Anchor, f.Epoch.Node = false, "n1", "n3"
			}, "not enough members have had the data yet: only the node that has all of it may claim",
		},
		{"not armed, and it reigned last", func(f *Facts) {
			f.Config, f.Votes = list, VoteFact{Own: true, Cast: 1, NotHigher: 1}
			f.Config.Armed, f.Config.Anchor, f.Epoch.Node = false, "n3", "n1"
		}, ""},
		{"an operator accepts the loss", func(f *Facts) {
			f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 1, Awaited: 1}
			f.Control = ControlFact{Request: kv.RequestPromote, Epoch: 4, Node: "n1"}
		}, ""},
		{
			"… after another reign", func(f *Facts) {
				f.Config, f.Votes = list, VoteFact{Own: true, Cast: 2, NotHigher: 1}
				f.Control = ControlFact{Request: kv.RequestPromote, Epoch: 3, Node: "n1"}
			}, "too few finals are not higher than its own: 1 of 2, and 2 are needed",
		},
		{"paused", func(f *Facts) { f.Control.Request = kv.RequestPause }, "the group is paused (msdhactl resume)"},
		{
			"nonsense in _config", func(f *Facts) { f.Config = ConfigFact{Present: true, Bad: true} },
			"the key _config does not parse",
		},
		{"nonsense in _control", func(f *Facts) { f.Control.Bad = true }, "the key _control does not parse"},
	} {
		r := newRig(t, likePostgres)
		voting(r)
		r.view(c.facts)
		if _, claims := r.effect(Claim); claims != (c.why == "") {
			t.Errorf("%s: it claims: %v", c.name, claims)
		} else if !claims {
			r.explains(c.why)
		}
	}
}

// TestStandingBack orders those who may claim; it lasts T at most (SPEC E7).
func TestStandingBack(t *testing.T) {
	for name, v := range map[string]VoteFact{
		"awaited":   {Own: true, Cast: 1, NotHigher: 1, Awaited: 1},
		"outranked": {Own: true, Cast: 2, NotHigher: 1, Outranked: true},
	} {
		r := newRig(t, likePostgres)
		voting(r)
		at := r.now
		r.view(func(f *Facts) { f.Votes = v })
		r.mustNot(Claim)
		r.explains("it lets others go first")
		r.pass(fullWait)
		if got := r.b.act.sent.Sub(at); r.b.phase != Claiming || got != ttl {
			t.Errorf("%s: it claims after %v", name, got)
		}
	}
}

// TestFollowIsEndedBeforeDetach (SPEC H3): a late one would attach us to who is gone.
func TestFollowIsEndedBeforeDetach(t *testing.T) {
	r := newRig(t, likePostgres)
	standby(r)
	op := r.b.lane.op
	r.view(dies)
	if e := r.must(EndHook); e.Op != op {
		t.Errorf("it ends hook %d, not %d", e.Op, op)
	}
	r.pass(2 * fullWait)
	r.mustNot(RunHook, Vote, Claim, EndHook)
	r.explains("a hook that must not overlap with a promotion still runs")
	r.lane(HookFollow, Event{}) // it had attached, after all
	if e := r.must(RunHook); e.Hook != HookDetach {
		t.Errorf("it runs %v", e.Hook)
	}
}

// TestWhoIsFollowed: a new reign, once, and nobody whose epoch is not above that of
// the vacancy for which we have detached (SPEC E7).
func TestWhoIsFollowed(t *testing.T) {
	r := newRig(t, likePostgres)
	following(r)
	r.pass(time.Minute)
	r.mustNot(RunHook)
	r.view(func(f *Facts) { f.Master.Epoch, f.Master.Create, f.Master.Node = 5, r.rev, "n2"; f.Epoch.Epoch = 5 })
	r.lane(HookFollow, Event{Code: 1})
	r.mustNot(RunHook)
	r.pass(second)
	r.lane(HookFollow, Event{})
	r.view(dies)
	r.pass(fullWait)
	r.lane(HookDetach, Event{})
	woken := func(f *Facts) { f.Master = MasterFact{Present: true, Create: 50, Lease: 0x22, Node: "n2", Epoch: 5} }
	r.view(woken) // a backup of etcd brought it back
	r.lane(HookPosition, Event{Output: "5 7"})
	r.pass(time.Minute)
	r.mustNot(RunHook)
	r.view(func(f *Facts) { f.Master.Epoch, f.Epoch.Epoch = 6, 6 })
	if e := r.must(RunHook); e.Hook != HookFollow || e.Epoch != 6 {
		t.Errorf("it runs %+v", e)
	}
}
