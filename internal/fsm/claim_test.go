package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

const fullWait = 2*ttl + 2*ttl/1000 // 2·T(1+ρ), SPEC E2

// waits reports how long after now the claim comes; Never when it does not.
func (r *rig) waits() time.Duration {
	r.t.Helper()
	start := r.now
	r.pass(fullWait + second)
	if _, claims := r.effect(Claim); !claims {
		return time.Duration(Never)
	}
	return r.b.act.sent.Sub(start)
}

// TestHowLongAVacancyIsWaitedFor (SPEC E2, E3, E5).
func TestHowLongAVacancyIsWaitedFor(t *testing.T) {
	release := func(f *Facts) { dies(f); f.Epoch.Released, f.Epoch.Mod = true, f.Rev+1 }
	always := func(c *BackendConfig) { c.AlwaysWait = true }
	for _, c := range []struct {
		name string
		cfg  func(*BackendConfig)
		ends func(*Facts)
		want time.Duration
	}{
		{"the master's lease ended", plain, dies, fullWait},
		{"the master released", plain, release, 0},
		{"released, but MSDHA_ALWAYS_WAIT", always, release, fullWait},
		{"etcd was emptied", plain, func(f *Facts) { dies(f); f.Epoch = EpochFact{} }, fullWait},
	} {
		r := newRig(t, c.cfg)
		standby(r)
		r.view(c.ends)
		got := time.Duration(0)
		if r.b.phase != Claiming {
			got = r.waits()
		}
		if got != c.want {
			t.Errorf("%s: it claims after %v, want %v", c.name, got, c.want)
		}
	}
}

// TestALargerTTLIsWaitedFor, also when its holder is gone.
func TestALargerTTLIsWaitedFor(t *testing.T) {
	r := newRig(t)
	standby(r)
	r.view(func(f *Facts) { f.MaxTTL = 3 * ttl })
	r.view(func(f *Facts) { dies(f); f.MaxTTL = ttl })
	r.pass(3 * fullWait)
	if got := r.b.act.sent.Sub(r.b.vacancy.since); got != 3*fullWait {
		t.Errorf("it claims after %v", got)
	}
}

// TestAHostileTTLIsNoShortcut: a record may hold any TTL that parses. A wait
// that does not end is a nuisance; one that overflows would be no wait.
func TestAHostileTTLIsNoShortcut(t *testing.T) {
	for _, huge := range []time.Duration{1 << 61, 1 << 62, 9_000_000_000 * second} {
		r := newRig(t)
		standby(r)
		r.view(func(f *Facts) { dies(f); f.MaxTTL = huge })
		r.pass(time.Hour)
		r.mustNot(Claim)
		r.in(Waiting)
	}
}

// TestAReignInBetweenStartsTheWaitAnew: the number of _epoch tells (SPEC E3).
func TestAReignInBetweenStartsTheWaitAnew(t *testing.T) {
	r := newRig(t)
	waiting(r)
	r.pass(fullWait - second)
	r.view(func(f *Facts) { f.Epoch.Epoch, f.Epoch.Mod = 5, r.rev })
	if got := r.waits(); got != fullWait {
		t.Errorf("it claims after %v", got)
	}

	r = newRig(t)
	waiting(r)
	r.pass(fullWait - second)
	r.view(func(f *Facts) { f.Epoch.Unfenced, f.Epoch.Mod = "[]", r.rev })
	if got := r.waits(); got != second {
		t.Errorf("a write that left the number alone: it claims after %v", got)
	}
	if c := r.mustTxn(Claim).If[1]; c.Key != kv.EpochKey || c.Rev != r.facts.Epoch.Mod {
		t.Errorf("the claim compares %+v", c)
	}
}

// TestWhatTheClaimDemands: every condition of SPEC E3 is in the transaction.
func TestWhatTheClaimDemands(t *testing.T) {
	r := newRig(t)
	waiting(r)
	r.view(func(f *Facts) { f.Control.Mod, f.Config.Mod = 71, 72 })
	r.pass(fullWait)
	own := kv.NodeKey("n1")
	want := []kv.Compare{
		{Key: kv.Master, Target: kv.TargetCreate},
		{Key: kv.EpochKey, Target: kv.TargetMod, Rev: 50},
		{Target: kv.TargetText, Text: "master"},
		{Key: kv.Control, Target: kv.TargetMod, Rev: 71},
		{Key: kv.Config, Target: kv.TargetMod, Rev: 72},
		{Key: own, Target: kv.TargetCreate, Rev: r.facts.Self.Create},
		{Key: own, Target: kv.TargetLease, Lease: ourLease},
	}
	txn := r.mustTxn(Claim)
	for i, w := range want {
		if i >= txn.NIf || txn.If[i] != w {
			t.Errorf("condition %d is %+v, want %+v", i, txn.If[i], w)
		}
	}
	if m := txn.Then[0]; m.Key != kv.Master || m.Lease != ourLease || m.Record.Epoch != 5 || m.Record.TTL != ttl {
		t.Errorf("_master becomes %+v", m)
	}
	if e := txn.Then[1]; e.Key != kv.EpochKey || e.Lease != 0 || e.Record.Epoch != 5 || e.Record.Released {
		t.Errorf("_epoch becomes %+v", e)
	}
}

// TestWhatBlocksAClaim, and what the node says about it (SPEC E1, K3).
func TestWhatBlocksAClaim(t *testing.T) {
	observer := func(c *BackendConfig) { c.Observer = true }
	for _, c := range []struct {
		cfg   func(*BackendConfig)
		facts func(*Facts)
		why   string
	}{
		{
			plain, func(f *Facts) { f.Epoch = EpochFact{Present: true, Bad: true, Mod: 99} },
			"the key _epoch does not parse",
		},
		{
			plain, func(f *Facts) { f.Master = MasterFact{Present: true, Bad: true, Create: 99} },
			"the key _master does not parse",
		},
		{
			plain, func(f *Facts) { f.Claimant, f.ClaimantLease = "old/n7", 0xab },
			`a key says master although there is no _master: "old/n7" (lease ab); remove it with etcdctl del`,
		},
		{observer, func(*Facts) {}, "it is no candidate (MSDHA_CANDIDATE=false)"},
	} {
		r := newRig(t, c.cfg)
		standby(r)
		r.view(func(f *Facts) { dies(f); c.facts(f) })
		r.pass(2 * fullWait)
		r.mustNot(Claim)
		r.explains(c.why)
	}
}

// TestTheWaitBeginsWhenARivalIsGone: a master of the shell original that is cut
// off from etcd outlives its key, and a release that is older than its reign
// says nothing about it (SPEC K3, E2).
func TestTheWaitBeginsWhenARivalIsGone(t *testing.T) {
	for name, released := range map[string]bool{"unreleased": false, "released": true} {
		r := newRig(t)
		standby(r)
		r.view(func(f *Facts) {
			dies(f)
			f.Epoch.Released = released
			f.Claimant, f.ClaimantLease, f.Rival = "o1", 0xab, true
		})
		r.pass(3 * fullWait)
		r.mustNot(Claim)
		r.view(func(f *Facts) { f.Claimant, f.ClaimantLease, f.Rival = "", 0, false })
		r.mustNot(Claim)
		r.view(func(f *Facts) { f.ReadyOthers++ }) // another change leaves the wait alone
		if got := r.waits(); got != fullWait {
			t.Errorf("%s: it claims %v after the rival's key has gone, want %v", name, got, fullWait)
		}
	}
}

// TestALostViewBlocksAClaim until it is back.
func TestALostViewBlocksAClaim(t *testing.T) {
	r := newRig(t)
	waiting(r)
	r.do(Event{Kind: ViewLost})
	r.pass(2 * fullWait)
	r.mustNot(Claim)
	r.explains("its view of etcd is not up to date")
	r.view(nil)
	r.must(Claim)
}

// TestRefusedClaimWaitsForTheReason: what refused it will come by the watch.
func TestRefusedClaimWaitsForTheReason(t *testing.T) {
	r := newRig(t)
	claiming(r)
	epoch := kv.Item{Present: true, Mod: r.rev + 1, Record: kv.Record{Epoch: 5, Node: "n2", Incarnation: 0x22}}
	r.replyTxn(Claim, false, kv.Item{}, epoch)
	r.in(Waiting)
	r.pass(2 * fullWait)
	r.mustNot(Claim)
	r.explains("its last claim was refused, and the reason has not arrived yet")
	r.view(func(f *Facts) { f.Epoch.Epoch, f.Epoch.Mod = 5, r.rev })
	if got := r.waits(); got != fullWait {
		t.Errorf("it claims after %v", got)
	}
}

// TestUnclearClaimIsRead, never assumed; what the reading finds decides.
func TestUnclearClaimIsRead(t *testing.T) {
	for _, c := range []struct {
		name  string
		found func(*rig) []kv.Item
		want  Phase
	}{
		{"it has won", (*rig).won, Promoting},
		{"nothing yet", func(*rig) []kv.Item { return nil }, Waiting},
		{"our _epoch, but no _master", func(r *rig) []kv.Item {
			found := r.won()
			found[0] = kv.Item{}
			return found
		}, Waiting},
		{"our _master with another's _epoch", func(r *rig) []kv.Item {
			found := r.won()
			found[1].Record.Incarnation = 0x22
			return found
		}, Fenced},
		{"our _master without _epoch", func(r *rig) []kv.Item {
			found := r.won()
			found[1] = kv.Item{}
			return found
		}, Fenced},
	} {
		r := newRig(t)
		claiming(r)
		r.reply(Claim, Event{Outcome: kv.Unknown})
		r.in(Confirming)
		r.reply(Confirm, Event{Outcome: kv.Unknown})
		r.in(Confirming)
		r.pass(second)
		r.must(Confirm)
		r.replyTxn(Confirm, true, c.found(r)...)
		if r.b.phase != c.want {
			t.Errorf("%s: %s, want %s", c.name, r.b.PhaseName(), backendTable.Phases[c.want])
		}
		if on, ok := r.effect(MarkMaster); (ok && on.On) != (c.want == Promoting) {
			t.Errorf("%s: is_master: %v", c.name, ok)
		}
	}
}

// TestUnclearClaimIsRepeated, and the repetition meets the first one, which
// etcd has executed meanwhile.
func TestUnclearClaimIsRepeated(t *testing.T) {
	r := newRig(t)
	claiming(r)
	r.reply(Claim, Event{Outcome: kv.Unknown})
	r.replyTxn(Confirm, true)
	r.pass(second)
	r.in(Claiming)
	r.replyTxn(Claim, false, r.won()...)
	r.in(Promoting)
	if r.b.Epoch() != 5 {
		t.Errorf("it reigns under %d", r.b.Epoch())
	}
}

// TestLateClaimIsSeen: the view shows _master on our lease, after the reading.
func TestLateClaimIsSeen(t *testing.T) {
	r := newRig(t)
	claiming(r)
	r.reply(Claim, Event{Outcome: kv.Unknown})
	r.replyTxn(Confirm, true)
	r.in(Waiting)
	won := r.won()
	r.view(func(f *Facts) { f.Master = MasterFact{Present: true, Create: r.rev, Lease: ourLease, Node: "n1"} })
	r.in(Confirming)
	r.replyTxn(Confirm, true, won...)
	r.in(Promoting)
}

// TestBeatenClaim goes back to standing by.
func TestBeatenClaim(t *testing.T) {
	r := newRig(t)
	claiming(r)
	r.view(func(f *Facts) { reigns(f); f.Master.Lease = 0x22 })
	r.in(Claiming)
	r.replyTxn(Claim, false, r.lost()...)
	r.in(Standby)
}

// TestStoppedWhileClaiming: what became of the claim is read once the tree is
// gone; a reign that began is released.
func TestStoppedWhileClaiming(t *testing.T) {
	for _, stop := range []EventKind{StopRequested, GuardLost} {
		r := newRig(t)
		claiming(r)
		r.do(Event{Kind: stop})
		r.do(Event{Kind: ChildExited})
		r.do(Event{Kind: TreeGone})
		r.in(Releasing)
		r.must(Confirm)
		r.replyTxn(Confirm, true, r.won()...)
		txn := r.mustTxn(Release)
		if op := txn.Then[0]; op.Kind != kv.OpDelete || op.Key != kv.Master {
			t.Errorf("after %v: the release begins with %+v", stop, op)
		}
	}
}

// TestPublishAfter: the hook comes before the publication, the file before both.
func TestPublishAfter(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.PublishAfter = true })
	claiming(r)
	r.replyTxn(Claim, true, r.won()...)
	if r.did[0].Kind != MarkMaster || !r.did[0].On {
		t.Errorf("it begins with %v", r.did[0])
	}
	r.mustNot(Publish)
	env := r.must(RunHook).Env
	if env.Epoch != 5 || env.Previous != "n0" || env.Master != "n1" || env.LockRev != r.rev {
		t.Errorf("the master hook is told %+v", env)
	}
	r.exits(HookMaster, Event{})
	r.in(Promoting)
	if c := r.mustTxn(Publish).If[3]; c.Key != kv.Master || c.Rev != r.b.reign.master {
		t.Errorf("the publication compares %+v", c)
	}
	r.replyTxn(Publish, true)
	r.in(Reigning)
}

// TestAWinThatComesTooLate: authority over _master counts from the request that
// showed it; a reply that was held back for T, say by a pause, promotes nobody.
func TestAWinThatComesTooLate(t *testing.T) {
	r := newRig(t)
	claiming(r)
	r.pass(ttl)
	r.in(Claiming)
	if !r.b.Believes(r.now) {
		t.Fatal("the rounds kept no authority: the test proves nothing")
	}
	r.answers = false
	r.replyTxn(Claim, true, r.won()...)
	r.in(Fenced)
	r.mustNot(Publish, RunHook)
}

// TestALatePublicationIsOutdated: it was lost, repeated, and executed after the
// next one. What is wanted is put again, compared with what is there now.
func TestALatePublicationIsOutdated(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.PublishAfter = true })
	claiming(r)
	r.replyTxn(Claim, true, r.won()...)
	r.exits(HookMaster, Event{})
	own := kv.Item{
		Present: true, Create: r.b.registered, Mod: r.b.written + 7, Lease: r.b.lease,
		Record: kv.Record{State: "start"},
	}
	r.replyTxn(Publish, false, own)
	r.in(Promoting)
	if c := r.mustTxn(Publish).If[2]; c.Rev != own.Mod {
		t.Errorf("it is repeated comparing %+v", c)
	}
	own.Record.State, own.Mod = "master", own.Mod+1
	r.replyTxn(Publish, false, own) // executed, but the reply was lost
	r.in(Reigning)
}

// TestAPublicationRefusedForTheLock: our key is as we wrote it, so it was
// _master that was not ours.
func TestAPublicationRefusedForTheLock(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.PublishAfter = true })
	claiming(r)
	r.replyTxn(Claim, true, r.won()...)
	r.exits(HookMaster, Event{})
	r.replyTxn(Publish, false, kv.Item{
		Present: true, Create: r.b.registered, Mod: r.b.written, Lease: r.b.lease,
	})
	r.in(Fenced)
}

// TestAnOldViewHidesNoClaim: the reply to a claim overtakes the watch, which
// brings revisions without _master first (SPEC H6).
func TestAnOldViewHidesNoClaim(t *testing.T) {
	r := newRig(t)
	claiming(r)
	r.replyTxn(Claim, true, r.won()...)
	r.in(Promoting)
	r.do(Event{Kind: ViewChanged, Facts: &Facts{Rev: r.b.reign.master - 1, Self: r.b.facts.Self}})
	r.mustNot(WriteMaster)
	r.in(Promoting)
	if env := r.b.HookEnv(); env.Master != "n1" || env.Previous == "n1" {
		t.Errorf("hooks are told %+v", env)
	}
}
