package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func plain(*BackendConfig) {}

func masterTTL(c *BackendConfig) { c.MasterTTL = time.Hour }

// endings is every cause with its exit code (SPEC N6).
var endings = []struct {
	name   string
	cfg    func(*BackendConfig)
	end    func(*rig)
	status int // of the main process
	cause  Cause
	code   int
}{
	{"asked while joining", plain, func(r *rig) {
		r.register()
		r.do(Event{Kind: StopRequested})
	}, 0, CauseAsked, ExitOK},
	{"asked as master", plain, func(r *rig) {
		reigning(r)
		r.do(Event{Kind: StopRequested})
	}, 143, CauseAsked, ExitOK},
	{"the main process fails", plain, func(r *rig) {
		reigning(r)
		r.do(Event{Kind: ChildExited, Code: 3})
	}, 0, CauseChild, 3},
	{"the main process ends well", plain, func(r *rig) {
		standby(r)
		r.do(Event{Kind: ChildExited, Code: 0})
	}, 0, CauseChild, ExitChild},
	{"etcd is away at start", plain, func(r *rig) {
		r.do(Event{Kind: Started})
		r.exits(HookData, Event{Absent: true})
		r.pass(31 * second)
	}, 0, CauseEtcdAtStart, ExitUnavailable},
	{"a hook fails", plain, func(r *rig) {
		promoting(r)
		r.exits(HookMaster, Event{Code: 1})
	}, 0, CauseHook, ExitHook},
	{"the data hook fails", plain, func(r *rig) {
		r.do(Event{Kind: Started})
		r.exits(HookData, Event{Code: 2})
	}, 0, CauseHook, ExitHook},
	{"the start hook cannot be run", plain, func(r *rig) {
		r.register()
		r.view(nil)
		r.exits(HookPreStart, Event{})
		r.replyTxn(Publish, true)
		r.reply(StartChild, Event{Outcome: kv.Failed})
	}, 0, CauseHook, ExitHook},
	{"no renewal", plain, func(r *rig) {
		reigning(r)
		r.answers = false
		r.pass(ttl)
	}, 137, CauseAuthority, ExitAgain},
	{"the keys are not ours", plain, func(r *rig) {
		reigning(r)
		r.view(func(f *Facts) { f.Master = MasterFact{} })
	}, 137, CauseNotOurs, ExitAgain},
	{"the guard dies", plain, func(r *rig) {
		reigning(r)
		r.do(Event{Kind: GuardLost})
	}, 137, CauseGuard, ExitAgain},
	{"the master TTL", masterTTL, func(r *rig) {
		reigning(r)
		r.view(func(f *Facts) { f.ReadyMembers, f.ReadyOthers = 1, 1 })
		r.pass(time.Hour)
	}, 0, CauseMasterTTL, ExitAgain},
	{"the name is taken for good", plain, func(r *rig) {
		r.grants()
		r.replyTxn(Register, false, kv.Item{Present: true, Create: 3})
	}, 0, CauseNameTaken, ExitConfig},
	{"etcd refuses the lease", plain, func(r *rig) {
		r.do(Event{Kind: Started})
		r.exits(HookData, Event{Absent: true})
		r.reply(GrantLease, Event{Outcome: kv.Failed})
	}, 0, CauseRefused, ExitConfig},
	{"pre_start leaves no data", plain, func(r *rig) {
		r.register("")
		r.view(func(f *Facts) { f.Init = InitFact{Present: true, Mod: 90, Node: "n0", Lease: oldLease} })
		r.exits(HookPreStart, Event{})
		r.exits(HookData, Event{Output: ""})
	}, 0, CauseDataless, ExitHook},
	{"an operator wants another master", plain, func(r *rig) {
		reigning(r)
		r.view(func(f *Facts) { f.ReadyMembers, f.ReadyOthers, f.Control = 1, 1, switchover(5) })
	}, 0, CauseSwitchover, ExitAgain},
	{"the monitor fails", watched, func(r *rig) {
		reigning(r)
		for range 3 {
			r.pass(10 * second)
			r.do(Event{Kind: HookExited, Hook: HookMonitor, Op: r.b.monitor.op, Code: 1})
		}
	}, 0, CauseMonitor, ExitHook},
	{"the data has diverged", likePostgres, func(r *rig) {
		standby(r)
		r.lane(HookFollow, Event{Code: ExitAgain})
	}, 0, CauseDiverged, ExitAgain},
	{"an operator wants a new clone", plain, func(r *rig) {
		standby(r)
		r.view(func(f *Facts) {
			f.Control = ControlFact{Request: kv.RequestReinit, Node: "n1", Incarnation: ourLease}
		})
	}, 0, CauseReinit, ExitAgain},
	{"a node with data turns up", plain, func(r *rig) {
		bootstrapping(r)
		r.won0()
		r.view(func(f *Facts) { f.DataID = "other" }) // _initialized is not there
	}, 0, CauseBootstrapVoid, ExitAgain},
}

// grants goes from the start until the lease is there.
func (r *rig) grants() {
	r.t.Helper()
	r.do(Event{Kind: Started})
	r.exits(HookData, Event{Absent: true})
	r.reply(GrantLease, Event{Lease: ourLease, TTL: ttl})
	r.in(Registering)
}

// TestDrainKeepsAuthority: a planned stop publishes once, renews until the
// child is dead, never claims, and releases only when the tree is gone (R4, E5).
func TestDrainKeepsAuthority(t *testing.T) {
	r := newRig(t)
	reigning(r)
	r.do(Event{Kind: StopRequested})
	r.in(Draining)
	if got := r.mustTxn(Publish).Then[0].Record.State; got != string(StateStopping) {
		t.Errorf("published: %q", got)
	}
	if s := r.must(SignalChild); s.Fenced {
		t.Error("a planned stop uses the fence signal")
	}
	if r.must(MarkMaster).On {
		t.Error("is_master is still there")
	}
	r.mustNot(KillTree, Release, RevokeLease)

	r.reply(Publish, Event{Outcome: kv.Unknown})
	d := r.b.Authority()
	r.pass(7 * second)
	r.must(KeepAlive)
	r.mustNot(Publish, KillTree, Release, RevokeLease)
	if r.b.Authority() <= d {
		t.Error("draining does not renew")
	}
	r.pass(2 * second)
	r.must(KillTree)

	r.do(Event{Kind: ChildExited, Code: 137})
	r.mustNot(Release, RevokeLease)
	r.do(Event{Kind: TreeGone})
	r.in(Releasing)
	txn := r.mustTxn(Release)
	if txn.If[0].Key != kv.EpochKey || txn.If[0].Rev != r.b.reign.epochMod {
		t.Errorf("the release compares %+v first", txn.If[0])
	}
	deleted := map[kv.Key]bool{}
	for _, op := range txn.Then[:txn.NThen] {
		if op.Kind == kv.OpDelete {
			deleted[op.Key] = true
		} else if op.Key == kv.EpochKey && (!op.Record.Released || op.Record.Epoch != 5) {
			t.Errorf("_epoch becomes %+v", op.Record)
		}
	}
	if !deleted[kv.Master] || !deleted[kv.NodeKey("n1")] {
		t.Errorf("the release deletes %v", deleted)
	}
	r.mustNot(RevokeLease)
	r.replyTxn(Release, true)
	r.must(RevokeLease)
}

// TestDrainingBecomesFenced at D, and dies by D + G.
func TestDrainingBecomesFenced(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.StopTimeout = time.Hour })
	reigning(r)
	r.answers = false
	r.do(Event{Kind: StopRequested})
	d := r.b.Authority()
	r.pass(d.Sub(r.now))
	r.in(Fenced)
	if !r.must(SignalChild).Fenced {
		t.Error("the fence signal is not sent")
	}
	r.pass(Grace(ttl))
	r.must(KillTree)
	r.mustNot(Publish, KeepAlive, Release, RevokeLease)
	if e := r.finish(0); e.Cause != CauseAsked {
		t.Errorf("the cause becomes %v", e.Cause)
	}
}

// TestFencedDoesNothingInEtcd until its tree is gone (SPEC R4, S14).
func TestFencedDoesNothingInEtcd(t *testing.T) {
	for name, fence := range map[string]Event{
		"guard": {Kind: GuardLost},
		"keys":  {Kind: ViewChanged, Facts: &Facts{Rev: 1000}},
	} {
		r := newRig(t)
		reigning(r)
		r.do(fence)
		r.in(Fenced)
		r.mustNot(Publish, KeepAlive, Check, Release, RevokeLease)
		if r.must(MarkMaster).On {
			t.Errorf("%s: is_master stays", name)
		}
		r.view(dies) // even a vacancy
		r.mustNot(Publish, KeepAlive, Check, Claim, Release, RevokeLease)
		r.pass(time.Hour)
		r.mustNot(Publish, KeepAlive, Check, Claim, Release, RevokeLease)
		if !r.b.killing {
			t.Errorf("%s: the tree was not killed", name)
		}
		r.do(Event{Kind: ChildExited, Code: 137})
		r.do(Event{Kind: TreeGone})
		r.must(Release)
	}
}

// TestMainProcessIsNotItsTree (SPEC N5).
func TestMainProcessIsNotItsTree(t *testing.T) {
	r := newRig(t)
	reigning(r)
	r.do(Event{Kind: ChildExited, Code: 9})
	r.must(KillTree)
	r.mustNot(Release, RevokeLease)
	r.in(Draining)
	r.do(Event{Kind: TreeGone})
	r.must(Release)
}

// TestReleaseGivesUp: a dead etcd keeps nobody from ending.
func TestReleaseGivesUp(t *testing.T) {
	r := newRig(t)
	reigning(r)
	r.do(Event{Kind: ChildExited, Code: 9})
	r.do(Event{Kind: TreeGone})
	r.reply(Release, Event{Outcome: kv.Unknown})
	r.pass(ttl)
	r.must(Release) // tried again meanwhile
	if e := r.must(Exit); e.Code != 9 {
		t.Errorf("it ends with %d", e.Code)
	}
}

// TestMasterTTLIsPostponed while nobody could follow (SPEC N4).
func TestMasterTTLIsPostponed(t *testing.T) {
	r := newRig(t, masterTTL)
	reigning(r)
	r.pass(2 * time.Hour)
	r.in(Reigning)
	r.view(nil)
	r.in(Reigning)
	r.view(func(f *Facts) { f.ReadyMembers, f.ReadyOthers = 1, 1 })
	r.in(Draining)
}

// TestMasterTTLDuringPromotion: it is over before the master hook returned, and
// a follower has been ready all the time. No news may come for hours.
func TestMasterTTLDuringPromotion(t *testing.T) {
	r := newRig(t, masterTTL)
	promoting(r)
	r.view(ourReign(r))
	r.view(func(f *Facts) { f.ReadyMembers, f.ReadyOthers = 1, 1 })
	r.pass(time.Hour)
	r.in(Promoting)
	r.exits(HookMaster, Event{})
	r.pass(second)
	r.in(Draining)
}
