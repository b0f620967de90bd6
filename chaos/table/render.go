package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"msdha/chaos/markdown"
	"msdha/chaos/rig"
)

// none stands for what was not measured.
const none = "-"

// ours are the columns of this project, by T.
var ours = []time.Duration{3 * time.Second, 10 * time.Second}

// render is the comparison as Markdown that is readable as it is.
func render(results []rig.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nSeconds without an acknowledged write (the shell original: without an answer)\n"+
		"through the proxy: median [min-max], number of runs, and the runs after which the group\n"+
		"was not whole again.\n\n", dates(results))
	grid(&b, results,
		func(f *figure) string { return fmt.Sprintf("%s, %d%s", f.outage, f.runs, broken(f)) }, outage)
	b.WriteString("\nAcknowledged rows that were missing afterwards, for each run: through the proxy / straight\n" +
		"to a server (msdha: both together). The shell original was measured without a database.\n\n")
	grid(&b, results, func(f *figure) string { return cmp.Or(f.lost, none) },
		func(r *rig.Result) string { return fmt.Sprint(r.Verdict.Lost) })
	b.WriteString("\nTwo masters, for each run: seconds in which two nodes said so (shell original); rows that a\n" +
		"second master acknowledged (msdha). No run of Patroni had two servers that acknowledged at\n" +
		"the same moment.\n\n")
	grid(&b, results, func(f *figure) string { return cmp.Or(f.two, none) },
		func(r *rig.Result) string { return fmt.Sprint(r.Verdict.TwoMasters) })
	b.WriteString("\n" + notes())
	return b.String()
}

// dates say when which column was measured.
func dates(results []rig.Result) string {
	text := "Peers: " + measuredAt + "."
	for _, ttl := range ours {
		var last time.Time
		for i := range results {
			if results[i].TTL == ttl && results[i].At.After(last) {
				last = results[i].At
			}
		}
		if !last.IsZero() {
			text += fmt.Sprintf(" msdha, T = %v: %s.", ttl, last.Format(time.DateOnly))
		}
	}
	return text
}

func broken(f *figure) string {
	if n := strings.Count(f.ends, "BROKEN"); n > 0 {
		return fmt.Sprintf(", BROKEN %d of %d", n, f.runs)
	}
	return ""
}

// outage of one run; the runs are put together by cell.
func outage(r *rig.Result) string { return fmt.Sprintf("%.1f", r.Outage.Seconds()) }

// grid writes one table: a row for each fault, a column for each system.
func grid(b *strings.Builder, results []rig.Result, theirs func(*figure) string, mine func(*rig.Result) string) {
	lines := [][]string{{"fault"}}
	for _, p := range peers {
		lines[0] = append(lines[0], p.name)
	}
	for _, ttl := range ours {
		lines[0] = append(lines[0], fmt.Sprintf("msdha, T = %v", ttl))
	}
	for i := range rows {
		line := []string{rows[i].title}
		for _, p := range peers {
			text := none
			if f, ok := p.figures[rows[i].fault]; ok {
				text = theirs(&f)
			}
			line = append(line, text)
		}
		for _, ttl := range ours {
			line = append(line, cell(results, &rows[i], ttl, mine))
		}
		lines = append(lines, line)
	}
	b.WriteString(markdown.Table(lines))
}

// cell is what this project's runs say of a fault: their values, and whether a
// promise was broken meanwhile.
func cell(results []rig.Result, w *row, ttl time.Duration, mine func(*rig.Result) string) string {
	var values []string
	for i := range results {
		r := &results[i]
		if w.scenario == "" || r.TTL != ttl || strings.TrimSuffix(r.Scenario, "-t10") != w.scenario {
			continue
		}
		text := mine(r)
		if r.Failed {
			text += " FAILED"
		}
		values = append(values, text)
	}
	if len(values) == 0 {
		return none
	}
	return strings.Join(values, ",")
}

func notes() string {
	var b strings.Builder
	b.WriteString("The peers were measured on another day, on a machine like this one\n" +
		"(" + measuredOn + "): Patroni 3.0.2 with HAProxy\n" +
		"(ttl 30 is its default; ttl 5 with loop_wait 1, HAProxy every 1 s, was the least that it took),\n" +
		"asynchronous, and the shell original with a trivial server instead of PostgreSQL, whose promotion\n" +
		"comes on top. msdha is one run of each scenario, synchronous by quorum. T = 3 s compares with\n" +
		"ttl 5 and TTL 3, T = 10 s with TTL 10. Not the same are:\n\n")
	for i := range rows {
		if w := &rows[i]; w.differs != "" {
			fmt.Fprintf(&b, "- %s (`%s`): %s.\n", w.title, cmp.Or(w.scenario, "no scenario"), w.differs)
		}
	}
	return b.String()
}
