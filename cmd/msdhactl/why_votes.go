package main

import (
	"fmt"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// asks are wishes and lists that keep everybody from claiming (SPEC E1, E8, K3).
func (l *listing) asks() []string {
	var why []string
	for _, it := range []*kv.Item{l.config, l.control} {
		if it != nil && it.Record.Bad != "" {
			why = append(why, l.unreadable(it))
		}
	}
	if l.asked() == kv.RequestPause {
		why = append(why, "the group is paused; msdhactl resume ends that")
	}
	return why
}

// unreadable names the cure of a key that does not parse.
func (l *listing) unreadable(it *kv.Item) string {
	cure := l.del(it.Key)
	if it.Key == kv.Config {
		cure = "msdhactl members confirm NAME... --k K"
	}
	return fmt.Sprintf("%s; it blocks every claim until it is repaired or removed: %s", it.Record.Bad, cure)
}

// eligible keeps those whom neither the member list nor the operator nor an
// earlier reign keeps from claiming (SPEC E1, E9, K4, P2).
func (l *listing) eligible(ready []*node) (may []*node, why []string) {
	for _, n := range ready {
		if obstacle := l.obstacle(n); obstacle != "" {
			why = append(why, n.name+" may not claim: "+obstacle)
			continue
		}
		may = append(may, n)
	}
	if len(may) == 0 {
		return nil, append(why, l.absent()...)
	}
	return may, nil
}

// obstacle is what the machine of the node has against a claim, apart from finals
// and time.
func (l *listing) obstacle(n *node) string {
	f := l.facts(n.name)
	serial := n.info.Record.Serial
	obstacle := f.MemberObstacle(n.name, serial)
	switch {
	case obstacle == "":
		return l.debtObstacle(n)
	case l.listed() && l.config.Record.Serial < serial || l.config == nil && serial > 0:
		return fmt.Sprintf("%s: it remembers version %d", obstacle, serial)
	case l.listed() && l.member(n) && l.first() != "":
		return obstacle + ": " + l.first()
	}
	return obstacle
}

// debtObstacle is the machine's, and which reign it is about.
func (l *listing) debtObstacle(n *node) string {
	f := l.facts(n.name)
	obstacle := f.DebtObstacle(n.name, n.info.Record.HasFence)
	if obstacle == "" {
		return ""
	}
	for _, d := range f.Debts() {
		if d.Node == n.name || !n.info.Record.HasFence {
			return fmt.Sprintf("%s: epoch %d of %s, incarnation %s", obstacle, d.Epoch, d.Node, d.Incarnation)
		}
	}
	return obstacle
}

// voting keeps those against whom the finals do not speak, or not yet (SPEC E7).
func (l *listing) voting(names []string) (may []string, why []string) {
	for _, name := range names {
		if text := l.tooFew(name); text != "" {
			why = append(why, name+" may not claim: "+text)
		} else {
			may = append(may, name)
		}
	}
	if len(may) > 0 {
		return may, nil
	}
	return nil, append(why, l.absent()...)
}

// tooFew is what the finals say against a claim by the node; empty where nothing
// yet.
func (l *listing) tooFew(name string) string {
	f := l.facts(name)
	v, q := &f.Votes, f.Quorum(name, 1)
	if !v.Own {
		possible := v.Cast + v.Awaited + 1 // its own
		if !l.listed() || possible >= q {
			return ""
		}
		return fmt.Sprintf("%s must not be higher than its own, and at most %s can be there",
			count(q, "final"), plural(possible, "final"))
	}
	text := v.TooFew(q)
	if text == "" {
		return ""
	}
	text = fmt.Sprintf("%s: %d of %d %s not higher, and %s", text, v.NotHigher, v.Cast, areOf(v.NotHigher),
		needed(q))
	if higher := l.higher(name); len(higher) > 0 {
		text += "; higher: " + several(higher)
	}
	return text
}

func areOf(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

func needed(n int) string {
	if n == 1 {
		return "1 is needed"
	}
	return fmt.Sprintf("%d are needed", n)
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// count is plural with its own included.
func count(n int, word string) string { return plural(n, word) + ", its own included," }

// final reports whether the node has published how far its data reaches in this
// vacancy.
func (l *listing) final(n *node) bool {
	f := l.facts(n.name)
	return n.alive() && f.Votes.Own
}

// higher are the members whose finals are higher than the node's.
func (l *listing) higher(name string) []string {
	var found []string
	own := l.node(name).info.Record.Position
	for i := range l.nodes {
		n := &l.nodes[i]
		if p := n.info.Record.Position; l.final(n) && p.Compare(own) > 0 {
			found = append(found, fmt.Sprintf("%s (%s against %s)", n.name, p, own))
		}
	}
	return found
}

// absent are the members of the list that could neither claim nor vote now.
func (l *listing) absent() []string {
	if !l.listed() {
		return nil
	}
	var why []string
	for _, name := range l.config.Record.Members.List() {
		n := l.node(name)
		switch {
		case !n.alive():
			why = append(why, name+" is not registered")
		case n.state() != fsm.StateReady:
			text := fmt.Sprintf("%s is not ready: its state is %s", name, n.stateSince())
			if l.final(n) {
				text += ", and its final counts"
			}
			why = append(why, text)
		}
	}
	return why
}

// node is what is known of the node, which may be nothing.
func (l *listing) node(name string) *node {
	for i := range l.nodes {
		if l.nodes[i].name == name {
			return &l.nodes[i]
		}
	}
	return &node{name: name}
}

// ballot words what follows the wait where finals decide.
func (l *listing) ballot(names []string) string {
	for _, name := range names {
		if q := l.quorum(name); q > 1 {
			return fmt.Sprintf("; then each says how far its data reaches, and %s must not be higher than the "+
				"claimant's", plural(q, "final"))
		}
	}
	return ""
}

// at words a position.
func at(p kv.Position) string {
	if p.Len == 0 {
		return "no position (it has no position hook)"
	}
	return "position " + p.String()
}

// listProblems are faults of the member list that do not stop a reign; without one
// they are among the reasons.
func (l *listing) listProblems() []string {
	if !l.reigned() {
		return nil
	}
	var found []string
	version, node := l.remembered()
	switch {
	case l.config == nil && version > 0:
		found = append(found, fmt.Sprintf("there is no member list, but %s remembers one, version %d, and does not "+
			"claim without it; msdhactl members confirm NAME...", node, version))
	case l.listed() && version > l.config.Record.Serial:
		found = append(found, fmt.Sprintf("%s remembers a newer member list, version %d, and does not claim with this "+
			"one, version %d; msdhactl members confirm", node, version, l.config.Record.Serial))
	}
	if l.listed() && !l.config.Record.Members.Has(l.master.Record.Node) {
		found = append(found, fmt.Sprintf("%s reigns, and is no member: one copy of each write less than the list "+
			"promises; msdhactl members add %s", l.master.Record.Node, l.master.Record.Node))
	}
	return found
}
