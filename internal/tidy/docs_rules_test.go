package tidy

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestDocumentRulesCanFail(t *testing.T) {
	r := &repository{
		files: fstest.MapFS{
			"docs/A.md":             {Data: []byte("# One heading: S1, `x`\n")},
			"internal/fsm/table.go": {},
		},
		tests: []string{"TestIt"},
	}
	for _, c := range []struct{ text, want string }{
		{"see TestIt and `internal/fsm/table.go`, `internal/fsm/`, `internal/*/table.go`", ""},
		{"see [A](A.md), [there](A.md#one-heading-s1-x), [here](#here)\n## Here\n", ""},
		{"see [x](https://x/y), [d](../internal)", ""},
		{"see TestThat", "no test TestThat"},
		{"see BenchmarkIt", "no test BenchmarkIt"},
		{"see `internal/fsm/tables.go`", "no internal/fsm/tables.go"},
		{"see `docs/*.txt`", "no docs/*.txt"},
		{"see [B](B.md)", "B.md leads nowhere"},
		{"see [A](A.md#two)", "no such heading"},
		{"see [it](#it)", "no such heading"},
	} {
		got := r.complaints("docs/X.md", c.text)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestBetween(t *testing.T) {
	got, err := between("a\n<!-- x: note -->\nold\n<!-- y -->\nb", "<!-- x", "<!-- y -->", "new\n")
	if err != nil || got != "a\n<!-- x: note -->\nnew\n<!-- y -->\nb" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "<!-- y -->\n<!-- x\n", "<!-- x"} {
		if _, err := between(text, "<!-- x", "<!-- y -->", ""); err == nil {
			t.Errorf("%q has both marks", text)
		}
	}
}

func TestAnchors(t *testing.T) {
	got := anchors("# S7: No byte (E12)\ntext # no\n## `make` & co.\n")
	if want := []string{"s7-no-byte-e12", "make--co"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
