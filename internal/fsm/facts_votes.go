package fsm

import (
	"cmp"
	"strings"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// ConfigFact is _config: the member list.
type ConfigFact struct {
	Present bool
	Bad     bool
	Mod     kv.Revision
	Serial  int64
	Count   int // members
	K       int
	Member  bool // this node is one
	Armed   bool
	Anchor  string
	Pending bool // the database is to have another list than elections go by
	// Target and TargetK are what the database is to have (SPEC P3).
	Target  kv.Names
	TargetK int
}

// ControlFact is _control: what an operator asks for.
type ControlFact struct {
	Bad         bool
	Mod         kv.Revision
	Request     string
	Epoch       kv.Epoch
	Node        string
	Incarnation kv.LeaseID
	// Ready: who is to succeed, or anybody else where nobody is named, could.
	Ready bool
}

// VoteFact is what the finals for the present _epoch come to (SPEC E7), from
// this node's point of view.
type VoteFact struct {
	Own       bool // this node has published its own
	Cast      int  // finals of members
	NotHigher int  // … that are not higher than our own, which is one of them
	Awaited   int  // other ready members without a final
	Outranked bool // another candidate that is ready comes before us
}

func configFact(it *kv.Item, self string) ConfigFact {
	r := &it.Record
	f := ConfigFact{
		Present: it.Present, Bad: r.Bad != "", Mod: it.Mod, Serial: r.Serial, Count: r.Members.Len(), K: r.K,
		Member: r.Members.Has(self), Armed: r.Armed, Anchor: r.Anchor,
		Pending: r.NextMembers != "", Target: r.Members, TargetK: r.K,
	}
	if f.Pending {
		f.Target, f.TargetK = r.NextMembers, r.NextK
	}
	return f
}

func controlFact(it *kv.Item) ControlFact {
	r := &it.Record
	return ControlFact{
		Bad: r.Bad != "", Mod: it.Mod, Request: r.Request, Epoch: r.Epoch, Node: r.Node, Incarnation: r.Incarnation,
	}
}

// member reports whether a node's finals count: it is in the list, or, without
// one, a registered candidate (SPEC E1).
func (f *Facts) member(info *kv.Item, items []kv.Item) bool {
	if !f.Config.Present {
		return !info.Record.Observer
	}
	c := find(items, kv.Config)
	return c != nil && c.Record.Members.Has(info.Key.Name)
}

// countVotes counts the finals for the present _epoch. Where that is absent there
// is no number to tell an older vacancy's by: those older than any reign that is
// remembered do not count either.
func (f *Facts) countVotes(self string, floor kv.Revision, items []kv.Item) {
	if f.Master.Present {
		return
	}
	if !f.Epoch.Present {
		for i := range items {
			if items[i].Key.Kind == kv.KindHistory {
				floor = max(floor, items[i].Mod)
			}
		}
	}
	final := func(it *kv.Item) bool {
		r := &it.Record
		return r.Final && (r.FinalFor == f.Epoch.Epoch || mutant.On(mutant.OldVacancy)) && it.Mod > floor
	}
	own := find(items, kv.NodeInfo(self))
	f.Votes.Own = own != nil && final(own) && (f.member(own, items) || mutant.On(mutant.StrangerClaims))
	for i := range items {
		it := &items[i]
		if it.Key.Kind != kv.KindNodeInfo || it.Record.Bad != "" || !f.member(it, items) {
			continue
		}
		node := find(items, kv.NodeKey(it.Key.Name))
		if node == nil || node.Lease != it.Lease {
			continue // not registered
		}
		ready := State(node.Record.State) == StateReady
		switch {
		case !final(it):
			if ready && it.Key.Name != self {
				f.Votes.Awaited++
			}
			continue
		case own == nil:
			continue
		}
		f.Votes.Cast++
		if it.Record.Position.Compare(own.Record.Position) <= 0 {
			f.Votes.NotHigher++
		}
		if ready && !it.Record.Observer && f.outranks(it, own) {
			f.Votes.Outranked = true
		}
	}
}

// outranks is the order in which those who may claim do so: position, the named
// successor of a switchover, who did not reign last, priority, name (SPEC E6, E7). Who
// reigned last did not keep it up: a node whose master hook fails each time would
// else claim again and again before anybody else gets a turn.
func (f *Facts) outranks(it, own *kv.Item) bool {
	a, b := &it.Record, &own.Record
	return cmp.Or(
		a.Position.Compare(b.Position),
		cmp.Compare(f.named(it), f.named(own)),
		cmp.Compare(f.tried(own), f.tried(it)),
		cmp.Compare(a.Priority, b.Priority),
		strings.Compare(own.Key.Name, it.Key.Name),
	) > 0
}

// tried is 1 for who reigned last.
func (f *Facts) tried(info *kv.Item) int {
	if info.Key.Name == f.Epoch.Node {
		return 1
	}
	return 0
}

// named is 1 for whom an operator wants to reign after this epoch.
func (f *Facts) named(info *kv.Item) int {
	c := &f.Control
	if c.Request == kv.RequestSwitchover && c.Epoch == f.Epoch.Epoch && c.Node == info.Key.Name &&
		!mutant.On(mutant.SuccessorUnnamed) {
		return 1
	}
	return 0
}
