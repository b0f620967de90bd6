package fsm

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

const deadLease, attestTimeout = kv.LeaseID(0xdead), time.Second

var proof = Proof{Node: "n0", Incarnation: deadLease, By: "w", How: kv.ByWitness}

// grave is what is there of the dead: what attest reads.
func grave(lock, own, epoch kv.LeaseID) *kv.Result {
	r := &kv.Result{Succeeded: true}
	r.Items[0] = kv.Item{Key: kv.Master, Present: lock != 0, Lease: lock}
	r.Items[1] = kv.Item{Key: kv.EpochKey, Present: epoch != 0, Mod: 7, Record: kv.Record{
		Node: "n0", Epoch: 4, Incarnation: epoch, TTL: ttl,
	}}
	r.Items[2] = kv.Item{Key: kv.NodeKey("n0"), Present: own != 0, Lease: own}
	return r
}

func writes(t *kv.Txn) (keys []kv.Key) {
	for _, op := range t.Then[:t.NThen] {
		keys = append(keys, op.Key)
	}
	return keys
}

// TestAttestsTheDeadAlone: of what was read, only what is on the dead incarnation's
// lease is touched, and _epoch is compared whatever it says (SPEC E5, E11).
func TestAttestsTheDeadAlone(t *testing.T) {
	const other = kv.LeaseID(0xbeef)
	for name, c := range map[string]struct {
		lock, own, epoch kv.LeaseID
		released         bool
		want             []kv.Key
	}{
		"a reign": {deadLease, deadLease, deadLease, false, []kv.Key{
			kv.Master, kv.NodeKey("n0"), kv.EpochKey, kv.HistoryKey(4),
		}},
		"a lease that ended": {0, 0, deadLease, false, []kv.Key{kv.EpochKey, kv.HistoryKey(4)}},
		"a slave":            {other, deadLease, other, false, []kv.Key{kv.NodeKey("n0")}},
		"a successor":        {other, other, other, false, nil},
		"released already":   {0, 0, deadLease, true, nil},
		"no group":           {0, 0, 0, false, nil},
	} {
		r := grave(c.lock, c.own, c.epoch)
		r.Items[1].Record.Released = c.released
		var txn kv.Txn
		some := proof.attest(&txn, r)
		got := writes(&txn)
		if some != (c.want != nil) || len(got) != len(c.want) {
			t.Errorf("%s: writes %v, want %v", name, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: writes %v, want %v", name, got, c.want)
			}
		}
		if cmp := txn.If[0]; cmp.Key != kv.EpochKey || cmp.Rev != r.Items[1].Mod {
			t.Errorf("%s: _epoch is not compared", name)
		}
	}
}

// TestAttestingSettlesADebt: proof of death is as good as a fence (SPEC E9).
func TestAttestingSettlesADebt(t *testing.T) {
	r := grave(0xbeef, 0, 0xbeef)
	other := kv.Debt{Epoch: 1, Node: "n9", Incarnation: 9}
	r.Items[1].Record.Unfenced = kv.DebtsText([]kv.Debt{other, {Epoch: 3, Node: "n0", Incarnation: deadLease}})
	var txn kv.Txn
	if !proof.attest(&txn, r) || txn.NThen != 1 || txn.Then[0].Record.Released ||
		txn.Then[0].Record.Unfenced != kv.DebtsText([]kv.Debt{other}) {
		t.Errorf("writes %+v", txn.Then[:txn.NThen])
	}
}

// attests drives an Attestor; answer gives the reply to each of its requests.
func attests(t *testing.T, answer func(e *Effect, txn *kv.Txn) Event) (asked []EffectKind, all bool) {
	t.Helper()
	now := Instant(time.Hour)
	a := NewAttestor(proof, attestTimeout, now.Add(20*attestTimeout))
	var out Effects
	ev := Event{Kind: Tick}
	for range 200 {
		out.Reset()
		a.Step(now, &ev, &out)
		over, complete := a.Done()
		switch {
		case over:
			return asked, complete
		case len(out.List) > 0:
			e := &out.List[0]
			asked = append(asked, e.Kind)
			var txn *kv.Txn
			if e.Kind.IsTxn() {
				txn = &out.Txns[e.Txn]
			}
			ev = answer(e, txn)
			ev.Op, ev.Kind = e.Op, e.Kind.Answer()
			now = now.Add(attestTimeout / 10)
		default:
			now, ev = max(now, a.Next()), Event{Kind: Tick}
		}
	}
	t.Fatal("it does not end")
	return nil, false
}

func TestAttestor(t *testing.T) {
	ok := Event{Outcome: kv.OK}
	here := func(*Effect, *kv.Txn) Event {
		return Event{Outcome: kv.OK, Result: grave(deadLease, deadLease, deadLease)}
	}
	asked, all := attests(t, here)
	if !all || len(asked) != 3 || asked[0] != Inquire || asked[1] != Attest || asked[2] != RevokeLease {
		t.Errorf("asks for %v", asked)
	}

	// What it went by changed in between: a claim of the dead that came late.
	refusals := 0
	asked, all = attests(t, func(e *Effect, _ *kv.Txn) Event {
		r := grave(deadLease, deadLease, deadLease)
		if e.Kind == Attest && refusals < 2 {
			refusals, r.Succeeded = refusals+1, false
		}
		return Event{Outcome: kv.OK, Result: r}
	})
	if !all || len(asked) != 5 || asked[4] != RevokeLease {
		t.Errorf("refused twice, it asks for %v", asked)
	}

	// Lost replies are not taken for anything: it reads again.
	lost := 0
	asked, all = attests(t, func(e *Effect, _ *kv.Txn) Event {
		if lost++; lost%3 == 1 {
			return Event{Outcome: kv.Unknown}
		}
		if e.Kind == RevokeLease {
			return Event{Outcome: kv.LeaseGone}
		}
		return Event{Outcome: ok.Outcome, Result: grave(0, 0, 0)}
	})
	if !all {
		t.Errorf("with lost replies it asks for %v and gives up", asked)
	}

	if asked, all = attests(t, func(*Effect, *kv.Txn) Event { return Event{Outcome: kv.Unknown} }); all {
		t.Errorf("without etcd it asked for %v and says that all is given back", asked)
	}
}
