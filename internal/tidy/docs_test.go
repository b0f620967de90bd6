package tidy

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"msdha/internal/runtime/config"
)

var updateDocs = flag.Bool("update-docs", false, "write the generated part of README.md anew")

// documents are what people read; paths in them are relative to the repository,
// links to the document.
var documents = []string{
	"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/adr/*.md", "examples/*/README.md",
	"chaos/README.md",
}

const (
	beginVariables = "<!-- variables:begin"
	endVariables   = "<!-- variables:end -->"
)

// between replaces what stands between two marks, each on a line of its own.
func between(text, begin, end, part string) (string, error) {
	head, rest, ok := strings.Cut(text, begin)
	if !ok {
		return "", fmt.Errorf("there is no line that begins with %q", begin)
	}
	line, rest, _ := strings.Cut(rest, "\n")
	_, tail, ok := strings.Cut(rest, end)
	if !ok {
		return "", fmt.Errorf("there is no line %q after it", end)
	}
	return head + begin + line + "\n" + part + end + tail, nil
}

func TestReadmeHasAllVariables(t *testing.T) {
	file := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want, err := between(string(text), beginVariables, endVariables, config.Markdown())
	if err != nil {
		t.Fatal(err)
	}
	if want == string(text) {
		return
	}
	if !*updateDocs {
		t.Fatal("the variables in README.md are not those of internal/runtime/config; " +
			"run go test ./internal/tidy -run Readme -update-docs")
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// repository is what documents may speak of.
type repository struct {
	files fs.FS
	tests []string // names of test functions
}

// words that documents use for things in the repository.
var (
	testName = regexp.MustCompile(`\b(?:Test|Benchmark|Fuzz)[A-Z]\w*`)
	pathName = regexp.MustCompile("`((?:internal|cmd|docs|examples|tools|chaos)/[\\w./*-]+)`")
	linkName = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// complaints are about what a document names and the repository lacks.
func (r *repository) complaints(doc, text string) []string {
	var out []string
	for _, name := range testName.FindAllString(text, -1) {
		if !slices.Contains(r.tests, name) {
			out = append(out, fmt.Sprintf("%s: there is no test %s", doc, name))
		}
	}
	for _, m := range pathName.FindAllStringSubmatch(text, -1) {
		if found, err := fs.Glob(r.files, strings.TrimSuffix(m[1], "/")); err != nil || len(found) == 0 {
			out = append(out, fmt.Sprintf("%s: there is no %s", doc, m[1]))
		}
	}
	for _, m := range linkName.FindAllStringSubmatch(text, -1) {
		if why := r.broken(doc, text, m[1]); why != "" {
			out = append(out, fmt.Sprintf("%s: the link %s leads nowhere: %s", doc, m[1], why))
		}
	}
	return out
}

// broken says why a link leads nowhere. Links to elsewhere are not followed.
func (r *repository) broken(doc, text, link string) string {
	if strings.Contains(link, "://") {
		return ""
	}
	file, fragment, _ := strings.Cut(link, "#")
	if file != "" {
		raw, err := fs.ReadFile(r.files, path.Join(path.Dir(doc), file))
		if info, errStat := fs.Stat(r.files, path.Join(path.Dir(doc), file)); errStat == nil && info.IsDir() {
			err = nil
		}
		if err != nil {
			return err.Error()
		}
		text = string(raw)
	}
	if fragment != "" && !slices.Contains(anchors(text), fragment) {
		return "no such heading"
	}
	return ""
}

// anchors are what GitHub makes of the headings.
func anchors(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
				return r
			}
			return -1
		}, strings.ToLower(m[1]))
		out = append(out, anchor)
	}
	return out
}

// readRepository collects the names of all test functions.
func readRepository(t *testing.T) *repository {
	t.Helper()
	r := &repository{files: os.DirFS(filepath.Join("..", ".."))}
	err := fs.WalkDir(r.files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := fs.ReadFile(r.files, name)
		if err != nil {
			return err
		}
		s, err := parse(name, string(bytes.ToValidUTF8(text, nil)))
		if err != nil {
			return err
		}
		for _, d := range s.tree.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && testName.MatchString(f.Name.Name) {
				r.tests = append(r.tests, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDocumentsSpeakOfWhatThereIs holds every test, path and link that a
// document names against the repository.
func TestDocumentsSpeakOfWhatThereIs(t *testing.T) {
	r := readRepository(t)
	read := 0
	for _, pattern := range documents {
		names, err := fs.Glob(r.files, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			text, err := fs.ReadFile(r.files, name)
			if err != nil {
				t.Fatal(err)
			}
			read++
			for _, c := range r.complaints(name, string(text)) {
				t.Error(c)
			}
		}
	}
	if read < 5 {
		t.Errorf("only %d documents were read", read)
	}
}
