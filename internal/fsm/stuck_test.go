package fsm

import (
	"slices"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// What must not keep a group from its work for ever.

// TestAnEndThatHangsInTheKernel: SIGKILL ends nothing while the disk hangs. A planned
// stop renews until the tree is dead (SPEC R4), but not for ever: G after SIGKILL it is
// fenced, and releases only when the tree is gone after all.
func TestAnEndThatHangsInTheKernel(t *testing.T) {
	r := newRig(t)
	reigning(r)
	r.do(Event{Kind: StopRequested})
	r.pass(8 * second)
	r.must(KillTree)
	r.in(Draining)
	r.pass(Grace(ttl) - second)
	r.in(Draining)
	r.pass(second)
	r.in(Fenced)
	r.pass(time.Hour)
	r.mustNot(KeepAlive, Check, Publish, Release, RevokeLease)
	r.do(Event{Kind: ChildExited, Code: 137})
	r.do(Event{Kind: TreeGone})
	r.must(Release)
	if e := r.finish(0); e.Cause != CauseAsked {
		t.Errorf("the cause becomes %v", e.Cause)
	}
}

// TestAMonitorThatNeverReturns counts as a failure at each interval, and is not run
// again beside itself.
func TestAMonitorThatNeverReturns(t *testing.T) {
	r := newRig(t, watched, func(c *BackendConfig) { c.HookTimeout[HookMonitor] = 30 * second })
	standby(r)
	r.pass(10 * second)
	r.must(RunHook)
	r.pass((30 + 10 + 10) * second)
	r.mustNot(RunHook)
	r.in(Standby)
	r.pass(10 * second)
	r.in(Draining)
}

// TestAPausedGroupsMonitor counts and ends nobody: nobody could succeed (SPEC E8).
func TestAPausedGroupsMonitor(t *testing.T) {
	r := newRig(t, watched)
	reigning(r)
	r.view(func(f *Facts) { f.Control.Request = kv.RequestPause })
	for range 5 {
		r.pass(10 * second)
		r.do(Event{Kind: HookExited, Hook: HookMonitor, Op: r.b.monitor.op, Code: 1})
		r.in(Reigning)
	}
	r.view(func(f *Facts) { f.Control.Request = "" })
	r.pass(10 * second)
	r.do(Event{Kind: HookExited, Hook: HookMonitor, Op: r.b.monitor.op, Code: 1})
	r.in(Draining)
}

// TestAReignThatOutlivesARestore sees to its members anew: revisions that it knew
// mean nothing in another etcd.
func TestAReignThatOutlivesARestore(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.Hooks = HookSet(0).With(HookMembers) })
	reigning(r)
	r.view(ourReign(r))
	r.rev = 500
	config := ConfigFact{
		Present: true, Mod: 500, Serial: 5, Count: 4, K: 1, Member: true, Armed: true,
		Target: "n1 n2 n3 n4", TargetK: 1,
	}
	r.view(func(f *Facts) { f.Config = config })
	r.lane(HookMembers, Event{})
	r.do(Event{Kind: EtcdReplaced})
	r.rev = r.facts.Master.Create + 5
	config.Mod, config.Serial, config.Count, config.Target = r.rev-1, 4, 3, "n1 n2 n3"
	r.view(func(f *Facts) { f.Config = config })
	if e := r.must(RunHook); e.Hook != HookMembers || e.Env.Members != "n1 n2 n3" {
		t.Errorf("it runs %+v", e)
	}
}

// TestWithoutTheMembersHook nobody proves that others have the data: no list is armed.
func TestWithoutTheMembersHook(t *testing.T) {
	r := newRig(t)
	reigning(r)
	r.view(func(f *Facts) {
		f.Config = ConfigFact{
			Present: true, Mod: 70, Count: 4, K: 1, Member: true, Pending: true, Target: "n1 n2 n3", TargetK: 1,
		}
	})
	r.pass(time.Minute)
	r.mustNot(Settle)
	r.explains("it is the master, and has no members hook to see to it that others have what it acknowledges")
}

func sorted(items ...[]kv.Item) []kv.Item {
	all := slices.Concat(items...)
	slices.SortFunc(all, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
	return all
}

// TestAnObserverIsAskedAtElections: it counts for Q others that are ready, as long as
// there is somebody who can be promoted.
func TestAnObserverIsAskedAtElections(t *testing.T) {
	observer := func(_, info *kv.Item) { info.Record.Observer = true }
	members := []kv.Item{list("n1 n2 n3", 1)}
	f := Digest("n1", 99, 0, sorted(members, voter("n1", 0, "1"), voter("n2", 0, "1"), voter("n3", 0, "1", observer)))
	if f.ReadyMembers != 2 || f.ReadyOthers != 1 {
		t.Errorf("%d members are ready, %d of them candidates; want 2 and 1", f.ReadyMembers, f.ReadyOthers)
	}
}

// TestWhoReignedLastComesLast of those that reach equally far: its master hook may
// fail each time.
func TestWhoReignedLastComesLast(t *testing.T) {
	epoch := []kv.Item{{Key: kv.EpochKey, Present: true, Mod: 15, Record: kv.Record{Epoch: 7, Node: "n1"}}}
	for self, want := range map[string]bool{"n1": true, "n2": false} {
		f := Digest(self, 99, 0, sorted(epoch, voter("n1", 7, "7 1"), voter("n2", 7, "7 1")))
		if f.Votes.Outranked != want {
			t.Errorf("%s: outranked %v", self, !want)
		}
	}
	f := Digest("n2", 99, 0, sorted(epoch, voter("n1", 7, "7 2"), voter("n2", 7, "7 1")))
	if !f.Votes.Outranked {
		t.Error("who reaches further does not come first")
	}
}

// TestWhatOthersRemember of the member list counts, too (SPEC K4): of two voters the
// one that was away may be the one that claims.
func TestWhatOthersRemember(t *testing.T) {
	knows := func(_, info *kv.Item) { info.Record.Serial = 3 }
	members := []kv.Item{list("n1 n2 n3", 1)}
	f := Digest("n3", 99, 0, sorted(members, voter("n2", 0, "1", knows), voter("n3", 0, "1")))
	if f.MemberObstacle("n3", 0) == "" {
		t.Error("n3 may claim by a list that n2 knows to be old")
	}
}

// TestASickProgramIsNotPromoted (SPEC N8): the failure that is one too many arrives
// while the node claims, or fences what reigned before. During a promotion it may be
// the promotion's own restart: the reign's first look decides (found by the simulator).
func TestASickProgramIsNotPromoted(t *testing.T) {
	old := kv.DebtsText([]kv.Debt{{Epoch: 2, Node: "n7", Incarnation: 7}})
	for _, c := range []struct {
		at   Phase
		goOn func(r *rig)
	}{
		{Claiming, func(*rig) {}},
		{Confirming, func(r *rig) { r.reply(Claim, Event{Outcome: kv.Unknown}) }},
		{Clearing, func(r *rig) {
			won := r.won()
			won[1].Record.Unfenced = old
			r.replyTxn(Claim, true, won...)
		}},
		{Promoting, func(r *rig) { r.replyTxn(Claim, true, r.won()...) }},
	} {
		r := newRig(t, watched, func(c *BackendConfig) {
			c.MonitorInterval, c.Hooks = 3*second, c.Hooks.With(HookFence)
		})
		waiting(r)
		fails := func() {
			r.do(Event{Kind: HookExited, Hook: HookMonitor, Op: r.b.monitor.op, Code: 1})
		}
		for range 2 {
			r.pass(3 * second)
			fails()
		}
		r.pass(fullWait) // the third look runs
		c.goOn(r)
		r.in(c.at)
		fails()
		if c.at != Promoting {
			r.in(Draining)
			continue
		}
		r.in(Promoting)
		r.replyTxn(Publish, true)
		r.exits(HookMaster, Event{})
		r.in(Reigning)
		fails()
		r.in(Draining)
	}
}
