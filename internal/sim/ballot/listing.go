package ballot

import (
	"fmt"
	"strconv"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// Revisions in a listing. The rule asks only whether a final is newer than what
// was there when etcd was replaced, which it never is here.
const (
	writtenAt kv.Revision = 1
	listedAt  kv.Revision = 2
	serial                = 1 // of the only list that there has ever been: see doc.go
)

func nodeName(i int) string { return "n" + strconv.Itoa(i+1) }

// names are the sets of nodes by mask.
func allNames() (names [1 << maxNodes]kv.Names, err error) {
	for mask := range names {
		var list []string
		for i := range maxNodes {
			if mask&(1<<i) != 0 {
				list = append(list, nodeName(i))
			}
		}
		if names[mask], err = kv.NewNames(list); err != nil {
			return names, fmt.Errorf("names of the model: %w", err)
		}
	}
	return names, nil
}

// list is what etcd holds, as a node would list it, in the order of kv.Key.Compare.
func (x *model) list(s *state, control *kv.Record) []kv.Item {
	x.items = x.items[:0]
	for i := range x.scope.Nodes {
		n := &s.nodes[i]
		var text fsm.State
		switch n.phase {
		case standby:
			text = fsm.StateReady
		case joining:
			text = fsm.StatePreStart
		case gone:
			continue
		case claimant, master:
			if i != s.holder() {
				continue // its lease ended with _master
			}
			text = fsm.StateReady
		}
		x.put(kv.NodeKey(x.names1[i]), kv.LeaseID(i+1)).State = string(text)
	}
	if h := s.holder(); h >= 0 {
		r := x.put(kv.Master, kv.LeaseID(h+1))
		r.Node, r.Incarnation, r.Epoch = x.names1[h], kv.LeaseID(h+1), number(s.top)
	}
	e := x.put(kv.EpochKey, 0)
	e.Epoch, e.Node = number(s.top), x.name(s.last)
	x.putConfig(s)
	if control != nil {
		*x.put(kv.Control, 0) = *control
	}
	for i := range x.scope.Nodes {
		n := &s.nodes[i]
		if n.phase == gone || n.runs() && i != s.holder() {
			continue
		}
		r := x.put(kv.NodeInfo(x.names1[i]), kv.LeaseID(i+1))
		r.Serial = serial
		if n.finFor != 0 {
			r.Final, r.FinalFor, r.Position = true, number(n.finFor-1), x.position(s, n.fin)
		}
	}
	return x.items
}

func (x *model) putConfig(s *state) {
	c := &s.config
	r := x.put(kv.Config, 0)
	r.Members, r.K, r.Armed, r.Serial = x.names[c.members], int(c.k), c.armed, serial
	if c.next != 0 {
		r.NextMembers, r.NextK = x.names[c.next], int(c.nextK)
	}
	r.Anchor = x.name(c.anchor)
}

// name is the node that a mask of one names; empty for none.
func (x *model) name(mask uint8) string {
	for i := range maxNodes {
		if mask == bit(i) {
			return x.names1[i]
		}
	}
	return ""
}

func (x *model) put(k kv.Key, lease kv.LeaseID) *kv.Record {
	x.items = append(x.items, kv.Item{Key: k, Present: true, Create: writtenAt, Mod: writtenAt, Lease: lease})
	return &x.items[len(x.items)-1].Record
}

// number is the epoch of a reign; 1 is that of whoever made the data.
func number(r uint8) kv.Epoch { return kv.Epoch(r) + 1 }

// position is what the position hook of a node with this log prints: the epoch of
// the last record, and how far the log reaches in bytes.
func (x *model) position(s *state, l log) kv.Position {
	p := kv.Position{Len: 2}
	p.At[0], p.At[1] = int64(number(s.written(l))), int64(x.size(s, l))
	if x.on(Timeline) {
		p.At[0] = int64(s.timeline(l))
	}
	return p
}

// mayClaim is the rule by which a node claims that is no longer waiting: it has
// published its final, and nobody and nothing speaks against it (SPEC E7).
func (x *model) mayClaim(s *state, i int, control *kv.Record) bool {
	items := x.list(s, control)
	x.asked++
	self := x.names1[i]
	x.facts = fsm.Digest(self, listedAt, 0, items)
	f := &x.facts
	return f.MemberObstacle(self, serial) == "" && f.Votes.Own && f.Votes.TooFew(f.Quorum(self, 1)) == ""
}

// promote is an operator's acceptance of whatever is lost when the node claims.
func (x *model) promote(s *state, i int) *kv.Record {
	x.control = kv.Record{Request: kv.RequestPromote, Epoch: number(s.top), Node: x.names1[i]}
	return &x.control
}
