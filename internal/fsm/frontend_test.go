package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

const masterT = 3 * second // the TTL in _master

// front drives a frontend by hand.
type front struct {
	t     testing.TB
	cfg   FrontendConfig
	f     Frontend
	now   Instant
	facts Facts
	out   Effects
	did   []Effect
}

func newFront(t testing.TB) *front {
	f := &front{t: t, now: Instant(second), cfg: FrontendConfig{Name: "f1", TTL: time.Minute}}
	f.f = NewFrontend(&f.cfg)
	return f
}

func (f *front) do(ev Event) {
	f.t.Helper()
	f.out.Reset()
	f.f.Step(f.now, &ev, &f.out)
	f.did = append(f.did[:0], f.out.List...)
	if f.f.Next() <= f.now || f.out.Stray != [2]string{} {
		f.t.Fatalf("after %v in %s: next %v, stray %q", ev.Kind, f.f.PhaseName(), f.f.Next(), f.out.Stray)
	}
}

func (f *front) view(change func(*Facts)) {
	f.t.Helper()
	f.facts.Rev++
	change(&f.facts)
	facts := f.facts
	f.do(Event{Kind: ViewChanged, Facts: &facts})
}

// read answers the read under way with what the facts say.
func (f *front) read() {
	f.t.Helper()
	m := &f.facts.Master
	res := &kv.Result{Succeeded: true}
	res.Items[0] = kv.Item{Present: m.Present, Create: m.Create, Lease: m.Lease}
	res.Items[1] = kv.Item{
		Present: f.facts.RouteState != "", Lease: f.facts.RouteLease,
		Record: kv.Record{State: string(f.facts.RouteState)},
	}
	f.do(Event{Kind: TxnDone, Op: f.f.read.op, Outcome: kv.OK, Result: res})
}

// pass lets time go by; reads that come due fail.
func (f *front) pass(d time.Duration) {
	f.t.Helper()
	var did []Effect
	for end := f.now.Add(d); f.now < end; {
		f.now = min(end, f.f.Next())
		f.do(Event{Kind: Tick})
		did = append(did, f.did...)
		if f.f.read.op != 0 {
			f.do(Event{Kind: TxnDone, Op: f.f.read.op, Outcome: kv.Unknown})
			did = append(did, f.did...)
		}
	}
	f.did = did
}

func (f *front) has(k EffectKind) *Effect {
	for i := range f.did {
		if f.did[i].Kind == k {
			return &f.did[i]
		}
	}
	return nil
}

func master(create kv.Revision, epoch kv.Epoch) func(*Facts) {
	return func(f *Facts) {
		f.Master = MasterFact{
			Present: true, Create: create, Lease: kv.LeaseID(create), Node: "n1", Address: "n1:5432",
			Epoch: epoch, TTL: masterT,
		}
		f.RouteState, f.RouteLease = StateMaster, kv.LeaseID(create)
	}
}

func routing(t testing.TB) *front {
	t.Helper()
	f := newFront(t)
	f.do(Event{Kind: Started})
	f.view(master(50, 4))
	f.read()
	if f.f.phase != Routing || f.has(Route) == nil {
		t.Fatalf("it does not route: %s, %v", f.f.PhaseName(), f.did)
	}
	return f
}

// TestRouteNeedsAll: _master and its node's key on the same lease (SPEC X2).
func TestRouteNeedsAll(t *testing.T) {
	for name, spoil := range map[string]func(*Facts){
		"no _master":             func(f *Facts) { f.Master = MasterFact{} },
		"_master does not parse": func(f *Facts) { f.Master.Bad = true },
		"not published":          func(f *Facts) { f.RouteState = StateReady },
		"no node key":            func(f *Facts) { f.RouteState, f.RouteLease = "", 0 },
		"another lease":          func(f *Facts) { f.RouteLease++ },
		"key without a lease":    func(f *Facts) { f.RouteLease = 0 },
	} {
		f := newFront(t)
		f.do(Event{Kind: Started})
		f.view(func(x *Facts) { master(50, 4)(x); spoil(x) })
		if f.f.phase != Vacant || f.f.Wanted() {
			t.Errorf("%s: it is %s", name, f.f.PhaseName())
		}
		f = routing(t)
		f.view(spoil)
		if f.f.phase != Vacant || f.has(Unroute) == nil {
			t.Errorf("%s, while routing: it is %s and does %v", name, f.f.PhaseName(), f.did)
		}
	}
}

// TestReadsDecide: the view alone opens nothing, and one read closes.
func TestReadsDecide(t *testing.T) {
	f := newFront(t)
	f.do(Event{Kind: Started})
	f.view(master(50, 4))
	if f.has(Route) != nil || f.has(ReadRoute) == nil {
		t.Fatalf("it does %v", f.did)
	}
	f.facts.RouteState = StateStopping
	f.read()
	if f.f.phase != Vacant || f.has(Route) != nil {
		t.Errorf("the read said otherwise: %s, %v", f.f.PhaseName(), f.did)
	}

	f = routing(t)
	f.now = f.f.Next()
	f.do(Event{Kind: Tick})
	f.facts.Master.Create = 51
	f.read()
	if f.f.phase != Vacant || f.has(Unroute) == nil {
		t.Errorf("the read said otherwise: %s, %v", f.f.PhaseName(), f.did)
	}
}

// TestReplacedRoute: sessions to the old one are reset before the new one is
// even asked for (SPEC X3).
func TestReplacedRoute(t *testing.T) {
	f := routing(t)
	f.view(master(60, 5))
	if len(f.did) != 2 || f.did[0].Kind != Unroute || f.did[1].Kind != ReadRoute {
		t.Fatalf("it does %v", f.did)
	}
	f.read()
	if _, epoch, ok := f.f.Routed(); !ok || epoch != 5 || f.has(Route).Epoch != 5 {
		t.Errorf("it routes to epoch %d: %v", epoch, ok)
	}
}

// TestForwardingEndsUnconfirmed: T(1−ρ) after the *send* of the last good read,
// T from _master though our own is larger (SPEC X4).
func TestForwardingEndsUnconfirmed(t *testing.T) {
	f := newFront(t)
	f.do(Event{Kind: Started})
	f.view(master(50, 4))
	sent := f.now
	f.now += Instant(second)
	f.read()
	end := sent.Add(shorter(masterT, 1))
	if f.f.Deadline() != end || f.has(Allow).Until != end {
		t.Fatalf("it forwards until %v, want %v", f.f.Deadline(), end)
	}
	f.pass(end.Sub(f.now) - 1)
	if f.f.phase != Routing || f.has(Unroute) != nil {
		t.Fatalf("a short trouble cut the sessions: %v", f.did)
	}
	f.pass(1)
	if f.f.phase != Checking || f.has(Unroute) == nil {
		t.Errorf("past its deadline it is %s and does %v", f.f.PhaseName(), f.did)
	}
}

// TestLateReadOpensNothing: whoever slept past F closes first, and takes no
// read that was sent before (SPEC R3, X4).
func TestLateReadOpensNothing(t *testing.T) {
	f := routing(t)
	f.now = f.f.Next()
	f.do(Event{Kind: Tick})
	f.now += Instant(time.Hour)
	f.read()
	if f.f.phase != Checking || f.has(Unroute) == nil || f.has(Allow) != nil {
		t.Errorf("it is %s and does %v", f.f.PhaseName(), f.did)
	}
}

// TestNeverBackToAnOlderEpoch, unless etcd was replaced and the _master was
// created since (SPEC X5, K4).
func TestNeverBackToAnOlderEpoch(t *testing.T) {
	f := routing(t)
	f.view(master(60, 3))
	if f.f.phase != Vacant {
		t.Errorf("epoch 3 after 4: %s", f.f.PhaseName())
	}
	f.do(Event{Kind: EtcdReplaced})
	f.facts.Rev = 100
	f.view(master(60, 3))
	if f.f.phase != Vacant {
		t.Errorf("an old _master of the other etcd: %s", f.f.PhaseName())
	}
	f.view(master(110, 3))
	f.read()
	if f.f.phase != Routing || f.f.floor != 3 {
		t.Errorf("a _master created since: %s, floor %d", f.f.PhaseName(), f.f.floor)
	}
	f.view(master(120, 2))
	if f.f.phase != Vacant {
		t.Errorf("epoch 2 after 3: %s", f.f.PhaseName())
	}

	f = newFront(t)
	f.do(Event{Kind: Started, Held: Held{Epoch: 9}})
	f.view(master(50, 8))
	if f.f.phase != Vacant {
		t.Errorf("epoch 8, held 9: %s", f.f.PhaseName())
	}
}

// TestFrontendShowsItself under a lease, and begins anew when that is gone (X6).
func TestFrontendShowsItself(t *testing.T) {
	f := newFront(t)
	f.do(Event{Kind: Started})
	f.do(Event{Kind: Granted, Op: f.has(GrantLease).Op, Outcome: kv.OK, Lease: 5, TTL: time.Minute})
	show := f.has(Show)
	if op := f.out.Txns[show.Txn].Then[0]; op.Key != kv.FrontendKey("f1") || op.Lease != 5 {
		t.Errorf("it puts %+v", op)
	}
	f.do(Event{Kind: TxnDone, Op: show.Op, Outcome: kv.OK, Result: &kv.Result{Succeeded: true}})
	f.now = f.f.Next()
	f.do(Event{Kind: Tick})
	f.do(Event{Kind: KeptAlive, Op: f.has(KeepAlive).Op, Outcome: kv.LeaseGone})
	f.pass(2 * second)
	if f.has(GrantLease) == nil {
		t.Errorf("after the lease is gone it does %v", f.did)
	}
}

func TestFrontendEnds(t *testing.T) {
	f := routing(t)
	f.do(Event{Kind: StopRequested})
	if f.did[0].Kind != Unroute || f.has(RevokeLease) == nil {
		t.Errorf("asked to stop it does %v", f.did)
	}
	f.pass(second)
	if e := f.has(Exit); e == nil || e.Code != ExitOK {
		t.Errorf("it ends with %+v", e)
	}

	f = newFront(t)
	f.cfg.StartPatience = 5 * second
	f.do(Event{Kind: Started})
	f.pass(5 * second)
	if e := f.has(Exit); e == nil || e.Code != ExitUnavailable {
		t.Errorf("without etcd it ends with %+v", e)
	}
}
