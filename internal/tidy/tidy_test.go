// Package tidy holds the rules of this repository that a compiler does not:
// who may import whom, what the machines may not do, and how long things may be.
// Every rule is itself tested on snippets that break it.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const module = "msdha/"

// source is one Go file; path is relative to the repository, with slashes.
type source struct {
	path string
	text string
	fset *token.FileSet
	tree *ast.File
}

func parse(path, text string) (*source, error) {
	s := &source{path: path, text: text, fset: token.NewFileSet()}
	var err error
	s.tree, err = parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

func (s *source) line(n ast.Node) int { return s.fset.Position(n.Pos()).Line }

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// in reports whether the file is in the directory or below it.
func (s *source) in(dir string) bool { return strings.HasPrefix(s.path, dir+"/") }

// pure reports whether the file belongs to the machines; the generator of their
// documentation lives beside them and writes a file.
func (s *source) pure() bool {
	return s.in("internal/fsm") && !s.isTest() && s.tree.Name.Name != "main"
}

// rule reports what is wrong with a file, each problem with its line.
type rule struct {
	name  string
	check func(*source, func(line int, format string, args ...any))
}

var rules = []rule{
	{"imports", checkImports},
	{"pure", checkPure},
	{"sizes", checkSizes},
	{"words", checkWords},
	{"tags", checkTags},
	{"documented", checkDocumented},
}

func TestTree(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		files++
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		checkFile(t, filepath.ToSlash(rel), string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 20 {
		t.Fatalf("only %d Go files were found below %s: the rules were applied to nothing", files, root)
	}
}

func checkFile(t *testing.T, path, text string) {
	t.Helper()
	s, err := parse(path, text)
	if err != nil {
		t.Error(err)
		return
	}
	for _, r := range rules {
		r.check(s, func(line int, format string, args ...any) {
			t.Errorf("%s:%d: %s: "+format, append([]any{path, line, r.name}, args...)...)
		})
	}
}
