package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func holder(lease kv.LeaseID) []kv.Item {
	return []kv.Item{
		{Present: true, Create: 3, Lease: lease},
		{Present: true, Create: 3, Lease: lease, Record: kv.Record{TTL: 20 * second}},
	}
}

// TestHeldName: the earlier incarnation's lease gets its T and a margin to
// end; one that is renewed lives (SPEC N3).
func TestHeldName(t *testing.T) {
	r := newRig(t)
	r.grants()
	r.replyTxn(Register, false, holder(oldLease)...)
	r.in(NameTaken)
	start := r.now
	for r.b.phase == NameTaken {
		r.now = r.b.Next()
		r.do(Event{Kind: Tick})
		if _, asks := r.effect(Register); asks {
			r.replyTxn(Register, false, holder(oldLease)...)
		}
	}
	e := r.finish(0)
	if want := longer(20*second, 1) + nameMargin; r.now.Sub(start) != want {
		t.Errorf("it gave up after %v, want %v", r.now.Sub(start), want)
	}
	if e.Cause != CauseNameTaken || e.Lease != oldLease {
		t.Errorf("it ends with %v and names lease %v", e.Cause, e.Lease)
	}
}

// TestHeldNameIsInherited once the lease has ended, and another holder gets a
// time of its own.
func TestHeldNameIsInherited(t *testing.T) {
	r := newRig(t)
	r.grants()
	r.replyTxn(Register, false, holder(oldLease)...)
	r.pass(20 * second)
	r.in(NameTaken)
	r.replyTxn(Register, false, holder(0x77)...)
	r.pass(20 * second)
	r.in(NameTaken)
	r.registered()
	r.in(Listing)
}

// TestHeldForever: a key without a lease never ends by itself.
func TestHeldForever(t *testing.T) {
	r := newRig(t)
	r.grants()
	r.replyTxn(Register, false, holder(0)...)
	if e := r.must(Exit); e.Cause != CauseNameTaken || e.Lease != 0 {
		t.Errorf("it ends with %v and lease %v", e.Cause, e.Lease)
	}
}

// TestInheritedNameHasTimeToList: the limit for the name's holder is over with
// the registration; the start patience is what counts then.
func TestInheritedNameHasTimeToList(t *testing.T) {
	for _, patience := range []time.Duration{30 * second, 0} {
		r := newRig(t, func(c *BackendConfig) { c.StartPatience = patience })
		r.grants()
		r.replyTxn(Register, false, holder(oldLease)...)
		r.pass(longer(20*second, 1) + nameMargin - 1)
		r.registered()
		r.in(Listing)
		r.pass(second)
		r.in(Listing)
	}
}

// TestLostRegistrationIsRecognised: its reply was lost, the repetition finds
// our own key.
func TestLostRegistrationIsRecognised(t *testing.T) {
	r := newRig(t)
	r.grants()
	r.reply(Register, Event{Outcome: kv.Unknown})
	r.pass(second)
	r.must(Register)
	r.rev++
	r.replyTxn(Register, false, kv.Item{Present: true, Create: r.rev, Lease: ourLease})
	r.in(Listing)
}

// TestPatienceIsForEtcd: a slow data hook uses up none of it.
func TestPatienceIsForEtcd(t *testing.T) {
	r := newRig(t)
	r.do(Event{Kind: Started})
	r.pass(time.Minute)
	r.in(Inspecting)
	r.exits(HookData, Event{Absent: true})
	r.in(Granting)
	r.pass(29 * second)
	r.in(Granting)
	r.pass(2 * second)
	if e := r.must(Exit); e.Cause != CauseEtcdAtStart {
		t.Errorf("it ends with %v", e.Cause)
	}
}

// TestGuardSparesTheJoining: while nothing runs there is nothing to fence. A
// lease that ended is replaced by another, for as long as the patience lasts;
// the guard must not kill the agent meanwhile.
func TestGuardSparesTheJoining(t *testing.T) {
	r := newRig(t, func(c *BackendConfig) { c.StartPatience = 0 })
	guard := NewGuard()
	feed := func() {
		for _, e := range r.did {
			if e.Kind == ArmGuard {
				guard.Step(r.now, GuardEvent{Kind: GuardArmed, Fence: e.Fence, Kill: e.Kill})
			}
		}
		if a := guard.Step(r.now, GuardEvent{Kind: GuardTick}); a != (GuardActions{}) {
			t.Fatalf("in %s, with nothing running, the guard does %+v", r.b.PhaseName(), a)
		}
	}
	r.grants()
	feed()
	r.answers = false
	for end := r.now.Add(time.Minute); r.now < end; {
		r.now = min(r.b.Next(), guard.Next(), end)
		r.do(Event{Kind: Tick})
		feed()
	}
	r.in(Granting)
}

// TestGuardIsArmedBeforeAnythingRuns, and holds D and D + G ever after.
func TestGuardIsArmedBeforeAnythingRuns(t *testing.T) {
	r := newRig(t)
	armed := false
	check := func() {
		for _, e := range r.did {
			armed = armed || e.Kind == ArmGuard && e.Fence == r.b.Authority()
			if e.Kind == RunHook && e.Hook == HookPreStart && !armed {
				t.Fatal("pre_start runs and the guard does not know D")
			}
		}
	}
	r.grants()
	check()
	r.registered()
	check()
	r.view(nil)
	check()
	r.in(PreStart)
	if g := r.asked[ArmGuard]; g.Fence != r.b.Authority() || g.Kill != g.Fence.Add(Grace(ttl)) {
		t.Errorf("the guard has %v and %v, D is %v", g.Fence, g.Kill, r.b.Authority())
	}
}

// TestLostKeysWhileJoining: nothing runs, so a new incarnation begins.
func TestLostKeysWhileJoining(t *testing.T) {
	r := newRig(t)
	r.register()
	r.view(func(f *Facts) { f.Self = SelfFact{} })
	r.in(Granting)
	r.must(GrantLease)
	if r.b.Lease() != 0 {
		t.Errorf("it still holds lease %v", r.b.Lease())
	}
}

// bootstrapping asks to be the one that creates the data.
func bootstrapping(r *rig) {
	r.t.Helper()
	r.register("")
	r.view(nil)
	r.in(Bootstrapping)
}

// won0 answers that we are.
func (r *rig) won0() {
	r.t.Helper()
	r.rev++
	r.replyTxn(Bootstrap, true, kv.Item{Present: true, Create: r.rev, Mod: r.rev, Lease: ourLease})
	r.in(PreStart)
}

// TestWhoBootstraps: only a node without data, in a group without any (P2).
func TestWhoBootstraps(t *testing.T) {
	for _, c := range []struct {
		name  string
		data  []string // what the data hook prints; none: no hook
		facts func(*Facts)
		want  Phase
	}{
		{"nothing anywhere", []string{""}, func(*Facts) {}, Bootstrapping},
		{"no data hook", nil, func(*Facts) {}, PreStart},
		{"own data", []string{"d1"}, func(*Facts) {}, PreStart},
		{"another's data", []string{""}, func(f *Facts) { f.DataID = "d1" }, PreStart},
		{"a master", []string{""}, reigns, PreStart},
		{"somebody creates it", []string{""}, func(f *Facts) { f.Init.Present = true }, PreStart},
	} {
		r := newRig(t)
		r.register(c.data...)
		r.view(c.facts)
		if r.b.phase != c.want {
			t.Errorf("%s: %s, want %s", c.name, r.b.PhaseName(), backendTable.Phases[c.want])
		}
		if c.want == PreStart && r.must(RunHook).Env.Bootstrap {
			t.Errorf("%s: pre_start is told to create the data", c.name)
		}
	}
}

// TestBootstrapIsAsked of etcd, by a transaction that nobody else can win too.
func TestBootstrapIsAsked(t *testing.T) {
	r := newRig(t)
	bootstrapping(r)
	txn := r.mustTxn(Bootstrap)
	if c := txn.If[0]; c.Key != kv.Initialized || c.Target != kv.TargetCreate || c.Rev != 0 {
		t.Errorf("the first condition is %+v", c)
	}
	if c := txn.If[txn.NIf-1]; c.Target != kv.TargetNewest || c.Rev != r.rev {
		t.Errorf("the last condition is %+v, the view is at %d", c, r.rev)
	}
	r.won0()
	if !r.must(RunHook).Env.Bootstrap {
		t.Error("pre_start is not told to create the data")
	}
}

// TestBootstrapLost to another node, or because one registered meanwhile.
func TestBootstrapLost(t *testing.T) {
	r := newRig(t)
	bootstrapping(r)
	r.replyTxn(Bootstrap, false, kv.Item{Present: true, Mod: r.rev, Lease: oldLease})
	r.in(PreStart)
	if r.must(RunHook).Env.Bootstrap {
		t.Error("two nodes create the data")
	}

	r = newRig(t)
	bootstrapping(r)
	r.replyTxn(Bootstrap, false)
	r.in(Listing)
	r.facts.DataID = "d1"
	r.view(nil)
	r.in(PreStart)
}

// TestDataDecidesWhoClaims (SPEC P2).
func TestDataDecidesWhoClaims(t *testing.T) {
	for _, c := range []struct {
		init     InitFact
		conflict bool
		why      string
	}{
		{InitFact{}, false, ""},
		{InitFact{Present: true, Done: true, DataID: "d1"}, false, ""},
		{InitFact{Present: true, Done: true, DataID: "d2"}, false, "its data is not the group's"},
		{InitFact{Present: true, Bad: true}, false, "the key _initialized does not parse"},
		{InitFact{Present: true, Lease: 0x77}, false, "another node is creating the group's data"},
		{InitFact{}, true, "the nodes hold different data, and no operator has chosen"},
	} {
		r := newRig(t)
		r.register("d1")
		reigns(&r.facts)
		r.ready()
		r.view(func(f *Facts) { dies(f); f.Init, f.DataConflict = c.init, c.conflict })
		r.pass(2*longer(ttl, 1) + 1)
		if claims := r.b.phase == Claiming; claims != (c.why == "") {
			t.Errorf("%+v, conflict %v: it claims: %v", c.init, c.conflict, claims)
		}
		if c.why != "" {
			r.explains(c.why)
		}
	}
}
