package fsm

import (
	"testing"

	"msdha/internal/fsm/kv"
)

// The loops here are the two that a group in peace goes through for ever. They
// are what must not allocate, and what is measured.

// renewals returns a function that does one Step of a master's renewal: the
// timer, the keepalive's reply, the check's reply, and again.
func renewals(t testing.TB) func() {
	r := master0(t)
	b, out := r.b, Effects{}
	done := kv.Result{Succeeded: true}
	now, i := r.now, 0
	var ev Event
	return func() {
		switch i % 3 {
		case 0:
			now = b.roundDue
			ev = Event{Kind: Tick}
		case 1:
			ev = Event{Kind: KeptAlive, Op: b.alive.op, Outcome: kv.OK, TTL: ttl}
		case 2:
			ev = Event{Kind: TxnDone, Op: b.check.op, Outcome: kv.OK, Result: &done}
		}
		i++
		out.Reset()
		b.Step(now, &ev, &out)
		if i%3 == 0 && b.authority < now {
			panic("the round was no success")
		}
	}
}

// views returns a function that does one Step of a master's changing view.
func views(t testing.TB) func() {
	r := master0(t)
	b, out, facts := r.b, Effects{}, r.facts
	ev := Event{Kind: ViewChanged, Header: kv.Header{Cluster: cluster}, Facts: &facts}
	return func() {
		facts.Rev++
		facts.ReadyOthers = int(facts.Rev % 3)
		out.Reset()
		b.Step(r.now, &ev, &out)
		if b.phase != Reigning {
			panic("the view ended the reign")
		}
	}
}

func master0(t testing.TB) *rig {
	r := newRig(t)
	reigning(r)
	return r
}

// reads returns a function that does one Step of a frontend that routes.
func reads(t testing.TB) func() {
	f := routing(t)
	m, out := f.f, Effects{}
	res := kv.Result{Succeeded: true}
	res.Items[0] = kv.Item{Present: true, Create: 50, Lease: 50}
	res.Items[1] = kv.Item{Present: true, Lease: 50, Record: kv.Record{State: kv.StateMaster}}
	now, i := f.now, 0
	var ev Event
	return func() {
		ev = Event{Kind: Tick}
		if i%2 == 0 {
			now = m.readDue
		} else {
			ev = Event{Kind: TxnDone, Op: m.read.op, Outcome: kv.OK, Result: &res}
		}
		i++
		out.Reset()
		m.Step(now, &ev, &out)
		if m.phase != Routing {
			panic("the route was lost")
		}
	}
}

// armings returns a function that does one Step of a guard.
func armings(testing.TB) func() {
	g, now := NewGuard(), Instant(0)
	return func() {
		now += Instant(second)
		arm := GuardEvent{Kind: GuardArmed, Fence: now.Add(ttl), Kill: now.Add(2 * ttl)}
		if a := g.Step(now, arm); a != (GuardActions{}) {
			panic("the guard acted")
		}
	}
}

// watches returns a function that passes one change of a node's key through a
// view to a master.
func watches(t testing.TB) func() {
	r := master0(t)
	m := Member{Backend: r.b, View: NewView("n1")}
	var out Effects
	m.View.Open(r.now, &out)
	items := []kv.Item{
		node("n1", "master", 1), node("n2", "ready", 2), node("n3", "ready", 3), reignOf("n1", 4),
	}
	items[0].Create, items[0].Lease = r.facts.Self.Create, ourLease
	items[3].Create, items[3].Lease = r.b.reign.master, ourLease
	rev := r.rev + 1
	m.Step(r.now, &Event{
		Kind: Listed, Op: out.List[0].Op, Outcome: kv.OK, Header: at(rev), Items: items,
	}, &out)
	watch, change := m.View.op, []kv.Item{items[1]}
	var ev Event
	return func() {
		rev++
		change[0].Mod = rev
		ev = Event{Kind: Watched, Op: watch, Header: at(rev), Items: change}
		out.Reset()
		m.Step(r.now, &ev, &out)
		if m.Backend.phase != Reigning || m.View.Rev() != rev {
			panic("the view ended the reign")
		}
	}
}

var loops = []struct {
	name string
	loop func(testing.TB) func()
}{
	{"backend/renewal", renewals},
	{"backend/view", views},
	{"frontend", reads},
	{"guard", armings},
	{"member/watch", watches},
}

func TestWarmStepsAllocateNothing(t *testing.T) {
	for _, l := range loops {
		step := l.loop(t)
		for range 12 {
			step()
		}
		if n := testing.AllocsPerRun(300, step); n != 0 {
			t.Errorf("%s: a Step allocates %v times", l.name, n)
		}
	}
}

func bench(b *testing.B, loop func(testing.TB) func()) {
	step := loop(b)
	b.ReportAllocs()
	for b.Loop() {
		step()
	}
}

func BenchmarkBackendStep(b *testing.B) {
	b.Run("renewal", func(b *testing.B) { bench(b, renewals) })
	b.Run("view", func(b *testing.B) { bench(b, views) })
}

func BenchmarkFrontendStep(b *testing.B) { bench(b, reads) }

func BenchmarkGuardStep(b *testing.B) { bench(b, armings) }

// BenchmarkMemberWatch is a change of one key in a group of three, view
// included.
func BenchmarkMemberWatch(b *testing.B) { bench(b, watches) }
