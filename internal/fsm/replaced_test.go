package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// TestReplacedEtcdReleasesNothing: what the first reading of another etcd
// finds released may be as old as its backup (SPEC K4).
func TestReplacedEtcdReleasesNothing(t *testing.T) {
	release := func(f *Facts) { dies(f); f.Epoch.Released, f.Epoch.Mod = true, f.Rev }
	r := newRig(t)
	standby(r)
	r.do(Event{Kind: EtcdReplaced})
	r.view(release)
	if got := r.waits(); got != fullWait {
		t.Errorf("it claims after %v", got)
	}
	r.replyTxn(Claim, false)

	r = newRig(t)
	standby(r)
	r.do(Event{Kind: EtcdReplaced})
	r.view(dies)
	r.in(Waiting)
	r.view(func(f *Facts) { f.Epoch.Released, f.Epoch.Mod = true, r.rev })
	r.must(Claim) // this one was written since
}

// TestReplacedEtcdForgetsTheVacancy: its wait begins with the first reading.
func TestReplacedEtcdForgetsTheVacancy(t *testing.T) {
	r := newRig(t)
	waiting(r)
	r.pass(fullWait - second)
	r.do(Event{Kind: EtcdReplaced})
	r.pass(2 * second)
	r.mustNot(Claim)
	r.view(nil)
	if got := r.waits(); got != fullWait {
		t.Errorf("it claims after %v", got)
	}
}

// TestReplacedEtcdLeavesAGap of epochs above all that is held, seen or read.
func TestReplacedEtcdLeavesAGap(t *testing.T) {
	for _, c := range []struct {
		held, seen, read kv.Epoch
	}{{500, 4, 0}, {0, 700, 0}, {0, 4, 900}} {
		r := newRig(t)
		r.held = Held{Cluster: cluster, Epoch: c.held}
		standby(r)
		r.view(func(f *Facts) { f.Epoch.Epoch = max(4, c.seen) })
		r.do(Event{Kind: EtcdReplaced})
		r.view(func(f *Facts) { dies(f); f.Epoch.Epoch = c.read; f.Epoch.Present = c.read != 0 })
		r.pass(fullWait)
		if got, want := r.mustTxn(Claim).Then[0].Record.Epoch, max(c.held, c.seen, c.read)+epochGap; got < want {
			t.Errorf("%+v: the new epoch is %d, want at least %d", c, got, want)
		}
	}
}

// TestEpochsAreRemembered when they rise, so that the next life knows them.
func TestEpochsAreRemembered(t *testing.T) {
	r := newRig(t)
	r.do(Event{Kind: Started, Held: Held{Cluster: cluster, Epoch: 9}})
	r.in(Inspecting)
	r.view(func(f *Facts) { f.Epoch = EpochFact{Present: true, Epoch: 8} })
	r.mustNot(Remember)
	r.view(func(f *Facts) { f.Epoch.Epoch = 10 })
	if h := r.must(Remember).Held; h != (Held{Cluster: cluster, Rev: r.rev, Epoch: 10}) {
		t.Errorf("it remembers %+v", h)
	}
	r.view(nil)
	r.mustNot(Remember)
}

func TestLineage(t *testing.T) {
	const a, b = 0xa, 0xb
	type reply struct {
		sent, at Instant
		cluster  uint64
		rev      kv.Revision
		replaced bool
	}
	for _, c := range []struct {
		name    string
		held    Held
		replies []reply
	}{
		{"nothing held", Held{}, []reply{{1, 2, a, 5, false}, {3, 4, a, 5, false}, {5, 6, a, 9, false}}},
		{"another cluster", Held{}, []reply{{1, 2, a, 5, false}, {3, 4, b, 9, true}, {5, 6, b, 9, false}}},
		{"restored", Held{}, []reply{{1, 2, a, 50, false}, {3, 4, a, 20, true}, {5, 6, a, 21, false}}},
		{"sent before the higher one came", Held{}, []reply{{1, 3, a, 50, false}, {2, 4, a, 20, false}}},
		{"sent in the same instant", Held{}, []reply{{1, 3, a, 50, false}, {3, 4, a, 20, false}}},
		{"no header", Held{}, []reply{{1, 2, a, 50, false}, {3, 4, 0, 0, false}}},
		{"held cluster", Held{Cluster: a, Rev: 7}, []reply{{1, 2, b, 50, true}}},
		{"held revision", Held{Cluster: a, Rev: 70}, []reply{{1, 2, a, 50, true}, {3, 4, a, 50, false}}},
	} {
		l := NewLineage(c.held)
		for i, r := range c.replies {
			if got := l.Saw(r.at, r.sent, kv.Header{Cluster: r.cluster, Rev: r.rev}); got != r.replaced {
				t.Errorf("%s: reply %d: replaced: %v, want %v", c.name, i, got, r.replaced)
			}
		}
	}
}

// TestMemberRecognisesAnotherEtcd by a reply to any transaction: the machine is
// told first, and the view lists again, because its watch may wait for long.
func TestMemberRecognisesAnotherEtcd(t *testing.T) {
	for _, h := range []kv.Header{{Cluster: cluster, Rev: 20}, {Cluster: cluster + 1, Rev: 2000}} {
		cfg := BackendConfig{Name: "n1", TTL: ttl}
		m := NewMember(&cfg)
		var out Effects
		m.Step(1, &Event{Kind: Started, Held: Held{Cluster: cluster, Rev: 90}}, &out)
		m.View.Open(1, &out)
		list := out.List[len(out.List)-1]
		same := kv.Header{Cluster: cluster, Rev: 100}
		m.Step(2, &Event{Kind: Listed, Op: list.Op, Sent: 1, Outcome: kv.OK, Header: same}, &out)
		out.Reset()
		m.Step(4, &Event{Kind: TxnDone, Op: 999, Sent: 3, Outcome: kv.OK, Header: h, Result: &kv.Result{}}, &out)
		if !m.Backend.leap || m.Backend.synced {
			t.Errorf("%+v: the machine was not told", h)
		}
		if len(out.List) != 2 || out.List[0].Kind != StopWatch || out.List[1].Kind != ListKeys {
			t.Errorf("%+v: it does %v", h, out.List)
		}
	}
}

// TestForgottenTTLIsWaitedFor: an earlier life knew of a reign with a larger
// TTL, and etcd knows of none.
func TestForgottenTTLIsWaitedFor(t *testing.T) {
	longest := 2 * longer(3*ttl, 1)
	for name, c := range map[string]struct {
		change func(*Facts)
		want   time.Duration
	}{
		"_epoch is absent":        {func(f *Facts) { dies(f); f.Epoch = EpochFact{} }, longest},
		"_epoch tells what it is": {dies, fullWait},
	} {
		r := newRig(t)
		r.held = Held{Cluster: cluster, Epoch: 4, TTL: 3 * ttl}
		standby(r)
		r.b.remembered = r.held // nothing has risen since
		r.view(c.change)
		if got := r.b.claimAt().Sub(r.now); got != c.want {
			t.Errorf("%s: it claims after %v, want %v", name, got, c.want)
		}
	}
}

// TestOlderKeyEndsAuthority: a key with an older write than ours was restored.
// A reply that was on its way while we wrote is no such thing.
func TestOlderKeyEndsAuthority(t *testing.T) {
	for name, c := range map[string]struct {
		mod  kv.Revision
		want Phase
	}{"as written": {50, Standby}, "since written": {51, Standby}, "restored": {49, Fenced}} {
		r := newRig(t)
		standby(r)
		r.answers = false
		r.b.written = 50
		r.pass(ttl / 2)
		r.b.written = 60 // by a publication that the check overtook
		own := kv.Item{Key: kv.NodeKey("n1"), Present: true, Mod: c.mod}
		r.do(Event{
			Kind: TxnDone, Op: r.b.check.op, Outcome: kv.OK,
			Result: &kv.Result{Succeeded: true, Items: [kv.MaxReads]kv.Item{own}},
		})
		if r.b.phase != c.want {
			t.Errorf("%s: it is in %s", name, r.b.PhaseName())
		}
	}
}
