package kv

import (
	"strings"
	"testing"
)

func TestWhatNoListAndNoRequestIs(t *testing.T) {
	for _, tt := range []struct {
		name  string
		key   Key
		value string
		why   string
	}{
		{"no members", Config, `{"k":1}`, `"members" is missing`},
		{"members is text", Config, `{"members":"a"}`, `want a list of nodes`},
		{"member twice", Config, `{"members":["a","b","a"]}`, `named twice`},
		{"member without a name", Config, `{"members":["a",""]}`, `"members" is wrong`},
		{"k too large", Config, `{"members":["a","b"],"k":2}`, `want 0 to 1`},
		{
			"next k too large", Config, `{"members":["a","b","c"],"next_members":["a","b"],"next_k":2}`,
			`want 0 to 1`,
		},
		{
			"next members beyond the members", Config,
			`{"members":["a","b"],"k":1,"next_members":["a","c"],"next_k":1}`,
			`"c" is in next_members`,
		},
		{
			"next k below k", Config, `{"members":["a","b","c"],"k":2,"next_members":["a","b","c"],"next_k":1}`,
			`next_k is 1, below k`,
		},
		{"next k alone", Config, `{"members":["a"],"next_k":2}`, `stands without`},
		{"unknown request", Control, `{"request":"explode"}`, `is none that I know`},
		{"promotion of nobody", Control, `{"request":"promote","epoch":1}`, `must name the node`},
		{"switchover of any epoch", Control, `{"request":"switchover"}`, `must name the epoch`},
		{"negative position", NodeInfo("a"), `{"position":[7,-1]}`, `no negative`},
		{"long position", NodeInfo("a"), `{"position":[1,2,3,4,5]}`, `at most 4`},
		{"position is text", NodeInfo("a"), `{"position":"7"}`, `want a list of whole numbers`},
	} {
		got := Decode(tt.key, []byte(tt.value))
		if !strings.Contains(got.Bad, tt.why) || !strings.Contains(got.Bad, tt.key.Path()) {
			t.Errorf("%s: Bad = %q, want it to contain %q and the key %q", tt.name, got.Bad, tt.why, tt.key)
		}
		checkDecoded(t, tt.key, []byte(tt.value), got)
	}
}

func TestNames(t *testing.T) {
	names, err := NewNames([]string{"n2", "n10", "n1"})
	if err != nil || names != "n1 n10 n2" || names.Len() != 3 || Names("").Len() != 0 {
		t.Fatalf("%q, %d names, %v", names, names.Len(), err)
	}
	for name, want := range map[string]bool{"n1": true, "n10": true, "n2": true, "n": false, "1": false, "": false} {
		if names.Has(name) != want {
			t.Errorf("Has(%q) is %v", name, !want)
		}
	}
	if got := names.With("n2").With("m"); got != "m n1 n10 n2" {
		t.Errorf("With gives %q", got)
	}
	if got := names.Without("n10").Without("n10"); got != "n1 n2" {
		t.Errorf("Without gives %q", got)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = names.Has("n2"), names.Len() }); n != 0 {
		t.Errorf("a look allocates %v times", n)
	}
}

// TestPositionsCompare: left to right, and a beginning is lower (SPEC E7).
func TestPositionsCompare(t *testing.T) {
	rising := []string{"1", "1 0", "1 9", "1 9 0", "2", "2 3", "10 0"}
	last := Position{}
	for _, text := range rising {
		p, err := ParsePosition(text)
		if err != nil {
			t.Fatal(err)
		}
		if p.Compare(last) <= 0 || last.Compare(p) >= 0 || p.Compare(p) != 0 {
			t.Errorf("%q is not above %q", p, last)
		}
		if p.String() != text {
			t.Errorf("%q is written as %q", text, p)
		}
		last = p
	}
	for text, why := range map[string]string{
		"": "empty", "  ": "empty", "1 2 3 4 5": "at most 4", "-1": "no negative", "0/16B3748": "want 1 to 4",
		"9223372036854775808": "want 1 to 4",
	} {
		if p, err := ParsePosition(text); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q reads as %v, %v; want an error with %q", text, p, err, why)
		}
	}
}

func TestDebts(t *testing.T) {
	list := []Debt{{7, "n1", 0xab, "n1:5432", Place{"c0ffee", "b007", "pid:[1]", "r007"}}, {9, "n2", 0xcd, "", Place{}}}
	text := DebtsText(list)
	got, err := Debts(text)
	if err != nil || len(got) != 2 || got[0] != list[0] || got[1] != list[1] {
		t.Errorf("%s reads as %+v, %v", text, got, err)
	}
	if DebtsText(nil) != "" {
		t.Error("an empty list is not left out")
	}
	for _, bad := range []string{"x", "{}", `[{"incarnation":"zz"}]`, "[1]"} {
		if _, err := Debts(bad); err == nil {
			t.Errorf("%s is taken for a list", bad)
		}
	}
}
