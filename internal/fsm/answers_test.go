package fsm

import (
	"testing"

	"msdha/internal/fsm/kv"
)

// TestDefiniteAnswersEndAuthority at once, whatever is left until D (SPEC R1).
func TestDefiniteAnswersEndAuthority(t *testing.T) {
	for name, answer := range map[string]func(*rig){
		"the lease is gone":         func(r *rig) { r.reply(KeepAlive, Event{Outcome: kv.LeaseGone}) },
		"the lease has no TTL left": func(r *rig) { r.reply(KeepAlive, Event{TTL: 0}) },
		"the keys are not ours":     func(r *rig) { r.replyTxn(Check, false) },
		"the check finds no lease":  func(r *rig) { r.reply(Check, Event{Outcome: kv.LeaseGone}) },
	} {
		r := newRig(t)
		reigning(r)
		r.answers = false
		r.now = r.b.Next()
		r.do(Event{Kind: Tick})
		answer(r)
		if r.b.phase != Fenced || r.b.Cause() != CauseNotOurs {
			t.Errorf("%s: it is %s (%v)", name, r.b.PhaseName(), r.b.Cause())
		}
		if g := r.must(ArmGuard); g.Fence != r.now {
			t.Errorf("%s: the guard fences at %v, now is %v", name, g.Fence, r.now)
		}
	}
}

// TestRefusedPublicationFences: our own key is not ours any more.
func TestRefusedPublicationFences(t *testing.T) {
	r := newRig(t)
	claiming(r)
	r.replyTxn(Claim, true, r.won()...)
	r.replyTxn(Publish, false)
	r.in(Fenced)
	r.mustNot(RunHook)
}

// TestTheCheckCoversTheReign: as master a round demands _master too.
func TestTheCheckCoversTheReign(t *testing.T) {
	r := newRig(t)
	reigning(r)
	r.pass(r.b.Next().Sub(r.now))
	c := r.mustTxn(Check)
	if c.NIf != 4 || c.If[2].Key != kv.Master || c.If[2].Rev != r.b.reign.master || c.If[3].Lease != ourLease {
		t.Errorf("the check demands %+v", c.If[:c.NIf])
	}
}

// TestLostPublicationIsRepeated until authority ends.
func TestLostPublicationIsRepeated(t *testing.T) {
	r := newRig(t)
	r.register()
	r.view(nil)
	r.exits(HookPreStart, Event{})
	r.in(Starting)
	r.reply(Publish, Event{Outcome: kv.Unknown})
	r.pass(second)
	r.must(Publish)
	r.mustNot(StartChild)
	r.replyTxn(Publish, true)
	r.must(StartChild)
	if r.b.Published() != StateStart {
		t.Errorf("published is %q", r.b.Published())
	}
}

// TestStopWhileStarting: a child that comes into being after the decision is
// told so.
func TestStopWhileStarting(t *testing.T) {
	r := newRig(t)
	r.register()
	r.view(nil)
	r.exits(HookPreStart, Event{})
	r.replyTxn(Publish, true)
	r.do(Event{Kind: StopRequested})
	r.in(Draining)
	r.reply(StartChild, Event{})
	r.must(SignalChild)
	r.mustNot(KillTree)
	if e := r.finish(143); e.Code != ExitOK {
		t.Errorf("it ends with %d", e.Code)
	}
}

// TestOrphanedNodeBeginsAnew: it came to clone, and nobody is left who has or
// creates the data (SPEC P2).
func TestOrphanedNodeBeginsAnew(t *testing.T) {
	r := newRig(t)
	r.register("")
	r.view(func(f *Facts) { f.Init = InitFact{Present: true, Mod: 90, Lease: oldLease} })
	r.in(PreStart)
	r.view(nil)
	r.in(PreStart)
	r.view(func(f *Facts) { f.Init = InitFact{} })
	if e := r.finish(0); e.Cause != CauseBootstrapVoid || e.Code != ExitAgain {
		t.Errorf("it ends with %d (%v)", e.Code, e.Cause)
	}
}

// TestRegisteringWithDataEndsABootstrap that is still running, in the same
// transaction (SPEC P2).
func TestRegisteringWithDataEndsABootstrap(t *testing.T) {
	r := newRig(t)
	r.do(Event{Kind: Started})
	r.exits(HookData, Event{Output: "d1"})
	r.reply(GrantLease, Event{Lease: ourLease, TTL: ttl})
	busy := kv.Item{Present: true, Mod: 77, Record: kv.Record{Running: true}}
	r.replyTxn(Register, false, kv.Item{}, kv.Item{}, busy)
	txn := r.mustTxn(Register)
	if c := txn.If[1]; c.Key != kv.Initialized || c.Target != kv.TargetMod || c.Rev != 77 {
		t.Errorf("it compares %+v", c)
	}
	if op := txn.Then[0]; op.Kind != kv.OpDelete || op.Key != kv.Initialized {
		t.Errorf("it begins with %+v", op)
	}
	r.registered()
	r.in(Listing)
}

// TestFirstClaimMakesTheDataTheGroups, comparing _initialized as its own (P2).
func TestFirstClaimMakesTheDataTheGroups(t *testing.T) {
	r := newRig(t)
	bootstrapping(r)
	r.won0()
	ours := InitFact{Present: true, Mod: r.b.initMod, Lease: ourLease, Node: "n1"}
	r.view(func(f *Facts) { f.Init = ours })
	r.ready()
	r.in(Waiting)
	r.pass(fullWait)
	txn := r.mustTxn(Claim)
	if c := txn.If[txn.NIf-1]; c.Key != kv.Initialized || c.Rev != ours.Mod {
		t.Errorf("the claim compares %+v last", c)
	}
	done := txn.Then[txn.NThen-1]
	if done.Key != kv.Initialized || done.Lease != 0 || !done.Record.Done || done.Record.DataID != "d1" {
		t.Errorf("_initialized becomes %+v", done)
	}
}

// TestExplain in the phases that have nothing to do with obstacles.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		live func(*rig)
		want string
	}{
		{func(r *rig) { r.register() }, "it is still joining: Listing"},
		{claiming, "its claim is under way"},
		{promoting, "it is the master"},
		{reigning, "it is the master"},
		{standby, "there is a master"},
		{func(r *rig) { reigning(r); r.do(Event{Kind: StopRequested}) }, "asked to stop"},
	} {
		r := newRig(t)
		c.live(r)
		r.explains(c.want)
	}
	r := newRig(t)
	waiting(r)
	r.pass(second)
	if why, left := r.b.Explain(r.now); left != fullWait-second {
		t.Errorf("%q: %v left, want %v", why, left, fullWait-second)
	}
}
