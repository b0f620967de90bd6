package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"msdha/chaos/markdown"
)

// none stands for what was not measured, or is no part of a run.
const none = "-"

const (
	begin = "<!-- failover:begin"
	end   = "<!-- failover:end -->"
)

// printTables prints the tables of a file, and writes them into a document if there is one.
func printTables(document, file string) error {
	all, _, err := read(file)
	if err != nil {
		return err
	}
	text := render(all)
	fmt.Print("\n" + text)
	if document == "" {
		return nil
	}
	if len(all) == 0 {
		return fmt.Errorf("there are no runs in %s: run make bench-failover first", file)
	}
	old, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	now, err := markdown.Replace(string(old), begin, end, text)
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, []byte(now), 0o644)
}

// render is all that was measured, as Markdown that is readable as it is.
func render(all []record) string {
	var b strings.Builder
	b.WriteString(conditions(all))
	b.WriteString("\nSeconds without an acknowledged write through the proxy: median [min-max], runs.\n\n")
	b.WriteString(grid(all, func(runs []record) string {
		text := fmt.Sprintf("%s, %d", spread(runs, outage), len(runs))
		if n := broken(runs); n > 0 {
			text += fmt.Sprintf(", BROKEN %d", n)
		}
		return text
	}))
	b.WriteString("\nThe same, by phase: median [min-max] of each, so that they need not add up.\n\n")
	b.WriteString(splits(all))
	b.WriteString("\nRows that were acknowledged through the proxy and are missing, in each run / the longest time\n" +
		"without an acknowledgement while the old master came back, in the worst run.\n\n")
	b.WriteString(grid(all, func(runs []record) string {
		var lost []string
		longest := 0.0
		for i := range runs {
			lost = append(lost, fmt.Sprint(runs[i].Lost))
			longest = max(longest, runs[i].Healing)
		}
		return fmt.Sprintf("%s / %.1f", strings.Join(lost, ","), longest)
	}))
	for i := range all {
		if r := &all[i]; r.Broken != "" && r.Failed == "" {
			fmt.Fprintf(&b, "\nBROKEN, %s, %s, run %d: %s.\n", r.System, r.Fault, r.Run, r.Broken)
		}
	}
	return b.String()
}

// conditions are when, where and with what was measured.
func conditions(all []record) string {
	var from, to time.Time
	var busy []float64
	var machines, versions []string
	failed := 0
	for i := range all {
		r := &all[i]
		if r.Failed != "" {
			failed++
			continue
		}
		if from.IsZero() || r.At.Before(from) {
			from = r.At
		}
		if r.At.After(to) {
			to = r.At
		}
		busy = append(busy, 100*r.Busy)
		machines = insert(machines, r.Machine)
		versions = insert(versions, r.Versions)
	}
	if len(busy) == 0 {
		return "Nothing has been measured.\n"
	}
	var b strings.Builder
	const minute = "2006-01-02 15:04"
	fmt.Fprintf(&b, "Measured from %s to %s UTC, %d runs; the rig failed in %d more, which were repeated.\n",
		from.Format(minute), to.Format(minute), len(busy), failed)
	fmt.Fprintf(&b, "Processors' time in use before the fault: %s %%.\n", figures(busy, "%.0f"))
	for _, m := range machines {
		fmt.Fprintf(&b, "\n- %s", m)
	}
	for _, v := range versions {
		fmt.Fprintf(&b, "\n- %s", v)
	}
	b.WriteString("\n")
	return b.String()
}

func insert(list []string, s string) []string {
	if !slices.Contains(list, s) {
		list = append(list, s)
	}
	return list
}

// of are the runs of one system and one fault that measured something.
func of(all []record, s *system, f *fault) (runs []record) {
	for i := range all {
		if r := &all[i]; r.System == s.name && r.Fault == f.name && r.Failed == "" {
			runs = append(runs, *r)
		}
	}
	slices.SortFunc(runs, func(a, b record) int { return a.Run - b.Run })
	return runs
}

// grid has a row for each fault and a column for each system.
func grid(all []record, text func([]record) string) string {
	lines := [][]string{{"fault"}}
	for i := range systems {
		lines[0] = append(lines[0], systems[i].title)
	}
	for i := range faults {
		line := []string{faults[i].title}
		for j := range systems {
			cell := none
			if runs := of(all, &systems[j], &faults[i]); len(runs) > 0 {
				cell = text(runs)
			}
			line = append(line, cell)
		}
		lines = append(lines, line)
	}
	return markdown.Table(lines)
}

// splits has a row for each fault of each system that was measured.
func splits(all []record) string {
	lines := [][]string{{"fault", "system"}}
	for _, p := range phases {
		lines[0] = append(lines[0], p.name)
	}
	for i := range faults {
		for j := range systems {
			runs := of(all, &systems[j], &faults[i])
			if len(runs) == 0 {
				continue
			}
			line := []string{faults[i].title, systems[j].title}
			for _, p := range phases {
				line = append(line, spread(runs, func(r *record) (float64, bool) {
					d, seen := r.Marks.split()[p.name]
					return d, seen
				}))
			}
			lines = append(lines, line)
		}
	}
	return markdown.Table(lines)
}

func outage(r *record) (float64, bool) { return r.Outage, true }

// broken is how many groups were not served, or not whole again.
func broken(runs []record) (n int) {
	for i := range runs {
		if runs[i].Broken != "" {
			n++
		}
	}
	return n
}

// spread is the median and the range of what the runs that have it say.
func spread(runs []record, value func(*record) (float64, bool)) string {
	var all []float64
	for i := range runs {
		if v, seen := value(&runs[i]); seen {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return none
	}
	return figures(all, "%.2f")
}

func figures(all []float64, format string) string {
	slices.Sort(all)
	middle := all[len(all)/2]
	if len(all)%2 == 0 {
		middle = (all[len(all)/2-1] + middle) / 2
	}
	if len(all) == 1 {
		return fmt.Sprintf(format, middle)
	}
	return fmt.Sprintf(format+" ["+format+"-"+format+"]", middle, all[0], all[len(all)-1])
}
