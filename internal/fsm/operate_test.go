package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func switchover(e kv.Epoch) ControlFact {
	return ControlFact{Mod: 60, Request: kv.RequestSwitchover, Epoch: e, Node: "n2", Ready: true}
}

// TestSwitchoverIsForThisReign, and only where somebody can take over (SPEC E6).
func TestSwitchoverIsForThisReign(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Facts)
		want   Phase
	}{
		{"asked", func(*Facts) {}, Draining},
		{"another reign", func(f *Facts) { f.Control.Epoch = 4 }, Reigning},
		{"the successor is not ready", func(f *Facts) { f.Control.Ready = false }, Reigning},
		{"too few are ready", func(f *Facts) {
			f.Config = ConfigFact{Present: true, Count: 4, K: 1, Armed: true, Member: true}
		}, Reigning},
	} {
		r := newRig(t)
		reigning(r)
		r.view(func(f *Facts) { f.Control, f.ReadyMembers, f.ReadyOthers = switchover(5), 1, 1; c.change(f) })
		if r.b.phase != c.want {
			t.Errorf("%s: %s", c.name, r.b.PhaseName())
		}
	}
	r := newRig(t)
	promoting(r)
	r.view(func(f *Facts) { ourReign(r)(f); f.Control, f.ReadyMembers, f.ReadyOthers = switchover(5), 1, 1 })
	r.in(Promoting)
	r.exits(HookMaster, Event{})
	r.in(Draining)
}

// TestTheClaimDeletesTheRequest that it answers, and leaves a pause alone.
func TestTheClaimDeletesTheRequest(t *testing.T) {
	r := newRig(t)
	waiting(r)
	r.view(func(f *Facts) { f.Control = switchover(4) })
	r.pass(fullWait)
	txn, deleted := r.mustTxn(Claim), false
	for _, op := range txn.Then[:txn.NThen] {
		deleted = deleted || op.Kind == kv.OpDelete && op.Key == kv.Control
	}
	if !deleted || txn.If[3] != (kv.Compare{Key: kv.Control, Target: kv.TargetMod, Rev: 60}) {
		t.Errorf("the claim is %+v", txn)
	}
}

// TestAPausedGroup promotes nobody, asks nobody to vote, and keeps its master,
// whose time is over (SPEC E8).
func TestAPausedGroup(t *testing.T) {
	pause := func(f *Facts) { f.Control = ControlFact{Mod: 60, Request: kv.RequestPause} }
	r := newRig(t, likePostgres)
	following(r)
	r.view(func(f *Facts) { dies(f); pause(f) })
	r.pass(3 * fullWait)
	r.mustNot(RunHook, Claim)
	r.explains("the group is paused (msdhactl resume)")
	r.view(func(f *Facts) { f.Control = ControlFact{} })
	if e := r.must(RunHook); e.Hook != HookDetach {
		t.Errorf("after the pause it runs %v", e.Hook)
	}

	r = newRig(t, masterTTL)
	reigning(r)
	r.view(func(f *Facts) { pause(f); f.ReadyMembers, f.ReadyOthers = 2, 2 })
	r.pass(2 * time.Hour)
	r.in(Reigning)
	r.view(func(f *Facts) { f.Control = ControlFact{} })
	r.in(Draining)
}

// TestAMasterSeesToItsMembers: first in force, then settled (SPEC P3).
func TestAMasterSeesToItsMembers(t *testing.T) {
	r := newRig(t, likePostgres)
	voting(r)
	r.view(func(f *Facts) {
		f.Config = ConfigFact{
			Present: true, Mod: 70, Serial: 3, Count: 3, K: 1, Member: true, Pending: true,
			Target: "n1 n2", TargetK: 1, Armed: true,
		}
		f.Votes = VoteFact{Own: true, Cast: 2, NotHigher: 2}
	})
	r.replyTxn(Claim, true, r.won()...)
	r.replyTxn(Publish, true)
	if env := r.must(RunHook).Env; env.Members != "n1 n2" || env.K != 1 {
		t.Errorf("the master hook is told %+v", env)
	}
	r.exits(HookMaster, Event{})
	r.view(ourReign(r))
	r.lane(HookMembers, Event{Code: 1})
	r.mustNot(Settle)
	r.pass(second)
	r.view(func(f *Facts) { f.Config.Mod, f.Config.Serial = 71, 4 }) // another change meanwhile
	r.must(EndHook)
	r.lane(HookMembers, Event{})
	r.mustNot(Settle)
	r.lane(HookMembers, Event{})
	txn := r.mustTxn(Settle)
	if txn.If[0] != (kv.Compare{Key: kv.Config, Target: kv.TargetMod, Rev: 71}) ||
		txn.If[1].Key != kv.Master || txn.If[3].Key != kv.EpochKey {
		t.Errorf("it is settled under %+v", txn.If[:txn.NIf])
	}
	if rec := txn.Then[0].Record; rec.Members != "n1 n2" || rec.K != 1 || !rec.Armed || rec.Serial != 5 {
		t.Errorf("_config becomes %+v", rec)
	}
	r.replyTxn(Settle, true, kv.Item{Present: true, Mod: 72})
	r.view(func(f *Facts) { f.Config.Mod, f.Config.Serial, f.Config.Pending = 72, 5, false })
	r.mustNot(RunHook, Settle)
	if h := r.b.remembered; h.Serial != 5 {
		t.Errorf("it remembers %+v", h)
	}
}

// TestAMasterDoesNotLeaveTheList by itself: after its removal was begun it was
// elected. The list stays as it is until somebody else reigns.
func TestAMasterDoesNotLeaveTheList(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.Hooks = HookSet(0).With(HookMembers) })
	reigning(r)
	r.view(func(f *Facts) {
		f.Config = ConfigFact{
			Present: true, Mod: 70, Count: 3, K: 1, Member: true, Armed: true,
			Pending: true, Target: "n2 n3", TargetK: 1,
		}
	})
	r.lane(HookMembers, Event{})
	r.pass(time.Minute)
	r.mustNot(Settle)
}

// TestAnOlderListIsNotTrusted (SPEC K4): etcd was restored from a backup.
func TestAnOlderListIsNotTrusted(t *testing.T) {
	r := newRig(t, likePostgres)
	r.held = Held{Cluster: cluster, Rev: 3, Epoch: 3, Serial: 9}
	voting(r)
	r.view(func(f *Facts) { f.Votes = VoteFact{Own: true, Cast: 1, NotHigher: 1} })
	r.mustNot(Claim)
	r.explains("a newer member list than the one in etcd is remembered (msdhactl members confirm)")
	r.view(func(f *Facts) {
		f.Config = ConfigFact{Present: true, Mod: 80, Serial: 10, Count: 2, K: 1, Member: true, Armed: true}
	})
	r.must(Claim)
}

// TestMonitorCountsInARow (SPEC N8).
func TestMonitorCountsInARow(t *testing.T) {
	r := newRig(t, watched)
	standby(r)
	for _, code := range []int{1, 1, 0, 1, 1} {
		r.pass(10 * second)
		r.do(Event{Kind: HookExited, Hook: HookMonitor, Op: r.b.monitor.op, Code: code})
		r.in(Standby)
	}
	r.pass(10 * second)
	r.do(Event{Kind: HookExited, Hook: HookMonitor, Op: r.b.monitor.op, Code: 143})
	r.in(Draining)
}

// TestWhatIsOwedIsFencedFirst (SPEC E9).
func TestWhatIsOwedIsFencedFirst(t *testing.T) {
	fences := func(c *BackendConfig) { c.Hooks = HookSet(0).With(HookFence) }
	r := newRig(t, fences)
	waiting(r)
	old := kv.DebtsText([]kv.Debt{{Epoch: 2, Node: "n7", Incarnation: 7}})
	r.view(func(f *Facts) { f.Fences, f.Epoch.Unfenced, f.Epoch.Place.Container = true, old, "c0" })
	r.pass(fullWait)
	owed := r.mustTxn(Claim).Then[1].Record.Unfenced
	list, err := kv.Debts(owed)
	last := kv.Debt{Epoch: 4, Node: "n0", Incarnation: oldLease, Place: kv.Place{Container: "c0"}}
	if err != nil || len(list) != 2 || list[1] != last {
		t.Fatalf("the claim lists %s", owed)
	}
	won := r.won()
	won[1].Record.Unfenced = owed
	r.replyTxn(Claim, true, won...)
	r.in(Clearing)
	r.mustNot(MarkMaster, Publish)
	if e := r.must(RunHook); e.Hook != HookFence || e.Debt != list[0] {
		t.Errorf("it runs %+v", e)
	}
	r.lane(HookFence, Event{Code: 1})
	r.pass(second)
	for i := range list {
		if got := r.b.lane.hook; got != HookFence {
			t.Fatalf("fence %d: %v runs", i, got)
		}
		r.lane(HookFence, Event{})
		r.reply(Repay, Event{Outcome: kv.Unknown})
		r.pass(second)
		rest := r.mustTxn(Repay).Then[0].Record
		if rest.Unfenced != kv.DebtsText(list[i+1:]) || rest.Epoch != 5 || rest.Incarnation != ourLease {
			t.Errorf("_epoch becomes %+v", rest)
		}
		won[1].Mod++
		won[1].Record.Unfenced = rest.Unfenced
		r.replyTxn(Repay, true, won...)
	}
	r.in(Promoting)
	r.must(MarkMaster)
}

// TestWhoCannotFence is no candidate while something has to be fenced (SPEC E9).
func TestWhoCannotFence(t *testing.T) {
	fences := func(c *BackendConfig) { c.Hooks = HookSet(0).With(HookFence) }
	for _, c := range []struct {
		cfg   func(*BackendConfig)
		facts func(*Facts)
		why   string
	}{
		{plain, func(f *Facts) {}, "an earlier reign has to be fenced, and it has no fence hook"},
		{
			fences, func(f *Facts) { f.Epoch.Node = "n1" },
			"its own earlier life has to be fenced, which another node must do",
		},
		{fences, func(f *Facts) {
			f.Epoch.Released = true
			f.Epoch.Unfenced = kv.DebtsText([]kv.Debt{{Epoch: 2, Node: "n1", Incarnation: 7}})
		}, "its own earlier life has to be fenced, which another node must do"},
	} {
		r := newRig(t, c.cfg)
		waiting(r)
		r.view(func(f *Facts) { f.Fences = true; c.facts(f) })
		r.pass(2 * fullWait)
		r.mustNot(Claim)
		r.explains(c.why)
	}
}

// TestARequestedCloneIsRemembered for the next life's pre_start, and forgotten once
// that has seen to it.
func TestARequestedCloneIsRemembered(t *testing.T) {
	r := newRig(t)
	standby(r)
	r.view(func(f *Facts) { f.Control = ControlFact{Request: kv.RequestReinit, Node: "n1", Incarnation: ourLease} })
	if !r.must(Remember).Held.Reinit {
		t.Error("it is not remembered")
	}
	r.in(Draining)

	r = newRig(t)
	r.held = Held{Reinit: true}
	r.register()
	r.view(nil)
	if !r.must(RunHook).Env.Reinit {
		t.Error("pre_start is not told")
	}
	r.exits(HookPreStart, Event{})
	r.replyTxn(Publish, true)
	if r.must(Remember).Held.Reinit {
		t.Error("the life after this one would clone again")
	}
}

// TestALateReleaseKeepsWhatIsOwed: the claim won, its answer came after the lock was
// gone, and what is released is a reign with a list of debts.
func TestALateReleaseKeepsWhatIsOwed(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.Hooks = HookSet(0).With(HookFence) })
	claiming(r)
	r.do(Event{Kind: StopRequested})
	r.do(Event{Kind: ChildExited})
	r.do(Event{Kind: TreeGone})
	owed := kv.DebtsText([]kv.Debt{{Epoch: 4, Node: "n0", Incarnation: oldLease}})
	found := r.won()
	found[0] = kv.Item{} // _master has ended with its lease
	found[1].Record.Unfenced = owed
	r.replyTxn(Confirm, true, found...)
	if e := r.mustTxn(Release).Then[0]; e.Key != kv.EpochKey && r.mustTxn(Release).Then[1].Record.Unfenced != owed ||
		e.Key == kv.EpochKey && e.Record.Unfenced != owed {
		t.Errorf("the release begins with %+v", e)
	}
}
