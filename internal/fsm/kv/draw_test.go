package kv

import (
	"encoding/json"
	"time"

	"pgregory.net/rapid"
)

// drawRecord draws a key and a valid record for it: any value in any field that
// the kind has, within the documented bounds.
func drawRecord(t *rapid.T) (Key, Record) {
	name := rapid.StringMatching(`[A-Za-z0-9.-][A-Za-z0-9._-]{1,20}`).Filter(func(s string) bool {
		return ValidName(s) == nil
	})
	word := rapid.StringN(0, 40, -1)
	epoch := rapid.Custom(func(t *rapid.T) Epoch {
		return Epoch(rapid.Int64Range(1, 1<<63-1).Draw(t, "epoch"))
	})
	lease := LeaseID(rapid.Int64Range(1, 1<<63-1).Draw(t, "lease"))
	ttl := time.Duration(rapid.Int64Range(1, maxSeconds*int64(time.Second)).Draw(t, "ttl"))
	since := rapid.Int64Range(0, 253402300799).Draw(t, "since")
	flag := rapid.Bool()
	serial := rapid.Int64Min(0)
	node := name.Draw(t, "node")
	switch kind := rapid.SampledFrom([]Kind{
		KindNode, KindMaster, KindEpoch, KindConfig, KindControl, KindInitialized, KindNodeInfo,
		KindFrontend, KindHistory,
	}).Draw(t, "kind"); kind {
	case KindNode:
		state := rapid.StringOfN(rapid.Rune().Filter(func(r rune) bool {
			return !unprintable(r)
		}), 1, 200, MaxState)
		return NodeKey(node), Record{State: state.Draw(t, "state")}
	case KindMaster:
		return Master, Record{
			Node: node, Incarnation: lease, Epoch: epoch.Draw(t, "epoch"),
			Address: word.Draw(t, "address"), TTL: ttl,
		}
	case KindEpoch:
		list, err := json.Marshal(rapid.SliceOfN(word, 1, 3).Draw(t, "unfenced"))
		if err != nil {
			t.Fatal(err)
		}
		return EpochKey, Record{
			Epoch: epoch.Draw(t, "epoch"), Node: node, Incarnation: lease,
			Address: word.Draw(t, "address"), Place: drawPlace(t), TTL: ttl,
			Released: flag.Draw(t, "released"), By: word.Draw(t, "by"), How: Means(word.Draw(t, "how")),
			Unfenced: string(list), Since: since,
		}
	case KindConfig:
		r := Record{
			Members: drawNames(t, "members"), Serial: serial.Draw(t, "version"),
			Armed: flag.Draw(t, "armed"), Anchor: node,
		}
		r.K = rapid.IntRange(0, r.Members.Len()-1).Draw(t, "k")
		if flag.Draw(t, "pending") {
			r.NextMembers = r.Members
			if r.K < r.Members.Len()-1 {
				r.NextMembers = r.Members.Without(rapid.SampledFrom(r.Members.List()).Draw(t, "leaves"))
			}
			if r.NextMembers != "" {
				r.NextK = rapid.IntRange(r.K, r.NextMembers.Len()-1).Draw(t, "next k")
			}
		}
		return Config, r
	case KindControl:
		return Control, Record{
			Request: rapid.SampledFrom([]string{
				"", RequestPause, RequestSwitchover, RequestPromote, RequestReinit,
			}).Draw(t, "request"),
			Epoch: epoch.Draw(t, "epoch"), Node: "n" + node, Incarnation: lease,
		}
	case KindInitialized:
		return Initialized, Record{
			Node: node, Incarnation: lease, Running: flag.Draw(t, "running"),
			Done: flag.Draw(t, "done"), DataID: word.Draw(t, "data"),
		}
	case KindNodeInfo:
		return NodeInfo(node), Record{
			Address: word.Draw(t, "address"), DataID: word.Draw(t, "data"),
			Place: drawPlace(t), Position: drawPosition(t),
			Final: flag.Draw(t, "is final"), Serial: serial.Draw(t, "config"),
			FinalFor: epoch.Draw(t, "final"), Version: word.Draw(t, "version"), TTL: ttl,
			Priority: rapid.IntRange(0, 1<<62).Draw(t, "priority"),
			Observer: flag.Draw(t, "observer"), HasFence: flag.Draw(t, "fence"),
		}
	case KindFrontend:
		return FrontendKey(node), Record{
			Version: word.Draw(t, "version"), TTL: ttl,
			Address: word.Draw(t, "address"),
		}
	default:
		e := epoch.Draw(t, "epoch")
		return HistoryKey(e), Record{
			Epoch: e, Node: node, Incarnation: lease, Since: since,
			Ended: word.Draw(t, "ended"), By: word.Draw(t, "by"), How: Means(word.Draw(t, "how")),
		}
	}
}

func drawPlace(t *rapid.T) Place {
	word := rapid.StringN(0, 40, -1)
	return Place{word.Draw(t, "container"), word.Draw(t, "boot"), word.Draw(t, "pid namespace")}
}

func drawNames(t *rapid.T, label string) Names {
	list := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,3}`), 1, 5, rapid.ID[string]).Draw(t, label)
	names, err := NewNames(list)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func drawPosition(t *rapid.T) Position {
	p, err := NewPosition(rapid.SliceOfN(rapid.Int64Min(0), 0, MaxPosition).Draw(t, "position"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
