package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"msdha/chaos/rig"
)

func result(name string, ttl, outage time.Duration) rig.Result {
	return rig.Result{
		Scenario: name, TTL: ttl, Outage: outage,
		At: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC),
	}
}

// line finds the n-th line that begins with a title, and its cells.
func line(t *testing.T, text, title string, n int) (cells []string) {
	t.Helper()
	for _, l := range strings.Split(text, "\n") {
		if !strings.HasPrefix(l, "| "+title+" ") {
			continue
		}
		if n--; n < 0 {
			for _, c := range strings.Split(strings.Trim(l, "|"), "|") {
				cells = append(cells, strings.TrimSpace(c))
			}
			return cells
		}
	}
	t.Fatalf("there is no such line %q in\n%s", title, text)
	return nil
}

func TestCellsWithoutMeasurementAreEmpty(t *testing.T) {
	for _, w := range rows {
		for n := range 3 {
			cells := line(t, render(nil), w.title, n)
			if len(cells) != 1+len(peers)+len(ours) {
				t.Fatalf("%q", cells)
			}
			for _, c := range cells[1+len(peers):] {
				if c != none {
					t.Errorf("%s: %q was never measured", w.title, c)
				}
			}
		}
	}
}

func TestOwnColumnIsOfThisRun(t *testing.T) {
	lost := result("f05-paused", 3*time.Second, 12*time.Second)
	lost.Verdict.Lost, lost.Verdict.TwoMasters, lost.Failed = 7, 2, true
	text := render([]rig.Result{
		result("f03-container-killed", 3*time.Second, 8910*time.Millisecond),
		result("f03-container-killed-t10", 10*time.Second, 29*time.Second), lost,
		result("f02-agent-killed", 3*time.Second, time.Hour),
	})
	for _, c := range []struct {
		title string
		table int
		want  string // of the last two cells
	}{
		{"container killed", 0, "8.9 29.0"},
		{"container killed", 1, "0 0"},
		{"container paused", 0, "12.0 FAILED -"},
		{"container paused", 1, "7 FAILED -"},
		{"container paused", 2, "2 FAILED -"},
		{"container stopped", 0, "- -"},
		{"switchover", 0, "- -"},
	} {
		cells := line(t, text, c.title, c.table)
		if got := strings.Join(cells[len(cells)-2:], " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.title, got, c.want)
		}
	}
	if !strings.HasPrefix(text, "Peers: 2026-11-21. msdha, T = 3s: 2026-11-22. msdha, T = 10s: 2026-11-22.\n") {
		t.Errorf("no dates: %q", text[:100])
	}
	cells := line(t, text, "main process killed", 0)
	if cells[3] != "4.2 [4.2-4.2], 2, BROKEN 2 of 2" {
		t.Errorf("a peer's cell is %q", cells[3])
	}
}

// TestFiguresAreWhole: as many values as runs.
func TestFiguresAreWhole(t *testing.T) {
	count := func(s string) int { return strings.Count(s, ",") + 1 }
	for _, p := range peers {
		for fault, f := range p.figures {
			lost := strings.Split(f.lost, " / ")
			for _, s := range append(lost, f.two, f.ends) {
				if s != "" && count(s) != f.runs {
					t.Errorf("%s, %s: %q is not %d runs", p.name, fault, s, f.runs)
				}
			}
			if !strings.Contains(f.outage, "[") || f.lost == "" && f.two == "" {
				t.Errorf("%s, %s: %+v", p.name, fault, f)
			}
		}
	}
}

func TestRun(t *testing.T) {
	dir := t.TempDir()
	file, document := filepath.Join(dir, "chaos.json"), filepath.Join(dir, "README.md")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(document, "a\n"+begin+": note -->\nold\n"+end+"\nb\n")
	if err := run(document, []string{file}); err == nil || !strings.Contains(err.Error(), "no results") {
		t.Errorf("a table without results was written: %v", err)
	}
	write(file, `[{"scenario": "f04-stopped", "ttl_ns": 3000000000, "outage_ns": 300000000}]`)
	if err := run(document, []string{file, filepath.Join(dir, "none.json")}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	cells := line(t, string(text), "container stopped", 0)
	if cells[len(cells)-2] != "0.3" || strings.Contains(string(text), "old") ||
		!strings.HasSuffix(string(text), end+"\nb\n") {
		t.Errorf("it wrote %s", text)
	}
	write(file, "no JSON")
	if err := run("", []string{file}); err == nil {
		t.Error("what is no JSON was read")
	}
	write(document, "a\n")
	write(file, `[{"scenario": "f04-stopped"}]`)
	if err := run(document, []string{file}); err == nil || !strings.Contains(err.Error(), begin) {
		t.Errorf("a document without marks was changed: %v", err)
	}
}
