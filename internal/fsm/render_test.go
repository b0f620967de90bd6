package fsm

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestDocumentIsFresh(t *testing.T) {
	onDisk, err := os.ReadFile("../../docs/FSM.md")
	if err != nil {
		t.Fatalf("%v: run make docs", err)
	}
	if string(onDisk) != Document() {
		t.Error("docs/FSM.md is not what the tables say: run make docs")
	}
}

// TestDocumentIsWhole: every row that changes the phase is in a picture or in
// the words below one, and every row is in the table.
func TestDocumentIsWhole(t *testing.T) {
	wholeTable(t, &backendTable, "Backend")
	wholeTable(t, &frontendTable, "Frontend")
}

func wholeTable[M any](t *testing.T, table *Table[M], title string) {
	t.Helper()
	var b strings.Builder
	table.section(&b, title)
	text := b.String()
	for i, r := range table.Rows {
		if !strings.Contains(text, "| "+markdownText(r.Why)+" |") {
			t.Errorf("%s: row %d is not in the table", title, i)
		}
		for p := range table.Phases {
			if r.To == Same || r.To == Phase(p) || !r.From.has(Phase(p)) {
				continue
			}
			shown := 0
			for _, s := range table.Stages {
				if s.In.has(Phase(p)) {
					shown++
				}
			}
			if shown == 0 {
				t.Errorf("%s: row %d leaves %s, which is in no stage", title, i, table.Phases[p])
			}
		}
	}
}

// The lines that a state diagram may have here; Mermaid ends a label at a
// colon or a semicolon, and takes # for an entity.
var mermaidLine = regexp.MustCompile(
	`^    (\[\*\] --> [A-Z]\w*|[A-Z]\w* --> \[\*\]|[A-Z]\w* --> [A-Z]\w* : [^:;#<>{}"]+(<br>[^:;#<>{}"]+)*)$`)

func TestMermaidIsWellFormed(t *testing.T) {
	blocks := strings.Split(Document(), "```mermaid\n")[1:]
	if want := len(backendTable.Stages) + len(frontendTable.Stages); len(blocks) != want {
		t.Fatalf("there are %d pictures, want %d", len(blocks), want)
	}
	for i, block := range blocks {
		block, _, closed := strings.Cut(block, "```\n")
		lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
		if !closed || lines[0] != "stateDiagram-v2" || len(lines) < 3 {
			t.Fatalf("picture %d:\n%s", i, block)
		}
		for _, l := range lines[1:] {
			if !mermaidLine.MatchString(l) {
				t.Errorf("picture %d: Mermaid may not read %q", i, l)
			}
			if from, to, _ := strings.Cut(strings.TrimSpace(l), " --> "); strings.HasPrefix(to, from+" :") {
				t.Errorf("picture %d: a loop is drawn: %q", i, l)
			}
		}
		if len(lines) > 32 {
			t.Errorf("picture %d has %d arrows: nobody can read that", i, len(lines)-1)
		}
	}
}

func TestTextIsEscaped(t *testing.T) {
	if got := mermaidText("a: b; #1 <x>"); got != "a#58; b#59; #35;1 #lt;x>" {
		t.Errorf("mermaid: %q", got)
	}
	if got := markdownText("a|b _c_ <d> *e*"); got != `a\|b \_c\_ &lt;d> \*e\*` {
		t.Errorf("markdown: %q", got)
	}
}

// TestWordsForPhases: neighbours are joined, exceptions named.
func TestWordsForPhases(t *testing.T) {
	table := Table[int]{Phases: []string{"A", "B", "C", "D", "E", "F", "G"}}
	for want, s := range map[string]Phases{
		"every phase":          in(0, 1, 2, 3, 4, 5, 6),
		"every phase but C":    in(0, 1, 3, 4, 5, 6),
		"A, B":                 in(0, 1),
		"B to D, F":            in(1, 2, 3, 5),
		"A, C to E":            in(0, 2, 3, 4),
		"A":                    in(0),
		"every phase but B, F": in(0, 2, 3, 4, 6),
	} {
		if got := table.words(s); got != want {
			t.Errorf("%b: %q, want %q", s, got, want)
		}
	}
}
