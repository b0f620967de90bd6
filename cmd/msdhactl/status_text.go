package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"msdha/internal/fsm/kv"
)

const (
	textWidth   = 100 // columns
	labelWidth  = 11
	historyText = 5 // reigns shown; JSON has all
)

// text is the status for people, at most textWidth columns wide.
func (s *groupStatus) text() string {
	var b strings.Builder
	say := func(label, text string) {
		for i, line := range fold(text, textWidth-labelWidth) {
			if i > 0 {
				label = ""
			}
			b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s%s", labelWidth, label, line), " ") + "\n")
		}
	}
	say("group", fmt.Sprintf("%s, keys below %s, revision %d", s.Group, s.Prefix, s.Revision))
	if s.Master == nil {
		say("master", "none")
	} else {
		say("master", s.Master.text())
	}
	switch {
	case s.Epoch != nil:
		say("epoch", s.Epoch.text(s.Master != nil))
	case s.epochBad:
		say("epoch", "unreadable")
	default:
		say("epoch", "none")
	}
	if s.Members != nil {
		say("members", s.Members.text())
		if change := s.Members.pending(); change != "" {
			say("change", change+"; "+s.Members.WaitsFor)
		}
	}
	if s.Request != nil {
		say("request", s.Request.text())
	}
	for i := range s.Unfenced {
		say("fence", s.Unfenced[i].text())
	}
	for _, reason := range s.Why {
		say("why", reason)
	}
	for _, p := range s.Problems {
		said := func(reason string) bool { return strings.HasPrefix(reason, p) }
		if !slices.ContainsFunc(s.Why, said) {
			say("problem", p)
		}
	}
	b.WriteString(s.nodeTable() + s.frontendTable() + s.historyTable())
	return b.String()
}

func (m *masterStatus) text() string {
	text := fmt.Sprintf("%s at %s, epoch %d, TTL %d s, lease %s, left %s",
		m.Node, m.Address, m.Epoch, m.TTLSeconds, cmp.Or(m.Lease, "none"), m.left())
	switch {
	case m.Published:
		return text
	case m.State == "":
		return text + "; not routed to: its own key is not there"
	}
	return text + fmt.Sprintf("; not routed to: its own key says %q, or is on another lease", m.State)
}

func (e *epochStatus) text(reigns bool) string {
	text := fmt.Sprintf("%d of %s", e.Epoch, cmp.Or(e.Node, "nobody"))
	if e.Since != "" {
		text += " since " + e.Since
	}
	switch {
	case reigns:
		return text
	case e.Released && e.How != "":
		return text + fmt.Sprintf(", died: attested by %s, known from %s", cmp.Or(e.By, "somebody"), kv.Means(e.How))
	case e.Released:
		return text + ", released by " + cmp.Or(e.By, "somebody")
	}
	return text + ", not released"
}

func (s *groupStatus) nodeTable() string {
	t := table{{"NODE", "STATE", "LEFT", "LEASE", "ADDRESS", "DATA", "CANDIDATE"}}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		candidate := "no"
		if n.Candidate {
			candidate = "yes"
		}
		t = append(t, []string{
			n.Node, cmp.Or(n.State, "(no key)"), n.left(), cmp.Or(n.Lease, "none"), n.Address, n.Data, candidate,
		})
	}
	return t.text("no node is registered", 0, 4, 5)
}

func (s *groupStatus) frontendTable() string {
	t := table{{"FRONTEND", "LEFT", "LEASE", "LISTENS", "VERSION"}}
	for i := range s.Frontends {
		f := &s.Frontends[i]
		t = append(t, []string{f.Name, f.left(), cmp.Or(f.Lease, "none"), f.Address, f.Version})
	}
	return t.text("no frontend shows itself", 0, 3, 4)
}

func (s *groupStatus) historyTable() string {
	t := table{{"EPOCH", "NODE", "SINCE", "ENDED"}}
	for _, r := range s.History[:min(len(s.History), historyText)] {
		ended := r.Ended
		if r.How != "" && r.By != r.Node {
			ended = "attested by " + r.By + ": " + ended
		}
		t = append(t, []string{strconv.FormatInt(r.Epoch, 10), r.Node, r.Since, ended})
	}
	return t.text("nobody has reigned", 1, 3)
}

// left is what a lease still has, in seconds, of what was granted.
func (l *leaseStatus) left() string {
	switch {
	case l.Lease == "":
		return "no lease"
	case l.gone:
		return "ended"
	case l.LeftSeconds == nil:
		return "unknown"
	}
	return fmt.Sprintf("%d of %d s", *l.LeftSeconds, *l.GrantedSeconds)
}

// table is a heading and rows of as many cells.
type table [][]string

// text aligns the columns. Where the table is too wide its widest elastic
// columns are cut until it fits; JSON has everything.
func (t table) text(empty string, elastic ...int) string {
	if len(t) == 1 {
		return "\n" + empty + "\n"
	}
	widths := make([]int, len(t[0]))
	total := 2 * (len(widths) - 1)
	for c := range widths {
		for r := range t {
			t[r][c] = cmp.Or(t[r][c], "-")
			widths[c] = max(widths[c], utf8.RuneCountInString(t[r][c]))
		}
		total += widths[c]
	}
	for ; total > textWidth; total-- {
		widest := elastic[0]
		for _, c := range elastic {
			if widths[c] > widths[widest] {
				widest = c
			}
		}
		widths[widest]--
	}
	var b strings.Builder
	b.WriteString("\n")
	for _, row := range t {
		line := ""
		for c, cell := range row {
			line += pad(cell, widths[c]) + "  "
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// pad fills a cell up, or cuts it.
func pad(cell string, width int) string {
	n := utf8.RuneCountInString(cell)
	if n <= width {
		return cell + strings.Repeat(" ", width-n)
	}
	return string([]rune(cell)[:width-1]) + "…"
}

// fold breaks a text at spaces, and what has none in the middle.
func fold(text string, width int) []string {
	var lines []string
	line := []rune{}
	for word := range strings.FieldsSeq(text) {
		w := []rune(word)
		if len(line) > 0 && len(line)+1+len(w) <= width {
			line = append(append(line, ' '), w...)
			continue
		}
		if len(line) > 0 {
			lines = append(lines, string(line))
		}
		for ; len(w) > width; w = w[width:] {
			lines = append(lines, string(w[:width]))
		}
		line = w
	}
	return append(lines, string(line))
}
