package fsm

import (
	"fmt"
	"strings"
	"testing"
)

// sound is a table without a fault: A → B → C on "go".
func sound() Table[int] {
	return Table[int]{
		Phases:  []string{"A", "B", "C"},
		Signals: []string{"go", "stop"},
		Initial: 0, Final: 2,
		Rows: []Row[int]{
			{From: in(0), On: 0, To: 1, Why: "x"},
			{From: in(1), On: 0, To: 2, Why: "x"},
			{From: in(0, 1), On: 1, When: func(*int, *Event) bool { return true }, To: 2, Name: "odd", Why: "x"},
		},
		Ignored: []Ignored{
			{In: in(2), On: 0, Why: "over", Never: true},
			{In: in(0, 1, 2), On: 1, Why: "whatever"},
		},
	}
}

// TestCheckCanFail: each fault is found, and named.
func TestCheckCanFail(t *testing.T) {
	for _, c := range []struct {
		want  string
		spoil func(*Table[int])
	}{
		{"", func(*Table[int]) {}},
		{"B on go is neither handled in every case nor declared ignored", func(t *Table[int]) {
			t.Rows[1].When, t.Rows[1].Name = t.Rows[2].When, "even"
		}},
		{"C on go is neither handled", func(t *Table[int]) { t.Ignored = t.Ignored[1:] }},
		{"A on go: row 3 is shadowed", func(t *Table[int]) {
			t.Rows = append(t.Rows, Row[int]{From: in(0), On: 0, To: 2, Why: "x"})
		}},
		{"row 3 (go) can never be taken", func(t *Table[int]) {
			t.Rows = append(t.Rows, Row[int]{From: in(0), On: 0, To: 2, Why: "x"})
		}},
		{"handled in every case and declared ignored", func(t *Table[int]) {
			t.Rows[2].When, t.Rows[2].Name = nil, ""
		}},
		{"C on go is declared ignored twice", func(t *Table[int]) { t.Ignored = append(t.Ignored, t.Ignored[0]) }},
		{"row 0 (go) lacks its reason", func(t *Table[int]) { t.Rows[0].Why = "" }},
		{"lacks its reason or its guard's name", func(t *Table[int]) { t.Rows[2].Name = "" }},
		{"go is ignored without a reason", func(t *Table[int]) { t.Ignored[0].Why = "" }},
		{"unreachable: B", func(t *Table[int]) { t.Rows[0].To = 2 }},
		{"cannot end: A, B", func(t *Table[int]) { t.Rows[1].To, t.Rows[2].To = Same, Same }},
	} {
		table := sound()
		c.spoil(&table)
		var all strings.Builder
		for _, err := range table.build().Check() {
			fmt.Fprintln(&all, err)
		}
		if got := all.String(); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("want %q, got %q", c.want, got)
		}
	}
}

// TestStraySignals: what the table rules out is reported, and changes nothing.
func TestStraySignals(t *testing.T) {
	cfg := BackendConfig{Name: "n1", TTL: ttl}
	b := NewBackend(&cfg)
	before := b
	var out Effects
	b.Step(1, &Event{Kind: StopRequested}, &out)
	if b != before || out.Stray != [2]string{"Idle", "stop requested"} {
		t.Errorf("the backend reports %q", out.Stray)
	}
	fcfg := FrontendConfig{Name: "f1", TTL: ttl}
	f := NewFrontend(&fcfg)
	f.Step(1, &Event{Kind: StopRequested}, &out)
	if out.Stray != [2]string{"Idle", "stop requested"} || f.Phase() != FrontIdle {
		t.Errorf("the frontend reports %q", out.Stray)
	}
}
