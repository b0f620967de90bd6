package ballot

import (
	"fmt"
	"strings"
)

var identity = [maxNodes]uint8{0, 1, 2, 3}

// sentences tell an action: %[1]s is the node, %[2]d the epoch of the reign.
var sentences = [numKinds]string{
	appends:   "%[1]s writes an entry for a client, as the master of epoch %[2]d",
	epochs:    "%[1]s writes its epoch %[2]d into its data",
	streams:   "%[1]s, following the master of epoch %[2]d, writes its next record to disk",
	votes:     "%[1]s detaches and publishes its final for the vacancy after epoch %[2]d",
	decides:   "%[1]s finds that it may claim after epoch %[2]d",
	claims:    "%[1]s claims after epoch %[2]d",
	forces:    "%[1]s claims after epoch %[2]d, whatever is lost",
	promotes:  "%[1]s promotes its database for epoch %[2]d",
	vacates:   "the _master of %[1]s, epoch %[2]d, is lost; its database runs on",
	ends:      "%[1]s ends; its disk is kept",
	reboots:   "%[1]s ends, and starts with the data that it has",
	restarts:  "%[1]s starts with the data that it has",
	begins:    "%[1]s starts, and begins to rewind or clone from the master of epoch %[2]d",
	joins:     "%[1]s has cloned the master of epoch %[2]d",
	members:   "%[1]s, master of epoch %[2]d, gives its database the list that _config asks for",
	settles:   "%[1]s, master of epoch %[2]d, settles the list",
	adds:      "an operator adds %[1]s to the members",
	removes:   "an operator begins to remove %[1]s from the members",
	raises:    "an operator begins to raise k",
	lowers:    "an operator lowers k",
	withdraws: "an operator takes the change of the list back",
	gives:     "an operator's tool gives %[1]s to the database, and dies before it writes _config",
	overrides: "%[1]s publishes a position of an older vacancy over its final for epoch %[2]d",
}

// sentence tells an action in the state before it; names are the nodes' own.
func (x *model) sentence(s *state, a action, names [maxNodes]uint8) string {
	r := s.top
	switch n := &s.nodes[a.node]; {
	case a.arg != 0:
		r = a.arg
	case n.runs():
		r = n.reign
	}
	text := fmt.Sprintf(sentences[a.kind], x.names1[names[a.node]], number(r))
	text, _, _ = strings.Cut(text, "%!(EXTRA")
	return text
}

// describe tells a state: each node's log as epoch.records of each reign in it.
func (x *model) describe(s *state, names [maxNodes]uint8) string {
	var b strings.Builder
	c := &s.config
	fmt.Fprintf(&b, "      _epoch %d, _master %v; members %s, k %d, armed %v", number(s.top), s.held,
		x.set(c.members, names), c.k, c.armed)
	if c.next != 0 {
		fmt.Fprintf(&b, "; next %s, k %d", x.set(c.next, names), c.nextK)
	}
	b.WriteString("\n")
	var lines [maxNodes]string
	for i := range x.scope.Nodes {
		n := &s.nodes[i]
		line := fmt.Sprintf("      %s: %s, log %s", x.names1[names[i]], phaseNames[n.phase], s.text(n.log))
		switch {
		case n.runs():
			line += fmt.Sprintf(", of epoch %d, waits for %d of %s", number(n.reign), n.k, x.set(n.names, names))
		case n.phase == standby && n.floor <= s.top:
			line += fmt.Sprintf(", follows a master of epoch %d or later", number(n.floor))
		}
		if n.finFor != 0 {
			line += fmt.Sprintf(", final %v for epoch %d", x.position(s, n.fin), number(n.finFor-1))
		}
		lines[names[i]] = line + "\n"
	}
	b.WriteString(strings.Join(lines[:], ""))
	return b.String()
}

var phaseNames = [...]string{"gone", "joining", "ready", "claimant", "master"}

func (x *model) set(mask uint8, names [maxNodes]uint8) string {
	var renamed uint8
	for i := range x.scope.Nodes {
		if mask&bit(i) != 0 {
			renamed |= bit(int(names[i]))
		}
	}
	return "{" + string(x.names[renamed]) + "}"
}

// text is a log as EPOCH:RECORDS of each reign in it, the data first.
func (s *state) text(l log) string {
	own := fmt.Sprintf("%d:%d", number(l.reign), l.n)
	if l.reign == origin {
		return own
	}
	return s.text(s.reigns[l.reign].base) + " " + own
}
