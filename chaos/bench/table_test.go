package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// sample is a run that took so many seconds, half of them to be noticed.
func sample(system, fault string, run int, outage float64) record {
	return record{
		System: system, Fault: fault, Run: run, Outage: outage, Versions: "v1", Machine: "m", Busy: 0.25,
		At:    time.Date(2026, 11, 22, 12, run, 0, 0, time.UTC),
		Marks: marks{last: 0, gone: outage / 2, primary: outage, first: outage},
	}
}

func samples() []record {
	failed := sample("msdha-t10", "kill", 2, 1000)
	failed.Failed = "no engine"
	stuck := sample("patroni-smallest", "pause", 1, 150)
	stuck.Broken, stuck.Lost, stuck.Healing = "no acknowledgement within 2m30s", 7, 0.25
	return []record{
		sample("msdha-t10", "kill", 3, 26), failed,
		sample("msdha-t10", "kill", 1, 30), sample("msdha-t10", "kill", 2, 28),
		sample("msdha-t3", "kill", 1, 8), sample("msdha-t3", "kill", 2, 9), stuck,
	}
}

// row finds the n-th line that begins with a title, and its other cells.
func row(t *testing.T, text, title string, n int) string {
	t.Helper()
	for l := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(l, "| "+title+" "); ok {
			if n--; n < 0 {
				return strings.Join(strings.Fields(strings.ReplaceAll(rest, "|", " | ")), " ")
			}
		}
	}
	t.Fatalf("there is no such line %q in\n%s", title, text)
	return ""
}

func TestTables(t *testing.T) {
	text := render(samples())
	for _, c := range []struct {
		title string
		n     int
		want  string
	}{
		{"container killed, stays down", 0, "| 28.00 [26.00-30.00], 3 | 8.50 [8.00-9.00], 2 | - | - |"},
		{"container paused", 0, "| - | - | - | 150.00, 1, BROKEN 1 |"},
		{"switchover", 0, "| - | - | - | - |"},
		{
			"container killed, stays down", 1,
			"| msdha, T = 10 | 14.00 [13.00-15.00] | - | - | 14.00 [13.00-15.00] | - | - | 0.00 [0.00-0.00] |",
		},
		{"container killed, stays down", 3, "| 0,0,0 / 0.0 | 0,0 / 0.0 | - | - |"},
		{"container paused", 2, "| - | - | - | 7 / 0.2 |"},
	} {
		if got := row(t, text, c.title, c.n); got != c.want {
			t.Errorf("%s: %s, want %s", c.title, got, c.want)
		}
	}
	for _, part := range []string{
		"Measured from 2026-11-22 12:01 to 2026-11-22 12:03 UTC, 6 runs; the rig failed in 1 more",
		"25 [25-25] %", "\n- m\n- v1\n",
		"BROKEN, patroni-smallest, pause, run 1: no acknowledgement within 2m30s.",
	} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in\n%s", part, text)
		}
	}
}

// TestNothingIsMadeUp: without a measurement there is no figure.
func TestNothingIsMadeUp(t *testing.T) {
	text := render(nil)
	if !strings.HasPrefix(text, "Nothing has been measured.\n") {
		t.Errorf("it says\n%s", text)
	}
	for _, f := range faults {
		for n := range 2 {
			if got := row(t, text, f.title, n); got != strings.Repeat("| - ", len(systems))+"|" {
				t.Errorf("%s: %s", f.title, got)
			}
		}
	}
}

func TestDocument(t *testing.T) {
	dir := t.TempDir()
	file, document := filepath.Join(dir, "runs.jsonl"), filepath.Join(dir, "BENCHMARKS.md")
	if err := os.WriteFile(document, []byte("a\n"+begin+": note -->\nold\n"+end+"\nb\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := printTables(document, file); err == nil || !strings.Contains(err.Error(), "no runs") {
		t.Errorf("tables without runs were written: %v", err)
	}
	var cut int64
	for _, r := range samples() {
		var err error
		if cut, err = add(file, cut, &r); err != nil {
			t.Fatal(err)
		}
	}
	if err := printTables(document, file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("a\n%s: note -->\n%s%s\nb\n", begin, render(samples()), end); string(text) != want {
		t.Errorf("it wrote\n%s", text)
	}
}

func TestLine(t *testing.T) {
	r := sample("msdha-t3", "kill", 1, 8)
	r.From, r.To, r.Took = "n1", "n2", 61
	want := "12:01:00 msdha-t3 kill 1: n1 -> n2, outage 8.00 s (detection 4.00, proof -, transaction -, " +
		"promotion 4.00, routing -, following -, reconnect 0.00), lost 0, busy 25 %, took 61 s"
	if got := r.line(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	r.Failed = "no engine"
	if got := r.line(); got != "12:01:00 msdha-t3 kill 1: the rig failed: no engine" {
		t.Errorf("%s", got)
	}
}
