package fsm

import (
	"slices"
	"strconv"
	"time"

	"msdha/internal/fsm/kv"
)

// Facts is what a machine needs to know of its group as of one revision: a
// fixed-size digest of the listing, so that groups of any size cost a machine
// nothing. A View computes it.
type Facts struct {
	Rev    kv.Revision
	Master MasterFact
	Epoch  EpochFact
	Init   InitFact
	Self   SelfFact

	// RouteState and RouteLease are the key of the node that _master names.
	RouteState State
	RouteLease kv.LeaseID

	// Config and Control are compared by a claim (SPEC E3).
	Config  ConfigFact
	Control ControlFact
	Votes   VoteFact

	// Claimant is a key whose value says master while it is not the node that
	// _master names: the shell original, or a hand-made key (SPEC K3).
	Claimant      string
	ClaimantLease kv.LeaseID
	// Rival: one such key is not the last reign's own either, whose lease is about
	// to end as _master's has. Somebody reigns by other rules.
	Rival bool

	MaxTTL        time.Duration // largest TTL of any node or reign (SPEC E2)
	Registered    int           // nodes with a key
	ReadyMembers  int           // other members that are ready (SPEC E1)
	ReadyOthers   int           // … that are candidates, too
	KnownSerial   int64         // highest version of a member list that a registered node knows
	Ranked        bool          // some node has a priority
	Fences        bool          // some registered node has a fence hook (SPEC E9)
	DataID        string        // smallest data id of any registered node
	DataConflict  bool          // two registered nodes have different data
	HistoryCount  int
	HistoryOldest kv.Epoch
}

// MasterFact is _master.
type MasterFact struct {
	Present     bool
	Bad         bool // it does not parse: it blocks claims and routes nobody
	Create      kv.Revision
	Lease       kv.LeaseID
	Incarnation kv.LeaseID
	Node        string
	Address     string
	Epoch       kv.Epoch
	TTL         time.Duration
}

// EpochFact is _epoch.
type EpochFact struct {
	Present     bool
	Bad         bool
	Mod         kv.Revision
	Epoch       kv.Epoch
	Node        string
	Incarnation kv.LeaseID
	Address     string
	Place       kv.Place
	Released    bool
	How         kv.Means
	Unfenced    string
}

// InitFact is _initialized (SPEC P2).
type InitFact struct {
	Present bool
	Bad     bool
	Mod     kv.Revision
	Lease   kv.LeaseID
	Node    string
	Done    bool
	DataID  string
}

// SelfFact is this node's own key.
type SelfFact struct {
	Present bool
	Create  kv.Revision
	Lease   kv.LeaseID
	State   State
}

func masterFact(it *kv.Item) MasterFact {
	r := &it.Record
	return MasterFact{
		Present: it.Present, Bad: r.Bad != "", Create: it.Create, Lease: it.Lease,
		Incarnation: r.Incarnation, Node: r.Node, Address: r.Address, Epoch: r.Epoch, TTL: r.TTL,
	}
}

func epochFact(it *kv.Item) EpochFact {
	r := &it.Record
	_, err := kv.Debts(r.Unfenced)
	return EpochFact{
		Present: it.Present, Bad: r.Bad != "" || err != nil, Mod: it.Mod, Epoch: r.Epoch, Node: r.Node,
		Incarnation: r.Incarnation, Address: r.Address, Place: r.Place,
		Released: r.Released, How: r.How, Unfenced: r.Unfenced,
	}
}

func initFact(it *kv.Item) InitFact {
	r := &it.Record
	return InitFact{
		Present: it.Present, Bad: r.Bad != "", Mod: it.Mod, Lease: it.Lease, Node: r.Node,
		Done: r.Done, DataID: r.DataID,
	}
}

// digest fills f from a listing sorted by kv.Key.Compare. Finals that were written
// up to floor do not count (SPEC K4).
func digest(f *Facts, self string, rev, floor kv.Revision, items []kv.Item) {
	*f = Facts{Rev: rev}
	for i := range items {
		it := &items[i]
		switch it.Key.Kind {
		case kv.KindMaster:
			f.Master = masterFact(it)
		case kv.KindEpoch:
			f.Epoch = epochFact(it)
		case kv.KindConfig:
			f.Config = configFact(it, self)
		case kv.KindControl:
			f.Control = controlFact(it)
		}
		if it.Record.Bad == "" && it.Key.Kind != kv.KindFrontend {
			f.MaxTTL = max(f.MaxTTL, it.Record.TTL)
		}
	}
	for i := range items {
		f.count(&items[i], self, items)
	}
	f.countVotes(self, floor, items)
	if !f.Master.Present || f.Master.Bad {
		return
	}
	if it := find(items, kv.NodeKey(f.Master.Node)); it != nil {
		f.RouteState, f.RouteLease = State(it.Record.State), it.Lease
	}
}

// count adds one key to the facts; f.Master and f.Epoch are known already.
func (f *Facts) count(it *kv.Item, self string, items []kv.Item) {
	switch it.Key.Kind {
	case kv.KindNode:
		f.countNode(it, self, items)
	case kv.KindForeign:
		f.countClaimant(it)
	case kv.KindInitialized:
		f.Init = initFact(it)
	case kv.KindNodeInfo:
		f.countData(it)
		f.Ranked = f.Ranked || it.Record.Priority != 0
		f.Fences = f.Fences || it.Record.HasFence
		f.KnownSerial = max(f.KnownSerial, it.Record.Serial)
	case kv.KindHistory:
		f.countHistory(it)
	}
}

// countHistory goes by the key's name: what stands there may not parse, and must
// not keep the history from being shortened.
func (f *Facts) countHistory(it *kv.Item) {
	n, err := strconv.ParseInt(it.Key.Name, 10, 64)
	var digits [20]byte // HistoryKey would allocate
	if err != nil || string(strconv.AppendInt(digits[:0], n, 10)) != it.Key.Name {
		return // somebody's own
	}
	f.HistoryCount++
	if e := kv.Epoch(n); f.HistoryCount == 1 || e < f.HistoryOldest {
		f.HistoryOldest = e
	}
}

func (f *Facts) countNode(it *kv.Item, self string, items []kv.Item) {
	f.Registered++
	state := State(it.Record.State)
	switch {
	case it.Key.Name == self:
		f.Self = SelfFact{Present: true, Create: it.Create, Lease: it.Lease, State: state}
	case state == StateReady:
		info := find(items, kv.NodeInfo(it.Key.Name))
		if info == nil || !f.member(info, items) {
			break
		}
		f.ReadyMembers++
		if !info.Record.Observer {
			f.ReadyOthers++
			f.Control.Ready = f.Control.Ready || f.Control.Node == "" || f.Control.Node == it.Key.Name
		}
	}
	f.countClaimant(it)
}

func (f *Facts) countClaimant(it *kv.Item) {
	m := &f.Master
	if it.Record.State != kv.StateMaster ||
		m.Present && !m.Bad && it.Key == kv.NodeKey(m.Node) && it.Lease == m.Lease {
		return
	}
	f.Rival = f.Rival || it.Lease == 0 || it.Lease != f.Epoch.Incarnation
	if f.Claimant == "" {
		f.Claimant, f.ClaimantLease = it.Key.Name, it.Lease
	}
}

func (f *Facts) countData(it *kv.Item) {
	id := it.Record.DataID
	switch {
	case id == "" || it.Record.Bad != "":
	case f.DataID == "":
		f.DataID = id
	case id != f.DataID:
		f.DataConflict = true
		f.DataID = min(f.DataID, id)
	}
}

func find(items []kv.Item, k kv.Key) *kv.Item {
	i, ok := slices.BinarySearchFunc(items, k, func(it kv.Item, k kv.Key) int {
		return it.Key.Compare(k)
	})
	if !ok {
		return nil
	}
	return &items[i]
}
