package main

import (
	"fmt"
	"slices"
	"strings"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

type membersStatus struct {
	Members []string `json:"members"` // elections go by these
	K       int      `json:"k"`
	Quorum  int      `json:"quorum,omitempty"` // Q; 0 where the nodes' own setting decides
	Version int64    `json:"version"`
	Armed   bool     `json:"armed"`
	// OnlyMayClaim is the one who may claim until the list is armed.
	OnlyMayClaim string `json:"only_may_claim,omitempty"`
	// NextMembers and NextK are what the database is to have first.
	NextMembers []string `json:"next_members,omitempty"`
	NextK       int      `json:"next_k,omitempty"`
	WaitsFor    string   `json:"waits_for,omitempty"` // for what that has to wait
	// Strangers are registered, and not members.
	Strangers []string `json:"strangers"`
}

type requestStatus struct {
	Request     string `json:"request"`
	Epoch       int64  `json:"epoch,omitempty"`
	Node        string `json:"node,omitempty"`
	Incarnation string `json:"incarnation,omitempty"`
	leaseStatus
}

type debtStatus struct {
	Epoch       int64  `json:"epoch"`
	Node        string `json:"node"`
	Incarnation string `json:"incarnation"`
	Address     string `json:"address,omitempty"`
	Container   string `json:"container,omitempty"`
}

// listed reports whether there is a member list that can be read.
func (l *listing) listed() bool { return l.config != nil && l.config.Record.Bad == "" }

// asked is what an operator asks for; empty where nothing that can be read.
func (l *listing) asked() string {
	if l.control == nil {
		return ""
	}
	return l.control.Record.Request
}

// member and candidate are SPEC E1.
func (l *listing) member(n *node) bool {
	if l.config == nil {
		return n.alive() && !n.info.Record.Observer
	}
	return l.config.Record.Members.Has(n.name)
}

func (l *listing) candidate(n *node) bool { return !n.info.Record.Observer && l.member(n) }

// facts are what the node's machine makes of the group.
func (l *listing) facts(node string) fsm.Facts { return fsm.Digest(node, l.rev, 0, l.items) }

// quorum is Q for the node. Without a list MSDHA_PROMOTE_QUORUM decides, which no
// key tells: 1 unless it is set.
func (l *listing) quorum(node string) int {
	f := l.facts(node)
	return f.Quorum(node, 1)
}

// followers is how many other members must be ready for a master to end its reign
// in favour of one of them (SPEC E6, N4).
func (l *listing) followers() int {
	if l.listed() && l.config.Record.K > 0 {
		return l.config.Record.Members.Len() - l.config.Record.K
	}
	return 1
}

// first is the one node that may claim until the list is armed; empty where
// everybody may.
func (l *listing) first() string {
	f := l.facts("")
	return f.OnlyMayClaim()
}

func (l *listing) strangers() []string {
	names := []string{}
	for i := range l.nodes {
		if n := &l.nodes[i]; n.alive() && !l.member(n) {
			names = append(names, n.name)
		}
	}
	return names
}

func (l *listing) membersStatus() *membersStatus {
	if !l.listed() {
		return nil
	}
	r := &l.config.Record
	s := &membersStatus{
		Members: r.Members.List(), K: r.K, Version: r.Serial, Armed: r.Armed, OnlyMayClaim: l.first(),
		NextMembers: r.NextMembers.List(), NextK: r.NextK, Strangers: l.strangers(),
	}
	if r.K > 0 {
		s.Quorum = r.Members.Len() - r.K
	}
	if r.NextMembers != "" {
		s.WaitsFor = l.waitsFor()
	}
	return s
}

func (l *listing) requestStatus() *requestStatus {
	if l.asked() == "" {
		return nil
	}
	r := &l.control.Record
	s := &requestStatus{
		Request: r.Request, Epoch: int64(r.Epoch), Node: r.Node, leaseStatus: l.lease(l.control.Lease),
	}
	if r.Incarnation != 0 {
		s.Incarnation = r.Incarnation.String()
	}
	return s
}

// debtStatus are the reigns that must be fenced before anybody is promoted, and
// nothing where nobody could (SPEC E9).
func (l *listing) debtStatus() []debtStatus {
	list := []debtStatus{}
	for _, d := range l.debts() {
		list = append(list, debtStatus{int64(d.Epoch), d.Node, d.Incarnation.String(), d.Address, d.Container})
	}
	return list
}

func (l *listing) debts() []kv.Debt {
	f := l.facts("")
	return f.Debts()
}

// text is the list in one sentence.
func (m *membersStatus) text() string {
	parts := []string{strings.Join(m.Members, ", "), fmt.Sprintf("k %d", m.K)}
	switch {
	case m.K == 0:
		parts = append(parts, "asynchronous: what is acknowledged may be lost")
	default:
		parts = append(parts, fmt.Sprintf("Q %d", m.Quorum))
		if m.Armed {
			parts = append(parts, "armed")
		}
	}
	parts = append(parts, fmt.Sprintf("version %d", m.Version))
	text := strings.Join(parts, "; ")
	if m.OnlyMayClaim != "" {
		text += fmt.Sprintf("; not armed: until %s once had all data, only %s may claim",
			others(m.K), m.OnlyMayClaim)
	} else if m.K > 0 && !m.Armed {
		text += "; not armed yet"
	}
	return text
}

// others words how many nodes that are not the master.
func others(k int) string {
	if k == 1 {
		return "1 other has"
	}
	return fmt.Sprintf("%d others have", k)
}

// pending words the change that is under way; empty where none is.
func (m *membersStatus) pending() string {
	if len(m.NextMembers) == 0 {
		return ""
	}
	var parts []string
	for _, n := range m.Members {
		if !slices.Contains(m.NextMembers, n) {
			parts = append(parts, n+" leaves")
		}
	}
	for _, n := range m.NextMembers {
		if !slices.Contains(m.Members, n) {
			parts = append(parts, n+" joins")
		}
	}
	if m.NextK != m.K {
		parts = append(parts, fmt.Sprintf("k becomes %d", m.NextK))
	}
	if len(parts) == 0 {
		parts = append(parts, "the same list")
	}
	return strings.Join(parts, ", ")
}

func (r *requestStatus) text() string {
	switch r.Request {
	case kv.RequestPause:
		return "paused: nobody is promoted, and no master ends by its TTL; msdhactl resume ends that"
	case kv.RequestSwitchover:
		to := r.Node
		if to == "" {
			to = "anybody"
		}
		return fmt.Sprintf("switchover from epoch %d to %s, %s", r.Epoch, to, r.deadline())
	case kv.RequestPromote:
		return fmt.Sprintf("%s may claim after epoch %d whatever is lost, %s", r.Node, r.Epoch, r.deadline())
	}
	return fmt.Sprintf("%s is to clone its data anew (incarnation %s), %s", r.Node, r.Incarnation, r.deadline())
}

func (r *requestStatus) deadline() string {
	if r.Lease == "" {
		return "without a deadline, which no command of msdhactl writes"
	}
	return "its deadline is lease " + r.Lease + ", left " + r.left()
}

func (d *debtStatus) text() string {
	text := fmt.Sprintf("epoch %d of %s has to be fenced (incarnation %s", d.Epoch, d.Node, d.Incarnation)
	if d.Address != "" {
		text += ", address " + d.Address
	}
	return text + ")"
}
