package fsm

import (
	"testing"

	"msdha/internal/fsm/kv"
)

var (
	herePlace    = kv.Place{Container: "c0ffee", Boot: "b007", PIDNamespace: "pid:[2]"}
	earlierPlace = kv.Place{Container: "c0ffee", Boot: "b007", PIDNamespace: "pid:[1]"}
)

func placed(c *BackendConfig) { c.Place = herePlace }

// remains is what is left of an earlier life: the reply to an Inquire.
func remains(mod kv.Revision, epoch kv.LeaseID) []kv.Item {
	last := kv.Record{Epoch: 4, Node: "n1", Incarnation: epoch, TTL: ttl}
	return []kv.Item{
		{Key: kv.Master},
		{Key: kv.EpochKey, Present: true, Mod: mod, Record: last},
		{Key: kv.NodeKey("n1"), Present: true, Create: 3, Lease: oldLease},
	}
}

// TestARestartedContainerWithdrawsItsEarlierLife: it need not wait for the lease that
// holds its name (SPEC N3, E11).
func TestARestartedContainerWithdrawsItsEarlierLife(t *testing.T) {
	for name, c := range map[string]struct {
		place kv.Place
		want  Phase
	}{
		"started anew":            {earlierPlace, Attesting},
		"the same life":           {herePlace, NameTaken},
		"a cloned machine":        {kv.Place{Container: "c0ffee", Boot: "b008", PIDNamespace: "pid:[1]"}, NameTaken},
		"another container":       {kv.Place{Container: "c1", Boot: "b007", PIDNamespace: "pid:[1]"}, NameTaken},
		"a PID namespace of more": {kv.Place{Container: "c0ffee", Boot: "b007"}, NameTaken},
	} {
		r := newRig(t, placed)
		r.grants()
		held := holder(oldLease)
		held[1].Record.Place = c.place
		r.replyTxn(Register, false, held...)
		if r.b.phase != c.want {
			t.Errorf("%s: %s", name, r.b.PhaseName())
		}
	}

	r := newRig(t, placed)
	r.grants()
	held := holder(oldLease)
	held[1].Record.Place = earlierPlace
	r.replyTxn(Register, false, held...)
	r.replyTxn(Inquire, true, remains(50, oldLease)...)
	txn := r.mustTxn(Attest)
	if e := txn.Then[1].Record; txn.NThen != 3 || !e.Released || e.How != kv.ByRestart || e.By != "n1" {
		t.Fatalf("it writes %+v", txn.Then[:txn.NThen])
	}
	r.reply(Attest, Event{Outcome: kv.Unknown})
	r.pass(second)
	r.replyTxn(Inquire, true, remains(51, oldLease)...)
	r.replyTxn(Attest, true, remains(60, oldLease)...)
	if e := r.must(RevokeLease); e.Lease != oldLease {
		t.Errorf("it revokes %v", e.Lease)
	}
	r.reply(RevokeLease, Event{Outcome: kv.LeaseGone})
	r.in(Registering)
	r.registered()
	r.in(Listing)
}

// TestWhatHeldTheNameIsReadWithIt: a record on another lease says nothing of who
// holds the name.
func TestWhatHeldTheNameIsReadWithIt(t *testing.T) {
	r := newRig(t, placed)
	r.grants()
	held := holder(oldLease)
	held[1].Record.Place, held[1].Lease = earlierPlace, 0x77
	r.replyTxn(Register, false, held...)
	r.in(NameTaken)
}

// TestARestartedContainerReleasesItsReign before anything runs: the last one, and
// those that are to be fenced.
func TestARestartedContainerReleasesItsReign(t *testing.T) {
	r := newRig(t, placed)
	r.register()
	owed := []kv.Debt{
		{Epoch: 2, Node: "n1", Incarnation: 7, Place: earlierPlace},
		{Epoch: 3, Node: "n1", Incarnation: 8, Place: kv.Place{Container: "c1"}},
	}
	r.view(func(f *Facts) {
		f.Epoch = EpochFact{
			Present: true, Mod: 40, Epoch: 4, Node: "n1", Incarnation: oldLease, Place: earlierPlace,
			Unfenced: kv.DebtsText(owed),
		}
	})
	for i, dead := range []kv.LeaseID{oldLease, 7} {
		r.in(Attesting)
		left := remains(kv.Revision(40+i), oldLease)
		left[1].Record.Unfenced = kv.DebtsText(owed)
		r.replyTxn(Inquire, true, left...)
		r.replyTxn(Attest, true, remains(kv.Revision(41+i), oldLease)...)
		if e := r.must(RevokeLease); e.Lease != dead {
			t.Fatalf("it revokes %v, want %v", e.Lease, dead)
		}
		r.reply(RevokeLease, Event{})
		r.in(Listing) // its view does not show what it wrote
		r.view(func(f *Facts) {
			f.Epoch.Mod, f.Epoch.Released = kv.Revision(41+i), true
			f.Epoch.Unfenced = kv.DebtsText(owed[i:])
		})
	}
	r.in(PreStart)
}

// TestAReplacedEtcdsReignsAreNotTheLast: whose end is attested there may have had
// successors that this etcd knows nothing of (SPEC K4).
func TestAReplacedEtcdsReignsAreNotTheLast(t *testing.T) {
	r := newRig(t)
	waiting(r)
	r.do(Event{Kind: EtcdReplaced})
	r.view(nil)
	r.view(func(f *Facts) { f.Epoch.Mod, f.Epoch.Released, f.Epoch.How = r.rev, true, kv.ByGuard })
	r.pass(fullWait / 2)
	r.mustNot(Claim)
	r.view(func(f *Facts) { f.Epoch.Epoch += epochGap })
	r.must(Claim)
}

func proves(c *BackendConfig) { c.Hooks, c.FenceProves = HookSet(0).With(HookFence), true }

// TestAFenceThatProves runs during the wait, and its success ends it (SPEC E11).
func TestAFenceThatProves(t *testing.T) {
	r := newRig(t, proves)
	waiting(r)
	if e := r.must(RunHook); e.Hook != HookFence || e.Debt.Incarnation != oldLease || e.Debt.Node != "n0" {
		t.Fatalf("it runs %+v", e)
	}
	r.lane(HookFence, Event{Code: 1})
	r.mustNot(Inquire)
	r.pass(second)
	r.lane(HookFence, Event{})
	found := remains(r.rev, oldLease)
	found[1].Record.Node = "n0"
	r.replyTxn(Inquire, true, found...)
	r.reply(Attest, Event{Outcome: kv.Unknown})
	r.pass(second)
	if e := r.must(Inquire); e.Hook != HookNone {
		t.Error("it fences again")
	}
	r.replyTxn(Inquire, true, found...)
	if e := r.mustTxn(Attest).Then[1].Record; !e.Released || e.How != kv.ByFence {
		t.Errorf("it writes %+v", e)
	}
	r.replyTxn(Attest, true, found...)
	r.view(func(f *Facts) { f.Epoch.Mod, f.Epoch.Released, f.Epoch.How = r.rev, true, kv.ByFence })
	r.must(Claim)
}

// TestAFenceEndsWithTheWait, and whoever was told to end has confirmed nothing.
func TestAFenceEndsWithTheWait(t *testing.T) {
	r := newRig(t, proves)
	waiting(r)
	r.pass(fullWait)
	r.must(EndHook)
	r.mustNot(Claim)
	r.lane(HookFence, Event{})
	r.mustNot(Inquire)
	r.must(Claim)
	for name, change := range map[string]func(*Facts){
		"a master":     func(f *Facts) { f.Master = MasterFact{Present: true, Node: "n2", Lease: 0x22, Epoch: 5} },
		"a release":    func(f *Facts) { f.Epoch.Released = true },
		"a pause":      func(f *Facts) { f.Control = ControlFact{Request: kv.RequestPause} },
		"others' vote": func(f *Facts) { f.Votes.Cast = 1 },
	} {
		r := newRig(t, proves)
		waiting(r)
		r.view(change)
		if _, ends := r.effect(EndHook); !ends {
			t.Errorf("%s does not end it", name)
		}
	}
}

// TestWhoDoesNotFenceAhead: without the right to, for its own earlier life, or where
// everybody waits anyway.
func TestWhoDoesNotFenceAhead(t *testing.T) {
	for name, c := range map[string]func(*BackendConfig){
		"it proves nothing": func(c *BackendConfig) { c.FenceProves = false },
		"no hook":           func(c *BackendConfig) { c.Hooks = 0 },
		"always waits":      func(c *BackendConfig) { c.AlwaysWait = true },
		"its own":           func(c *BackendConfig) { c.Name = "n0" },
	} {
		r := newRig(t, proves, c)
		waiting(r)
		if e, runs := r.effect(RunHook); runs && e.Hook == HookFence {
			t.Errorf("%s: it fences", name)
		}
	}
}

// TestAMasterFollowsItsEpoch: others strike off what they know to be dead, and the
// fence hook against that has nothing more to do (SPEC E9, E11).
func TestAMasterFollowsItsEpoch(t *testing.T) {
	debts := []kv.Debt{{Epoch: 2, Node: "n7", Incarnation: 7}, {Epoch: 4, Node: "n0", Incarnation: oldLease}}
	r := newRig(t, func(c *BackendConfig) { c.Hooks = HookSet(0).With(HookFence) })
	claiming(r)
	won := r.won()
	won[1].Record.Unfenced = kv.DebtsText(debts)
	r.replyTxn(Claim, true, won...)
	r.in(Clearing)
	r.view(func(f *Facts) {
		ourReign(r)(f)
		f.Epoch.Present, f.Epoch.Mod, f.Epoch.Epoch, f.Epoch.Incarnation = true, r.rev, 5, ourLease
		f.Epoch.Unfenced = kv.DebtsText(debts[1:])
	})
	r.must(EndHook)
	r.lane(HookFence, Event{Code: 143})
	r.pass(second)
	if e := r.must(RunHook); e.Debt.Incarnation != oldLease {
		t.Fatalf("it fences %v, which somebody has attested", e.Debt)
	}
	r.lane(HookFence, Event{})
	if txn := r.mustTxn(Repay); txn.If[0].Rev != r.rev || txn.Then[0].Record.Unfenced != "" {
		t.Errorf("it repays with %+v", txn)
	}
}
