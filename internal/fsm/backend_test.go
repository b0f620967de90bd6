package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// stages are lives up to some point, for what must hold at all of them.
var stages = []struct {
	name string
	live func(*rig)
}{
	{"listing", func(r *rig) { r.register() }},
	{"standby", standby},
	{"waiting", waiting},
	{"claiming", claiming},
	{"promoting", promoting},
	{"reigning", reigning},
	{"draining", func(r *rig) { reigning(r); r.do(Event{Kind: StopRequested}) }},
	{"fenced", func(r *rig) { reigning(r); r.do(Event{Kind: GuardLost}) }},
}

// TestCloneIsAnAssignment: stepping a copy leaves the original as it was.
func TestCloneIsAnAssignment(t *testing.T) {
	for _, s := range stages {
		r := newRig(t)
		s.live(r)
		before, clone := r.b, r.b
		var out Effects
		for i, ev := range []Event{
			{Kind: ViewChanged, Facts: &Facts{Rev: r.rev + 1}},
			{Kind: Tick},
			{Kind: StopRequested},
			{Kind: ChildExited, Code: 1},
			{Kind: TreeGone},
		} {
			clone.Step(r.now.Add(time.Duration(i)*ttl), &ev, &out)
		}
		if clone == before {
			t.Errorf("%s: the events changed nothing in the clone: the test proves nothing", s.name)
		}
		if r.b != before {
			t.Errorf("%s: stepping the clone changed the original", s.name)
		}
	}
}

// TestStaleRepliesChangeNothing: a reply to a request that was given up, or
// that is not ours, is as if it had never come.
func TestStaleRepliesChangeNothing(t *testing.T) {
	for _, s := range stages {
		r := newRig(t)
		s.live(r)
		before := r.b
		for _, op := range []Op{0, -1, r.b.ops + 1, r.b.ops + 1000} {
			for _, k := range []EventKind{Granted, KeptAlive, TxnDone, Revoked, HookExited, ChildStarted} {
				for o := kv.OK; o <= kv.LeaseGone; o++ {
					r.do(Event{Kind: k, Op: op, Outcome: o, Lease: 0x99, TTL: time.Hour, Result: &kv.Result{}})
					if r.b != before || len(r.did) > 0 {
						t.Fatalf("%s: a stale %v (%v) was taken: %v", s.name, k, o, r.did)
					}
				}
			}
		}
	}
}

// TestOldRepliesAreStale: the numbers of earlier requests are not taken again.
func TestOldRepliesAreStale(t *testing.T) {
	r := newRig(t)
	reigning(r)
	before := r.b
	for op := Op(1); op <= r.b.ops; op++ {
		if op == r.b.childOp { // exactly one reply comes, and has come
			continue
		}
		r.do(Event{Kind: TxnDone, Op: op, Outcome: kv.LeaseGone, Result: &kv.Result{}})
		r.do(Event{Kind: HookExited, Op: op, Code: 1})
	}
	if r.b != before {
		t.Errorf("an old reply was taken: %s", r.b.PhaseName())
	}
}

// TestDeadlinesComeBeforeInputs: whoever sleeps past D finds authority gone,
// whatever woke it up (SPEC R3).
func TestDeadlinesComeBeforeInputs(t *testing.T) {
	late := []struct {
		name string
		ev   func(*rig) Event
	}{
		{"a renewed lease", func(r *rig) Event {
			return Event{Kind: KeptAlive, Op: r.asked[KeepAlive].Op, Outcome: kv.OK, TTL: ttl}
		}},
		{"a won claim", func(r *rig) Event {
			res := &kv.Result{Succeeded: true}
			copy(res.Items[:], r.won())
			return Event{Kind: TxnDone, Op: r.asked[Claim].Op, Outcome: kv.OK, Result: res}
		}},
		{"a request to stop", func(*rig) Event { return Event{Kind: StopRequested} }},
		{"nothing", func(*rig) Event { return Event{Kind: Tick} }},
	}
	for _, c := range late {
		r := newRig(t)
		claiming(r)
		d := r.b.Authority()
		r.answers = false
		r.now = d + Instant(time.Hour)
		r.do(c.ev(r))
		r.in(Fenced)
		if r.b.Cause() != CauseAuthority || r.b.Believes(r.now) {
			t.Errorf("after %s: cause %v, believes %v", c.name, r.b.Cause(), r.b.Believes(r.now))
		}
		if g := r.must(ArmGuard); g.Fence != d || g.Kill != d.Add(Grace(ttl)) {
			t.Errorf("after %s: the guard is told %v and %v, which count from waking up", c.name, g.Fence, g.Kill)
		}
		r.must(KillTree) // its time was over long ago
		r.mustNot(Publish, Claim, KeepAlive, Check, RunHook)
	}
}

// TestAuthorityCountsFromTheSend: D = s + T(1−2ρ), by the smaller T (SPEC R2).
func TestAuthorityCountsFromTheSend(t *testing.T) {
	r := newRig(t)
	standby(r)
	r.answers = false
	r.now = r.b.Next()
	r.do(Event{Kind: Tick})
	sent := r.now
	r.must(KeepAlive)
	check := r.mustTxn(Check)
	if check.NIf != 2 || check.NRead == 0 {
		t.Errorf("the check has %d conditions and %d reads", check.NIf, check.NRead)
	}
	before := r.b.Authority()
	r.now = sent.Add(second)
	r.reply(KeepAlive, Event{TTL: 8 * second})
	if r.b.Authority() != before {
		t.Error("half a round moved D")
	}
	r.replyTxn(Check, true)
	if want := sent.Add(shorter(8*second, 2)); r.b.Authority() != max(before, want) {
		t.Errorf("D is %v, want %v", r.b.Authority(), max(before, want))
	}
	if g := r.asked[ArmGuard]; g.Fence != r.b.Authority() {
		t.Errorf("the guard has %v, D is %v", g.Fence, r.b.Authority())
	}
}

// TestFailedRoundIsRepeated at once, with a new s and another endpoint, until
// D (SPEC R1).
func TestFailedRoundIsRepeated(t *testing.T) {
	r := newRig(t)
	standby(r)
	r.answers = false
	d := r.b.Authority()
	r.now = r.b.Next()
	r.do(Event{Kind: Tick})
	attempts := 0
	for r.b.phase == Standby {
		if r.b.alive.op != 0 {
			attempts++
			if got := r.asked[KeepAlive].Attempt; got != attempts-1 {
				t.Fatalf("attempt %d is numbered %d", attempts, got)
			}
			r.reply(KeepAlive, Event{Outcome: kv.Unknown})
			continue
		}
		r.now = r.b.Next()
		r.do(Event{Kind: Tick})
	}
	r.in(Fenced)
	if r.now != d {
		t.Errorf("authority ended at %v, not at D = %v", r.now, d)
	}
	if attempts < 10 || attempts > retryParts {
		t.Errorf("%d attempts were made", attempts)
	}
}

// TestRoundsAreInTime: the pace is T/3 less at most a tenth, and differs from
// incarnation to incarnation.
func TestRoundsAreInTime(t *testing.T) {
	r := newRig(t)
	standby(r)
	seen := map[time.Duration]bool{}
	for range 20 {
		before := r.now
		r.pass(r.b.Next().Sub(r.now))
		r.must(KeepAlive)
		seen[r.now.Sub(before)] = true
		if pace := r.b.Next().Sub(r.now); pace > ttl/3 || pace < ttl/3-ttl/30 {
			t.Errorf("the next round is due in %v", pace)
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d different paces in 20 rounds", len(seen))
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range endings {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.cfg)
			c.end(r)
			e := r.finish(c.status)
			if e.Cause != c.cause || e.Code != c.code {
				t.Errorf("it ends with %d (%v), want %d (%v)", e.Code, e.Cause, c.code, c.cause)
			}
			if r.b.Next() != Never {
				t.Errorf("it wants to be woken at %v after its end", r.b.Next())
			}
			r.explains(c.cause.String())
		})
	}
	seen := map[Cause]bool{}
	for _, c := range endings {
		seen[c.cause] = true
	}
	for c := CauseAsked; int(c) < len(causeTexts); c++ {
		if !seen[c] {
			t.Errorf("no case ends with %v", c)
		}
	}
}
