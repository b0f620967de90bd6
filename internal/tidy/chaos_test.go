package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// suite is what the chaos suite says of itself: its scenarios by the variable
// that holds each, and the variables that are played.
type suite struct {
	names  map[string]string
	played []string
}

// take adds what a file declares.
func (s *suite) take(file *source) {
	for _, d := range file.tree.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if !ok || len(v.Values) != 1 {
				continue
			}
			if lit, ok := v.Values[0].(*ast.CompositeLit); ok {
				s.declare(v.Names[0].Name, lit)
			}
		}
	}
}

func (s *suite) declare(variable string, lit *ast.CompositeLit) {
	typ, _ := lit.Type.(*ast.Ident)
	for _, e := range lit.Elts {
		pair, isPair := e.(*ast.KeyValueExpr)
		id, isName := e.(*ast.Ident)
		switch {
		case variable == "scenarios" && isName:
			s.played = append(s.played, id.Name)
		case typ != nil && typ.Name == "scenario" && isPair:
			key, _ := pair.Key.(*ast.Ident)
			text, isText := pair.Value.(*ast.BasicLit)
			if key != nil && key.Name == "name" && isText {
				s.names[variable], _ = strconv.Unquote(text.Value)
			}
		}
	}
}

// faults of research/features.md (c).
const faults = 35

var (
	codeWords    = regexp.MustCompile("`([^`]+)`")
	scenarioName = regexp.MustCompile(`^f\d\d-[a-z0-9-]+$`)
)

// complaints are about scenarios that nobody plays or lists, and rows that say
// nothing, or of scenarios that are not there.
func (s *suite) complaints(readme string) (out []string) {
	_, list, _ := strings.Cut(readme, "\n## Faults\n")
	list, _, _ = strings.Cut(list, "\n## ")
	var listed []string
	for _, m := range codeWords.FindAllStringSubmatch(list, -1) {
		listed = append(listed, m[1])
	}
	var there []string
	for variable, name := range s.names {
		there = append(there, name)
		if !slices.Contains(s.played, variable) {
			out = append(out, fmt.Sprintf("%s is not among the scenarios that are played", name))
		}
		if !slices.Contains(listed, name) {
			out = append(out, fmt.Sprintf("%s is not in the list of chaos/README.md", name))
		}
	}
	for _, name := range listed {
		if scenarioName.MatchString(name) && !slices.Contains(there, name) {
			out = append(out, fmt.Sprintf("chaos/README.md lists %s, which is not there", name))
		}
	}
	for n := 1; n <= faults; n++ {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| F%d \| .+ \| (.+) \|$`, n)).FindStringSubmatch(list)
		if row == nil {
			out = append(out, fmt.Sprintf("F%d has no row in chaos/README.md", n))
			continue
		}
		reason := strings.HasPrefix(row[1], "pending") || strings.HasPrefix(row[1], "not here")
		if !reason && !strings.HasPrefix(row[1], "`f") {
			out = append(out, fmt.Sprintf("F%d has neither a scenario nor a reason", n))
		}
	}
	slices.Sort(out)
	return out
}

// chaosSuite reads what chaos/ has.
func chaosSuite(t *testing.T) *suite {
	t.Helper()
	s := &suite{names: map[string]string{}}
	paths, err := filepath.Glob(filepath.Join("..", "..", "chaos", "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parse(path, string(text))
		if err != nil {
			t.Fatal(err)
		}
		s.take(file)
	}
	if len(s.names) < 5 || len(s.played) < 5 {
		t.Fatalf("only %d scenarios were found, %d of them played", len(s.names), len(s.played))
	}
	return s
}

func TestChaosListsItsScenarios(t *testing.T) {
	s := chaosSuite(t)
	readme, err := os.ReadFile(filepath.Join("..", "..", "chaos", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.complaints(string(readme)) {
		t.Error(c)
	}
}

func TestChaosRulesCanFail(t *testing.T) {
	file, err := parse("chaos/x_test.go", `package chaos
		var a, c = 1, 2
		var first = scenario{name: "f01-first", tier: fast}
		var second = scenario{name: "second"}
		var scenarios = []scenario{first}`)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{names: map[string]string{}}
	s.take(file)
	var readme strings.Builder
	readme.WriteString("`second`\n## Faults\n| F1 | x | `f01-first` |\n| F2 | x | `f02-none` |\n| F3 | x | later |\n")
	for n := 4; n < faults; n++ {
		fmt.Fprintf(&readme, "| F%d | x | pending: y |\n", n)
	}
	want := []string{
		"F3 has neither a scenario nor a reason", "F35 has no row in chaos/README.md",
		"chaos/README.md lists f02-none, which is not there", "second is not among the scenarios that are played",
		"second is not in the list of chaos/README.md",
	}
	if got := s.complaints("\n" + readme.String()); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
