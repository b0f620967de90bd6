package sim

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// original begins the line that says what the shell script did.
const original = "\n# The original: "

var (
	tableRow  = regexp.MustCompile(`(?m)^\| ([FCDM]\d+) \|[^|]*\|([^|]*)\|$`)
	anyRow    = regexp.MustCompile(`(?m)^\| \w`)
	storyName = regexp.MustCompile("`([a-z0-9]+(?:-[a-z0-9]+)+)`")
	testName  = regexp.MustCompile(`\bTest[A-Z]\w*`)
	answersTo = regexp.MustCompile(`^([fcdm])0*([1-9]\d*)-`)
	laterOn   = regexp.MustCompile(`\bissue \d|\bSPEC [A-Z]\d+, a later issue`)
)

// wanted are the faults of research/features.md (c), what (d) there says must
// not be reproduced, and the defects of baselines.md, part 3.
func wanted() (ids []string) {
	for n := 1; n <= 35; n++ {
		ids = append(ids, fmt.Sprintf("F%d", n))
	}
	for _, n := range []int{7, 12, 31, 32, 35, 39, 40, 41} {
		ids = append(ids, fmt.Sprintf("C%d", n))
	}
	return append(ids, "D8", "D9", "M1", "M2", "M3", "M4", "M5", "M6")
}

// misfiled compares the table with the stories, their texts by name, and with
// the names of tests that exist.
func misfiled(page string, stories map[string]string, tests map[string]bool) (out []string) {
	rows, named := map[string]string{}, map[string]bool{}
	for _, m := range tableRow.FindAllStringSubmatch(page, -1) {
		id, where := m[1], m[2]
		if _, twice := rows[id]; twice {
			out = append(out, id+" has two rows")
		}
		rows[id] = where
		told := storyName.FindAllStringSubmatch(where, -1)
		if told == nil && !testName.MatchString(where) && !laterOn.MatchString(where) {
			out = append(out, id+" has neither a story nor a test nor an issue")
		}
		for _, s := range told {
			if id[0] != 'F' && !strings.Contains(stories[s[1]], original) {
				out = append(out, fmt.Sprintf("%s: %s has no line %q", id, s[1], strings.TrimSpace(original)))
			}
		}
	}
	if n := len(anyRow.FindAllString(page, -1)); n != len(rows) {
		out = append(out, fmt.Sprintf("of %d rows %d are understood", n, len(rows)))
	}
	for _, id := range wanted() {
		if _, ok := rows[id]; !ok {
			out = append(out, id+" has no row")
		}
	}
	for _, s := range storyName.FindAllStringSubmatch(page, -1) {
		named[s[1]] = true
		if _, ok := stories[s[1]]; !ok {
			out = append(out, "there is no story "+s[1])
		}
	}
	for _, name := range testName.FindAllString(page, -1) {
		if !tests[name] {
			out = append(out, "there is no test "+name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stories)) {
		if m := answersTo.FindStringSubmatch(name); m != nil {
			if id := strings.ToUpper(m[1]) + m[2]; !strings.Contains(rows[id], "`"+name+"`") {
				out = append(out, fmt.Sprintf("%s does not name %s", id, name))
			}
		} else if !named[name] {
			out = append(out, name+" is not on the page")
		}
	}
	return out
}

// TestStoryTable: every fault, and everything that the original did wrong, has
// a story or says where else it is tested; and nothing is named that is not there.
func TestStoryTable(t *testing.T) {
	page, err := os.ReadFile("testdata/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no stories: %v", err)
	}
	stories := map[string]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stories[strings.TrimSuffix(filepath.Base(file), ".txt")] = string(text)
	}
	for _, m := range misfiled(string(page), stories, testsOf(t, filepath.Join("..", ".."))) {
		t.Errorf("testdata/README.md: %s", m)
	}
}

// testsOf finds the names of all tests below root.
func testsOf(t *testing.T, root string) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	tests := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

func TestStoryTableCanBeWrong(t *testing.T) {
	const head = "| | Fault | Where |\n|---|---|---|\n"
	good := head
	for _, id := range wanted() {
		good += "| " + id + " | what | TestX |\n"
	}
	good += head + "Others: `an-other`.\n"
	with := func(id, where string) string {
		return strings.Replace(good, "| "+id+" | what | TestX |", "| "+id+" | what | "+where+" |", 1)
	}
	stories := map[string]string{"an-other": "# A story."}
	withF1 := map[string]string{"an-other": "# A story.", "f01-one": "# A story."}
	withNew := map[string]string{"an-other": "# A story.", "one-more": "# A story."}
	about := map[string]string{"an-other": "# A story.\n# The original: it was otherwise."}
	tests := []struct {
		name    string
		page    string
		stories map[string]string
		want    string
	}{
		{"good", good, stories, ""},
		{"about the original", with("C12", "`an-other`"), about, ""},
		{"later", with("F9", "not before issue 5"), stories, ""},
		{"no row", strings.Replace(good, "| F20 |", "| F1 |", 1), stories, "F20 has no row"},
		{"two rows", strings.Replace(good, "| F20 |", "| F1 |", 1), stories, "F1 has two rows"},
		{"broken row", strings.Replace(good, "| F20 | what", "| F20 | what | more", 1), stories, "of 51 rows 50 are"},
		{"no reason", with("F20", "No story."), stories, "F20 has neither"},
		{"no such story", with("F20", "`no-such`"), stories, "there is no story no-such"},
		{"no such test", with("F20", "TestY"), stories, "there is no test TestY"},
		{"not in its row", good, withF1, "F1 does not name f01-one"},
		{"nowhere", good, withNew, "one-more is not on the page"},
		{"silent about the original", with("C12", "`an-other`"), stories, "C12: an-other has no line"},
	}
	for _, tt := range tests {
		got := strings.Join(misfiled(tt.page, tt.stories, map[string]bool{"TestX": true}), "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
