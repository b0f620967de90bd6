package main

import (
	"cmp"
	"slices"
	"time"

	"msdha/internal/fsm/kv"
)

// groupStatus is what `status --json` prints. Fields are only ever added.
type groupStatus struct {
	Group    string `json:"group"`
	Prefix   string `json:"prefix"`
	Revision int64  `json:"revision"`
	// Master is null while nobody holds the lock; Why says why nobody does.
	Master    *masterStatus    `json:"master"`
	Why       []string         `json:"why_nobody_is_promoted"`
	Epoch     *epochStatus     `json:"epoch"` // of the present or last reign
	Nodes     []nodeStatus     `json:"nodes"`
	Frontends []frontendStatus `json:"frontends"`
	History   []reignStatus    `json:"history"` // newest first
	// Problems are keys that do not parse or that nobody will ever clear.
	Problems []string `json:"problems"`
	// Members is null without a member list, Request without a wish of an operator.
	Members  *membersStatus `json:"members"`
	Request  *requestStatus `json:"request"`
	Unfenced []debtStatus   `json:"unfenced"` // reigns that a fence hook has to end
	epochBad bool
}

type masterStatus struct {
	Node       string `json:"node"`
	Address    string `json:"address"`
	Epoch      int64  `json:"epoch"`
	TTLSeconds int    `json:"ttl_seconds"`
	Since      string `json:"since,omitempty"`
	State      string `json:"state"`     // of its node key
	Published  bool   `json:"published"` // frontends may route to it
	leaseStatus
}

type epochStatus struct {
	Epoch    int64  `json:"epoch"`
	Node     string `json:"node"`
	Since    string `json:"since,omitempty"`
	Released bool   `json:"released"`
	By       string `json:"by,omitempty"`
	How      string `json:"how,omitempty"` // guard, restart, witness or fence, where By attested its death
}

type nodeStatus struct {
	Node      string `json:"node"`
	State     string `json:"state"` // empty: described, but not registered
	Since     string `json:"since,omitempty"`
	Candidate bool   `json:"candidate"`
	Address   string `json:"address"`
	Data      string `json:"data,omitempty"`
	Version   string `json:"version,omitempty"`
	Container string `json:"container,omitempty"`
	Member    bool   `json:"member"` // its final counts
	Priority  int    `json:"priority,omitempty"`
	HasFence  bool   `json:"has_fence,omitempty"`
	// MembersVersion is that of the newest member list that it remembers.
	MembersVersion int64 `json:"members_version,omitempty"`
	// FinalFor is the epoch of the vacancy for which it published Position.
	FinalFor *int64  `json:"final_for,omitempty"`
	Position []int64 `json:"position,omitempty"`
	leaseStatus
}

type frontendStatus struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	Version string `json:"version,omitempty"`
	leaseStatus
}

type reignStatus struct {
	Epoch int64  `json:"epoch"`
	Node  string `json:"node"`
	Since string `json:"since,omitempty"`
	Ended string `json:"ended"`
	By    string `json:"by,omitempty"`  // who attested its death, where it did not release by itself
	How   string `json:"how,omitempty"` // guard, restart, witness or fence
}

// leaseStatus is a lease and the authority that can be left with it: at most
// LeftSeconds and a fraction, in seconds; null where etcd did not tell.
type leaseStatus struct {
	Lease          string `json:"lease"` // empty: on no lease
	LeftSeconds    *int   `json:"left_seconds"`
	GrantedSeconds *int   `json:"granted_seconds"`
	gone           bool
}

// listing is a group at one revision, sorted by what its keys are for.
type listing struct {
	prefix    string
	rev       kv.Revision
	items     []kv.Item // by kv.Key.Compare
	master    *kv.Item
	epoch     *kv.Item
	init      *kv.Item
	config    *kv.Item
	control   *kv.Item
	nodes     []node // by name
	frontends []kv.Item
	history   []kv.Item // newest first
	claimants []kv.Item // say master, and are not the master's key
	bad       []kv.Item
	maxTTL    time.Duration // as the nodes compute it (SPEC E2)
	lives     map[kv.LeaseID]lifetime
}

// node is a node's key with its description; either may be absent.
type node struct {
	name string
	key  kv.Item
	info kv.Item
}

// alive: what an agent writes is on a lease; a key without one was made by hand.
func (n *node) alive() bool { return n.key.Present && n.key.Lease != 0 }

// orphan: a key on no lease, which never ends by itself.
func (n *node) orphan() bool { return n.key.Present && n.key.Lease == 0 }

func sortListing(prefix string, items []kv.Item) *listing {
	slices.SortFunc(items, func(a, b kv.Item) int { return a.Key.Compare(b.Key) })
	l := &listing{prefix: prefix, items: items}
	nodes := map[string]*node{}
	at := func(name string) *node {
		if nodes[name] == nil {
			nodes[name] = &node{name: name}
		}
		return nodes[name]
	}
	for i := range items {
		it := &items[i]
		if it.Record.Bad != "" {
			l.bad = append(l.bad, *it)
		} else if it.Key.Kind != kv.KindFrontend {
			l.maxTTL = max(l.maxTTL, it.Record.TTL)
		}
		switch it.Key.Kind {
		case kv.KindMaster:
			l.master = it
		case kv.KindEpoch:
			l.epoch = it
		case kv.KindInitialized:
			l.init = it
		case kv.KindConfig:
			l.config = it
		case kv.KindControl:
			l.control = it
		case kv.KindNode:
			at(it.Key.Name).key = *it
		case kv.KindNodeInfo:
			at(it.Key.Name).info = *it
		case kv.KindFrontend:
			l.frontends = append(l.frontends, *it)
		case kv.KindHistory:
			if it.Record.Bad == "" {
				l.history = append(l.history, *it)
			}
		}
	}
	for _, n := range nodes {
		l.nodes = append(l.nodes, *n)
	}
	slices.SortFunc(l.nodes, func(a, b node) int { return kv.NodeKey(a.name).Compare(kv.NodeKey(b.name)) })
	slices.SortFunc(l.history, func(a, b kv.Item) int { return cmp.Compare(b.Record.Epoch, a.Record.Epoch) })
	for i := range items {
		if it := &items[i]; l.claims(it) {
			l.claimants = append(l.claimants, *it)
		}
	}
	return l
}

// claims reports whether the key says master without being the key of the node
// that _master names: such a key blocks every claim (SPEC K3).
func (l *listing) claims(it *kv.Item) bool {
	if it.Key.Kind != kv.KindNode && it.Key.Kind != kv.KindForeign || it.Record.State != kv.StateMaster {
		return false
	}
	return !l.reigned() || it.Key != kv.NodeKey(l.master.Record.Node) || it.Lease != l.master.Lease
}

// reigned reports whether somebody holds the lock, as far as it can be read.
func (l *listing) reigned() bool { return l.master != nil && l.master.Record.Bad == "" }

// leases are those of nodes, frontends and _master, each once.
func (l *listing) leases() []kv.LeaseID {
	var ids []kv.LeaseID
	add := func(it *kv.Item) {
		if it.Lease != 0 && !slices.Contains(ids, it.Lease) {
			ids = append(ids, it.Lease)
		}
	}
	for i := range l.nodes {
		add(&l.nodes[i].key)
		add(&l.nodes[i].info)
	}
	for i := range l.frontends {
		add(&l.frontends[i])
	}
	for i := range l.claimants {
		add(&l.claimants[i])
	}
	for _, it := range []*kv.Item{l.master, l.init, l.control} {
		if it != nil {
			add(it)
		}
	}
	return ids
}

func (l *listing) path(k kv.Key) string { return l.prefix + k.Path() }

func (l *listing) status(group string) *groupStatus {
	s := &groupStatus{
		Group: group, Prefix: l.prefix, Revision: int64(l.rev), Why: l.whyNobody(),
		Nodes: []nodeStatus{}, Frontends: []frontendStatus{}, History: []reignStatus{},
		Problems: l.problems(),
		Members:  l.membersStatus(), Request: l.requestStatus(), Unfenced: l.debtStatus(),
	}
	if l.reigned() {
		s.Master = l.masterStatus()
	}
	s.epochBad = l.epoch != nil && l.epoch.Record.Bad != ""
	if l.epoch != nil && !s.epochBad {
		r := &l.epoch.Record
		s.Epoch = &epochStatus{int64(r.Epoch), r.Node, date(r.Since), r.Released, r.By, string(r.How)}
	}
	for i := range l.nodes {
		s.Nodes = append(s.Nodes, l.nodeStatus(&l.nodes[i]))
	}
	for i := range l.frontends {
		f := &l.frontends[i]
		s.Frontends = append(s.Frontends, frontendStatus{
			f.Key.Name, f.Record.Address, f.Record.Version, l.lease(f.Lease),
		})
	}
	for i := range l.history {
		r := &l.history[i].Record
		s.History = append(s.History, reignStatus{
			int64(r.Epoch), r.Node, date(r.Since), l.ended(r), r.By, string(r.How),
		})
	}
	return s
}

func (l *listing) nodeStatus(n *node) nodeStatus {
	r := &n.info.Record
	held := n.key.Lease
	if !n.key.Present {
		held = n.info.Lease
	}
	s := nodeStatus{
		Node: n.name, State: n.key.Record.State, Since: n.since(), Candidate: n.alive() && l.candidate(n),
		Address: r.Address, Data: r.DataID, Version: r.Version, Container: r.Container,
		Member: l.member(n), Priority: r.Priority, HasFence: r.HasFence, MembersVersion: r.Serial,
		leaseStatus: l.lease(held),
	}
	if r.Final {
		s.FinalFor, s.Position = new(int64), append([]int64{}, r.Position.At[:r.Position.Len]...)
		*s.FinalFor = int64(r.FinalFor)
	}
	return s
}

func (l *listing) masterStatus() *masterStatus {
	m := &l.master.Record
	s := &masterStatus{
		Node: m.Node, Address: m.Address, Epoch: int64(m.Epoch), TTLSeconds: int(m.TTL / time.Second),
		leaseStatus: l.lease(l.master.Lease),
	}
	if l.epoch != nil && l.epoch.Record.Epoch == m.Epoch {
		s.Since = date(l.epoch.Record.Since)
	}
	for i := range l.nodes {
		if k := &l.nodes[i].key; k.Key == kv.NodeKey(m.Node) {
			s.State = k.Record.State
			s.Published = k.Lease == l.master.Lease && s.State == kv.StateMaster
		}
	}
	return s
}

// ended is why a reign was over, as far as anybody wrote it down.
func (l *listing) ended(r *kv.Record) string {
	switch {
	case r.Ended != "":
		return r.Ended
	case l.reigned() && l.master.Record.Epoch == r.Epoch:
		return "reigns"
	}
	return "not released: its lease ended, or somebody deleted its keys"
}

func (l *listing) lease(id kv.LeaseID) leaseStatus {
	if id == 0 {
		return leaseStatus{}
	}
	s := leaseStatus{Lease: id.String()}
	life, known := l.lives[id]
	switch {
	case known && life.gone:
		s.gone, s.LeftSeconds = true, new(int)
	case known:
		left, granted := int(life.Left/time.Second), int(life.Granted/time.Second)
		s.LeftSeconds, s.GrantedSeconds = &left, &granted
	}
	return s
}

func date(unix int64) string {
	if unix == 0 {
		return ""
	}
	return time.Unix(unix, 0).UTC().Format(time.RFC3339)
}
