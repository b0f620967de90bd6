package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

const (
	second   = time.Second
	ttl      = 10 * second
	ourLease = kv.LeaseID(0x11)
	oldLease = kv.LeaseID(0x0f) // of the master before us
	cluster  = 7
)

// rig drives a backend by hand. It holds what must be true after every Step:
// Next lies in the future, and no signal came that the table rules out.
type rig struct {
	t     testing.TB
	cfg   BackendConfig
	b     Backend
	now   Instant
	held  Held
	rev   kv.Revision
	facts Facts
	// answers: rounds of renewal succeed at once. Off, nobody answers them.
	answers bool
	out     Effects
	did     []Effect // since the last do
	txns    []kv.Txn
	asked   [numEffectKinds]Effect // the last of each kind
}

func newRig(t testing.TB, change ...func(*BackendConfig)) *rig {
	r := &rig{t: t, now: Instant(second), rev: 100, answers: true}
	r.cfg = BackendConfig{
		Name: "n1", Address: "n1:5432", TTL: ttl, StopTimeout: 8 * second, StartPatience: 30 * second,
	}
	for _, c := range change {
		c(&r.cfg)
	}
	r.b = NewBackend(&r.cfg)
	return r
}

// do feeds one event, and answers the rounds that follow from it.
func (r *rig) do(ev Event) {
	r.t.Helper()
	r.did, r.txns = r.did[:0], r.txns[:0]
	r.step(ev)
	for r.answers && r.b.alive.op != 0 {
		r.step(Event{Kind: KeptAlive, Op: r.b.alive.op, Outcome: kv.OK, TTL: ttl})
		if r.b.check.op != 0 {
			r.step(Event{Kind: TxnDone, Op: r.b.check.op, Outcome: kv.OK, Result: &kv.Result{Succeeded: true}})
		}
	}
}

func (r *rig) step(ev Event) {
	r.t.Helper()
	r.out.Reset()
	r.b.Step(r.now, &ev, &r.out)
	if r.b.Next() <= r.now {
		r.t.Fatalf("after %v in %s: Next is %v, not after now %v", ev.Kind, r.b.PhaseName(), r.b.Next(), r.now)
	}
	if r.out.Stray != [2]string{} {
		r.t.Fatalf("after %v: stray signal %q", ev.Kind, r.out.Stray)
	}
	for _, e := range r.out.List {
		if e.Kind.IsTxn() {
			r.txns = append(r.txns, r.out.Txns[e.Txn])
			e.Txn = len(r.txns) - 1
		}
		r.did = append(r.did, e)
		r.asked[e.Kind] = e
	}
}

// pass lets time go by, waking the machine whenever it wants to be woken, and
// keeps all that it did.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	var did []Effect
	var txns []kv.Txn
	for end := r.now.Add(d); r.now < end; {
		r.now = min(end, r.b.Next())
		r.do(Event{Kind: Tick})
		for _, e := range r.did {
			e.Txn += len(txns)
			did = append(did, e)
		}
		txns = append(txns, r.txns...)
	}
	r.did, r.txns = did, txns
}

// reply answers the last request of a kind.
func (r *rig) reply(k EffectKind, ev Event) {
	r.t.Helper()
	ev.Op = r.asked[k].Op
	if ev.Outcome == 0 {
		ev.Outcome = kv.OK
	}
	switch {
	case k.IsTxn():
		ev.Kind = TxnDone
	case k == GrantLease:
		ev.Kind = Granted
	case k == RevokeLease:
		ev.Kind = Revoked
	case k == KeepAlive:
		ev.Kind = KeptAlive
	case k == RunHook:
		ev.Kind, ev.Hook = HookExited, r.asked[RunHook].Hook
	case k == StartChild:
		ev.Kind = ChildStarted
	}
	r.do(ev)
}

func (r *rig) replyTxn(k EffectKind, ok bool, items ...kv.Item) {
	r.t.Helper()
	res := &kv.Result{Succeeded: ok}
	copy(res.Items[:], items)
	r.reply(k, Event{Result: res})
}

// exits ends the hook that must be running.
func (r *rig) exits(h Hook, ev Event) {
	r.t.Helper()
	if r.b.hookOp == 0 || r.b.hook != h {
		r.t.Fatalf("in %s: the hook %q does not run (%q does)", r.b.PhaseName(), h, r.b.hook)
	}
	r.reply(RunHook, ev)
}

// lane ends the hook of the lane that must be running.
func (r *rig) lane(h Hook, ev Event) {
	r.t.Helper()
	if r.b.lane.op == 0 || r.b.lane.hook != h {
		r.t.Fatalf("in %s: the hook %q does not run (%q does)", r.b.PhaseName(), h, r.b.lane.hook)
	}
	ev.Kind, ev.Op, ev.Hook = HookExited, r.b.lane.op, h
	r.do(ev)
}

// view changes the facts at the next revision.
func (r *rig) view(change func(*Facts)) {
	r.t.Helper()
	r.rev++
	if change != nil {
		change(&r.facts)
	}
	r.facts.Rev = r.rev
	f := r.facts
	r.do(Event{Kind: ViewChanged, Header: kv.Header{Cluster: cluster, Rev: r.rev}, Facts: &f})
}

func (r *rig) effect(k EffectKind) (Effect, bool) {
	for _, e := range r.did {
		if e.Kind == k {
			return e, true
		}
	}
	return Effect{}, false
}

func (r *rig) must(k EffectKind) Effect {
	r.t.Helper()
	e, ok := r.effect(k)
	if !ok {
		r.t.Fatalf("in %s: no %v among %v", r.b.PhaseName(), k, r.did)
	}
	return e
}

func (r *rig) mustTxn(k EffectKind) *kv.Txn {
	r.t.Helper()
	return &r.txns[r.must(k).Txn]
}

func (r *rig) mustNot(kinds ...EffectKind) {
	r.t.Helper()
	for _, k := range kinds {
		if e, ok := r.effect(k); ok {
			r.t.Fatalf("in %s: %+v was not to be done", r.b.PhaseName(), e)
		}
	}
}

func (r *rig) in(p Phase) {
	r.t.Helper()
	if r.b.phase != p {
		r.t.Fatalf("the phase is %s, want %s", r.b.PhaseName(), backendTable.Phases[p])
	}
}

func (r *rig) explains(want string) {
	r.t.Helper()
	if got, _ := r.b.Explain(r.now); got != want {
		r.t.Errorf("it explains itself with %q, want %q", got, want)
	}
}
