package markdown

import "testing"

func TestTable(t *testing.T) {
	got := Table([][]string{{"fault", "n"}, {"kill", "…"}})
	want := "| fault | n   |\n| ----- | --- |\n| kill  | …   |\n"
	if got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

func TestReplace(t *testing.T) {
	got, err := Replace("a\n<!-- x: note -->\nold\n<!-- y -->\nb", "<!-- x", "<!-- y -->", "new\n")
	if err != nil || got != "a\n<!-- x: note -->\nnew\n<!-- y -->\nb" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "<!-- y -->\n<!-- x\n", "<!-- x"} {
		if _, err := Replace(text, "<!-- x", "<!-- y -->", ""); err == nil {
			t.Errorf("%q has both marks", text)
		}
	}
}
