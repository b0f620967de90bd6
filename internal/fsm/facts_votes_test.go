package fsm

import (
	"slices"
	"testing"

	"msdha/internal/fsm/kv"
)

// voter is a registered node with a final for an epoch; change may spoil it.
func voter(name string, e kv.Epoch, position string, change ...func(key, info *kv.Item)) []kv.Item {
	p, err := kv.ParsePosition(position)
	if err != nil {
		panic(err)
	}
	key := kv.Item{
		Key: kv.NodeKey(name), Present: true, Mod: 20, Lease: kv.LeaseID(len(name)),
		Record: kv.Record{State: string(StateReady)},
	}
	info := kv.Item{
		Key: kv.NodeInfo(name), Present: true, Mod: 30, Lease: key.Lease,
		Record: kv.Record{Final: true, FinalFor: e, Position: p},
	}
	for _, c := range change {
		c(&key, &info)
	}
	return []kv.Item{key, info}
}

func list(members kv.Names, k int) kv.Item {
	return kv.Item{Key: kv.Config, Present: true, Mod: 5, Record: kv.Record{Members: members, K: k, Armed: true}}
}

// TestFinalsThatCount (SPEC E7), from n1's point of view: it has voted for epoch 7
// at position 7 100.
func TestFinalsThatCount(t *testing.T) {
	unready := func(key, _ *kv.Item) { key.Record.State = string(StateNotReady) }
	observer := func(_, info *kv.Item) { info.Record.Observer = true }
	prefer := func(_, info *kv.Item) { info.Record.Priority = 9 }
	own := voter("n1", 7, "7 100")
	for _, c := range []struct {
		name  string
		items []kv.Item
		want  VoteFact
	}{
		{"its own", nil, VoteFact{Own: true, Cast: 1, NotHigher: 1}},
		{"a lower one", voter("n2", 7, "7 99"), VoteFact{Own: true, Cast: 2, NotHigher: 2}},
		{"an equal one, by name", voter("n2", 7, "7 100"), VoteFact{Own: true, Cast: 2, NotHigher: 2}},
		{"an equal one with an earlier name", voter("a", 7, "7 100"), VoteFact{true, 2, 2, 0, true}},
		{"an equal one that is preferred", voter("n2", 7, "7 100", prefer), VoteFact{true, 2, 2, 0, true}},
		{"a higher one", voter("n2", 7, "7 101"), VoteFact{true, 2, 1, 0, true}},
		{"a longer log of an older reign", voter("n2", 7, "6 999"), VoteFact{Own: true, Cast: 2, NotHigher: 2}},
		{
			"a higher one that is not ready", voter("n2", 7, "7 101", unready),
			VoteFact{Own: true, Cast: 2, NotHigher: 1},
		},
		{"an older vacancy's", voter("n2", 6, "6 50"), VoteFact{Own: true, Cast: 1, NotHigher: 1, Awaited: 1}},
		{
			"none", voter("n2", 7, "7 1", func(_, info *kv.Item) { info.Record.Final = false }),
			VoteFact{Own: true, Cast: 1, NotHigher: 1, Awaited: 1},
		},
		{
			"from before etcd was replaced", voter("n2", 7, "7 1", func(_, info *kv.Item) { info.Mod = 10 }),
			VoteFact{Own: true, Cast: 1, NotHigher: 1, Awaited: 1},
		},
		{
			"nobody is awaited who is not ready", voter("n2", 6, "6 50", unready),
			VoteFact{Own: true, Cast: 1, NotHigher: 1},
		},
		{
			"without its key", voter("n2", 7, "7 1", func(key, _ *kv.Item) { key.Key.Name = "x" }),
			VoteFact{Own: true, Cast: 1, NotHigher: 1},
		},
		{
			"of an earlier life", voter("n2", 7, "7 1", func(key, _ *kv.Item) { key.Lease++ }),
			VoteFact{Own: true, Cast: 1, NotHigher: 1},
		},
		{"an observer's without a list", voter("n2", 7, "7 101", observer), VoteFact{Own: true, Cast: 1, NotHigher: 1}},
		{
			"an observer's, who is a member", append(voter("n2", 7, "7 101", observer), list("n1 n2 n3", 1)),
			VoteFact{Own: true, Cast: 2, NotHigher: 1},
		},
		{
			"a stranger's", append(voter("n4", 7, "7 1"), list("n1 n2 n3", 1)),
			VoteFact{Own: true, Cast: 1, NotHigher: 1},
		},
		{
			"the successor's", append(voter("n2", 7, "7 100"), kv.Item{
				Key: kv.Control, Present: true,
				Record: kv.Record{Request: kv.RequestSwitchover, Epoch: 7, Node: "n2"},
			}), VoteFact{true, 2, 2, 0, true},
		},
		{"nobody counts under a master", []kv.Item{reignOf("n9", 40)}, VoteFact{}},
	} {
		items := append(slices.Concat(own, c.items), kv.Item{
			Key: kv.EpochKey, Present: true, Mod: 15, Record: kv.Record{Epoch: 7},
		})
		slices.SortFunc(items, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
		if f := Digest("n1", 99, 10, items); f.Votes != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, f.Votes, c.want)
		}
	}
}

// TestFinalsWithoutAnEpoch: there is no number to tell an older vacancy's by, but
// every reign leaves a trace in the history.
func TestFinalsWithoutAnEpoch(t *testing.T) {
	past := kv.Item{Key: kv.HistoryKey(3), Present: true, Mod: 30}
	items := slices.Concat(voter("n1", 0, "1 1"), voter("n2", 0, "2 1", func(_, info *kv.Item) { info.Mod = 31 }))
	items = append(items, past)
	slices.SortFunc(items, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
	if f := Digest("n2", 99, 0, items); f.Votes != (VoteFact{Own: true, Cast: 1, NotHigher: 1, Awaited: 1}) {
		t.Errorf("%+v", f.Votes)
	}
}

// TestARestoredEtcdsFinalsDoNotCount (SPEC K4): the view knows where its past ends.
func TestARestoredEtcdsFinalsDoNotCount(t *testing.T) {
	m := NewMember(&BackendConfig{Name: "n1", TTL: ttl, Hooks: HookSet(0).With(HookPosition)})
	var out Effects
	list := func(h kv.Header, mod kv.Revision) VoteFact {
		items := voter("n1", 7, "7 1", func(_, info *kv.Item) { info.Mod = mod })
		items = append(items, kv.Item{Key: kv.EpochKey, Present: true, Record: kv.Record{Epoch: 7}})
		m.View.Open(2, &out)
		m.Step(2, &Event{Kind: Listed, Op: m.View.op, Outcome: kv.OK, Header: h, Items: items, Sent: 2}, &out)
		return m.View.Facts().Votes
	}
	m.Step(1, &Event{Kind: Started}, &out)
	if v := list(kv.Header{Cluster: 1, Rev: 100}, 90); !v.Own {
		t.Errorf("before: %+v", v)
	}
	if v := list(kv.Header{Cluster: 2, Rev: 95}, 90); v.Own {
		t.Errorf("after: %+v", v)
	}
	if v := list(kv.Header{Cluster: 2, Rev: 97}, 96); !v.Own {
		t.Errorf("a new one: %+v", v)
	}
}

// TestALifeAfterARestore counts what was written since, and still nothing of the past:
// the life before it has remembered where that ends.
func TestALifeAfterARestore(t *testing.T) {
	cfg := BackendConfig{Name: "n1", TTL: ttl, Hooks: HookSet(0).With(HookPosition)}
	list := func(held Held, rev, mod kv.Revision) (VoteFact, Held, *Member) {
		m, out := NewMember(&cfg), Effects{}
		m.Step(1, &Event{Kind: Started, Held: held}, &out)
		items := voter("n2", 7, "7 1", func(_, info *kv.Item) { info.Mod = mod })
		items = append(items, kv.Item{Key: kv.EpochKey, Present: true, Record: kv.Record{Epoch: 7, Released: true}})
		m.View.Open(2, &out)
		m.Step(2, &Event{
			Kind: Listed, Op: m.View.op, Outcome: kv.OK, Header: kv.Header{Cluster: 2, Rev: rev}, Items: items, Sent: 2,
		}, &out)
		for _, e := range out.List {
			if e.Kind == Remember {
				held = e.Held
			}
		}
		return m.View.Facts().Votes, held, m
	}
	first := Held{Cluster: 1, Rev: 500, Epoch: 9, Serial: 4}
	v, held, _ := list(first, 95, 90)
	if v.Awaited != 1 || held.Cluster != 2 || held.Floor != 95 || held.Epoch != 9 || held.Serial != 4 {
		t.Errorf("in the first life: %+v, and it remembers %+v", v, held)
	}
	if v, _, m := list(held, 97, 90); v.Awaited != 1 || m.Backend.vacancy.released || !m.Backend.leap {
		t.Errorf("what is of the past counts in the second life: %+v", v)
	}
	if v, _, _ := list(held, 97, 96); v.Awaited != 0 {
		t.Errorf("what was written since does not count: %+v", v)
	}
}
