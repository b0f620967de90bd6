package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// changeList makes a change, and waits until the master has seen to it where it
// must.
func (s *session) changeList(ctx context.Context, out io.Writer, decide func(*listing) (step, error),
	limit time.Duration,
) error {
	start := time.Now()
	done, err := s.change(ctx, decide)
	switch {
	case err != nil:
		return err
	case done.until == nil:
		_, err = fmt.Fprintln(out, done.said)
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = s.await(ctx, out, func(l *listing) (bool, string, error) { return l.settled(*done.until) })
	if !over(err) {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s, after %s\n", done.said, since(start))
		}
		return err
	}
	return s.notSettled(tense(err, limit))
}

// notSettled says how to go on with a change that was waited for in vain.
func (s *session) notSettled(when string) error {
	how := "the same command waits for it again"
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if l, err := s.read(ctx); err == nil && l.listed() && l.config.Record.NextMembers != "" {
		how += ", " + l.opposite() + " takes it back"
	}
	return unfinished("not finished, %s; the change goes on: %s", when, how)
}

func since(start time.Time) time.Duration { return time.Since(start).Round(100 * time.Millisecond) }

// settled reports whether the wanted change is what elections go by, or what it
// waits for.
func (l *listing) settled(wanted kv.Record) (bool, string, error) {
	r, err := l.list()
	switch {
	case err != nil:
		return false, "", err
	case r.NextMembers == "" && r.Members == wanted.NextMembers && r.K == wanted.NextK:
		return true, "", nil
	case r.NextMembers == wanted.NextMembers && r.NextK == wanted.NextK:
		return false, l.waitsFor(), nil
	}
	return false, "", refused("somebody else has changed the list meanwhile: it is %s now",
		describe(r.Members, r.K))
}

// waitsFor says what a pending change waits for.
func (l *listing) waitsFor() string {
	r := &l.config.Record
	if !l.reigned() {
		return "waiting for a master, which must see to it; msdhactl status says why there is none"
	}
	master := l.master.Record.Node
	if !r.NextMembers.Has(master) {
		return fmt.Sprintf("%s reigns now, and is to leave the list: msdhactl switchover, then another master sees "+
			"to it", master)
	}
	rest := r.NextMembers.Without(master).List()
	text := fmt.Sprintf("waiting for %s: its database is to wait for the new list", master)
	if r.NextK > 0 {
		text += fmt.Sprintf(", and %d of %s to have all that it has", r.NextK, strings.Join(rest, ", "))
	}
	var missing []string
	for _, name := range rest {
		if n := l.node(name); !n.alive() {
			missing = append(missing, name+" is not registered")
		} else if n.state() != fsm.StateReady {
			missing = append(missing, name+" is "+n.key.Record.State)
		}
	}
	if len(missing) > 0 {
		text += " (" + several(missing) + ")"
	}
	return text
}

// membersText is `members list`.
func (l *listing) membersText(group string) string {
	var b strings.Builder
	say := func(label, text string) {
		for i, line := range fold(text, textWidth-labelWidth) {
			if i > 0 {
				label = ""
			}
			b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s%s", labelWidth, label, line), " ") + "\n")
		}
	}
	say("group", fmt.Sprintf("%s, revision %d", group, l.rev))
	m := l.membersStatus()
	switch {
	case l.config == nil:
		say("members", "none: what is acknowledged may be lost; msdhactl members init NAME... makes a list")
	case m == nil:
		say("problem", l.unreadable(l.config))
	default:
		say("members", strings.Join(m.Members, ", ")+fmt.Sprintf("; version %d", m.Version))
		m.sayRules(say)
	}
	if version, node := l.remembered(); l.config == nil && version > 0 || m != nil && version > m.Version {
		say("problem", fmt.Sprintf("%s remembers a newer list, version %d, and does not claim until it is said that "+
			"this is the one: msdhactl members confirm", node, version))
	}
	b.WriteString(l.memberTable())
	return b.String()
}

func (m *membersStatus) sayRules(say func(label, text string)) {
	switch {
	case m.K == 0:
		say("k", "0: a write waits for nobody, and what is acknowledged last may be lost with the master")
	default:
		say("k", fmt.Sprintf("%d: a write is acknowledged once %s it", m.K, others(m.K)))
		say("Q", fmt.Sprintf("%d: a node may claim once that many of %d finals, its own included, are not higher",
			m.Quorum, len(m.Members)))
	}
	switch {
	case m.K == 0:
	case m.Armed:
		say("armed", fmt.Sprintf("yes: %s once had all data, so Q decides", others(m.K)))
	case m.OnlyMayClaim != "":
		say("armed", fmt.Sprintf("no: until %s once had all data, only %s may claim", others(m.K), m.OnlyMayClaim))
	default:
		say("armed", fmt.Sprintf("no: Q decides, but %s not had all data yet", others(m.K)))
	}
	if change := m.pending(); change != "" {
		say("change", change+"; "+m.WaitsFor)
	}
}

// memberTable has every member, and every node that is none.
func (l *listing) memberTable() string {
	t := table{{"NODE", "MEMBER", "STATE", "CANDIDATE", "PRIORITY", "REMEMBERS"}}
	add := func(n *node, role string) {
		r := &n.info.Record
		row := []string{n.name, role, "(not registered)", "", "", ""}
		if n.alive() {
			row = []string{
				n.name, role, n.key.Record.State, "yes", fmt.Sprint(r.Priority), "",
			}
			if r.Observer {
				row[3] = "no"
			}
			if r.Serial > 0 {
				row[5] = fmt.Sprintf("version %d", r.Serial)
			}
		}
		t = append(t, row)
	}
	if l.listed() {
		for _, name := range l.config.Record.Members.List() {
			role := "yes"
			if next := l.config.Record.NextMembers; next != "" && !next.Has(name) {
				role = "leaves"
			}
			add(l.node(name), role)
		}
	}
	role := ""
	if l.listed() {
		role = "no"
	}
	for i := range l.nodes {
		if n := &l.nodes[i]; n.alive() && (!l.listed() || !l.member(n)) {
			add(n, role)
		}
	}
	return t.text("no node is registered", 0)
}
