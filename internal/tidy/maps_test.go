package tidy

import (
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strings"
	"testing"
)

// loader type-checks this module's packages from source.
type loader struct {
	fset *token.FileSet
	std  types.Importer
	done map[string]*types.Package
}

func newLoader() *loader {
	fset := token.NewFileSet()
	return &loader{fset: fset, std: importer.ForCompiler(fset, "source", nil), done: map[string]*types.Package{}}
}

// Import makes the loader a types.Importer.
func (l *loader) Import(path string) (*types.Package, error) {
	rel, ours := strings.CutPrefix(path, module)
	if !ours {
		return l.std.Import(path)
	}
	if p := l.done[path]; p != nil {
		return p, nil
	}
	dir := filepath.Join("..", "..", filepath.FromSlash(rel))
	p, err := build.ImportDir(dir, 0)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(l.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	pkg, _, err := l.check(path, files)
	l.done[path] = pkg
	return pkg, err
}

// check also returns the positions of loops over maps.
func (l *loader) check(path string, files []*ast.File) (*types.Package, []token.Position, error) {
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	pkg, err := (&types.Config{Importer: l}).Check(path, l.fset, files, info)
	var loops []token.Position
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			r, ok := n.(*ast.RangeStmt)
			if !ok {
				return true
			}
			if t := info.TypeOf(r.X); t != nil {
				if _, isMap := t.Underlying().(*types.Map); isMap {
					loops = append(loops, l.fset.Position(r.Pos()))
				}
			}
			return true
		})
	}
	return pkg, loops, err
}

// TestMachinesRangeOverNoMap: Go iterates over a map in a random order, and a
// machine must do the same for the same input.
func TestMachinesRangeOverNoMap(t *testing.T) {
	l := newLoader()
	dir := filepath.Join("..", "fsm")
	p, err := build.ImportDir(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(l.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	_, loops, err := l.check(fsmPath, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range loops {
		t.Errorf("%s: a loop over a map has a random order", at)
	}
}

func TestMapLoopsAreFound(t *testing.T) {
	const text = `package p
type set map[int]bool
func f(s set, list []int) (n int) {
	for range s { n++ }
	for _, x := range list { n += x }
	for i := range 3 { n += i }
	for k := range map[string]int{} { n += len(k) }
	return n
}`
	l := newLoader()
	f, err := parser.ParseFile(l.fset, "p.go", text, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, loops, err := l.check("p", []*ast.File{f})
	if err != nil {
		t.Fatal(err)
	}
	if len(loops) != 2 || loops[0].Line != 4 || loops[1].Line != 7 {
		t.Errorf("loops over maps found at %v, want lines 4 and 7", loops)
	}
}
