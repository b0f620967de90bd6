package tidy

import (
	"go/ast"
	"go/build/constraint"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of what a reader can hold. A tab counts as four columns.
const (
	maxFileLines = 400
	maxFuncLines = 70
	maxTestLines = 90 // a table of cases is data
	maxColumns   = 120
	tabColumns   = 4
)

func checkSizes(s *source, report func(int, string, ...any)) {
	lines := strings.Split(strings.TrimSuffix(s.text, "\n"), "\n")
	if len(lines) > maxFileLines {
		report(len(lines), "the file has %d lines; split it by idea, at most %d", len(lines), maxFileLines)
	}
	for i, l := range lines {
		columns := utf8.RuneCountInString(l) + strings.Count(l, "\t")*(tabColumns-1)
		if columns > maxColumns {
			report(i+1, "the line has %d columns, at most %d", columns, maxColumns)
		}
	}
	limit := maxFuncLines
	if s.isTest() {
		limit = maxTestLines
	}
	for _, d := range s.tree.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := s.fset.Position(f.End()).Line - s.line(f) + 1; n > limit {
			report(s.line(f), "%s has %d lines, at most %d", f.Name.Name, n, limit)
		}
	}
}

// The words are put together so that this file does not contain them.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME)\b`)

func checkWords(s *source, report func(int, string, ...any)) {
	for _, g := range s.tree.Comments {
		for _, c := range g.List {
			if w := unfinished.FindString(c.Text); w != "" {
				report(s.line(c), "%s: finish it, or open an issue", w)
			}
		}
	}
}

// checkTags keeps planted bugs out of everything that is released.
func checkTags(s *source, report func(int, string, ...any)) {
	if s.isTest() || s.in("internal/fsm/mutant") {
		return
	}
	for _, g := range s.tree.Comments {
		for _, c := range g.List {
			expr, err := constraint.Parse(c.Text)
			if err != nil || c.Pos() > s.tree.Package {
				continue
			}
			expr.Eval(func(tag string) bool {
				if tag == "mutants" {
					report(s.line(c), "the build tag mutants belongs to internal/fsm/mutant and to tests")
				}
				return false
			})
		}
	}
}

// clockReaders are what package time offers beyond arithmetic.
var clockReaders = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker",
}

// seeded is what a deterministic program may use of math/rand/v2.
var seeded = []string{"New", "NewPCG", "NewChaCha8", "NewZipf", "Rand", "PCG", "ChaCha8", "Zipf", "Source"}

// checkPure: the machines neither do anything nor know the time; the simulator
// gives the same for the same seed.
func checkPure(s *source, report func(int, string, ...any)) {
	if !s.pure() && (!s.in("internal/sim") || s.isTest()) {
		return
	}
	ast.Inspect(s.tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			report(s.line(n), "a goroutine: the order of what it does is not in the input")
		case *ast.SelectStmt, *ast.ChanType:
			if s.pure() {
				report(s.line(n), "a channel: a machine waits for nothing")
			}
		case *ast.SelectorExpr:
			checkCall(s, n, report)
		}
		return true
	})
}

func checkCall(s *source, n *ast.SelectorExpr, report func(int, string, ...any)) {
	pkg, ok := n.X.(*ast.Ident)
	if !ok {
		return
	}
	name := n.Sel.Name
	switch {
	case pkg.Name == "time" && slices.Contains(clockReaders, name):
		report(s.line(n), "time.%s: time is an argument here", name)
	case pkg.Name == "rand" && !slices.Contains(seeded, name):
		report(s.line(n), "rand.%s draws from a source that no seed decides", name)
	case pkg.Name == "fmt" && s.pure() && (strings.HasPrefix(name, "Print") || strings.HasPrefix(name, "Scan")):
		report(s.line(n), "fmt.%s: a machine has no standard streams", name)
	}
}

// customary are methods whose name says all there is to say.
var customary = []string{"String", "Error"}

func checkDocumented(s *source, report func(int, string, ...any)) {
	if !s.pure() {
		return
	}
	for _, d := range s.tree.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !slices.Contains(customary, d.Name.Name) {
				report(s.line(d), "%s is exported and has no comment", d.Name.Name)
			}
		case *ast.GenDecl:
			if d.Doc == nil || d.Tok == token.TYPE && d.Lparen.IsValid() {
				checkSpecs(s, d, report)
			}
		}
	}
}

func checkSpecs(s *source, d *ast.GenDecl, report func(int, string, ...any)) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && spec.Comment == nil {
				report(s.line(spec), "%s is exported and has no comment", spec.Name.Name)
			}
		case *ast.ValueSpec:
			for _, n := range spec.Names {
				if n.IsExported() && spec.Doc == nil && spec.Comment == nil {
					report(s.line(n), "%s is exported and has no comment", n.Name)
				}
			}
		}
	}
}

// exportedReceiver: methods of unexported types are nobody's interface.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return true
		}
	}
}
