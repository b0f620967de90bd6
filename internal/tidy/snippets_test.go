package tidy

import (
	"fmt"
	"strings"
	"testing"
)

func importing(pkg, path string) string { return fmt.Sprintf("package %s\n\nimport _ %q\n", pkg, path) }

func lines(n int) string { return "package p\n" + strings.Repeat("\n", n-2) + "var x int\n" }

func function(n int) string {
	return "package p\n\nfunc f() {\n" + strings.Repeat("\tprint()\n", n-2) + "}\n"
}

// bad are files that break exactly one rule, with a word of the complaint.
var bad = []struct{ rule, path, text, want string }{
	{"imports", "internal/fsm/x.go", importing("fsm", "os"), "pure"},
	{"imports", "internal/fsm/x.go", importing("fsm", "math/rand/v2"), "pure"},
	{"imports", "internal/fsm/x.go", importing("fsm", "sync"), "pure"},
	{"imports", "internal/fsm/kv/x.go", importing("kv", "context"), "pure"},
	{"imports", "internal/fsm/mutant/x.go", importing("mutant", "os"), "pure"},
	{"imports", "internal/fsm/x.go", importing("fsm", "go.etcd.io/etcd/client/v3"), "pure"},
	{"imports", "internal/fsm/x.go", importing("fsm", "msdha/internal/runtime/clock"), "pure"},
	{"imports", "internal/fsm/x_test.go", importing("fsm", "msdha/internal/sim"), "tests need neither"},
	{"imports", "internal/sim/x.go", importing("sim", "msdha/internal/runtime"), "never import each other"},
	{"imports", "internal/sim/x.go", importing("sim", "msdha/internal/runtime/etcdtest"), "never import"},
	{"imports", "internal/sim/x_test.go", importing("sim", "msdha/internal/runtime/store"), "never import"},
	{"imports", "internal/runtime/x.go", importing("runtime", "msdha/internal/sim"), "never import"},
	{"imports", "internal/runtime/proc/x_test.go", importing("proc", "msdha/internal/sim"), "never import"},
	{"imports", "internal/runtime/store/x.go", importing("store", "msdha/internal/fsm"), "machines"},
	{"imports", "internal/runtime/guard/x.go", importing("guard", "msdha/internal/fsm"), "machines"},
	{"imports", "internal/runtime/proxy/x.go", importing("proxy", "msdha/internal/runtime"), "drives it"},
	{"imports", "internal/runtime/proxy/x.go", importing("proxy", "msdha/internal/runtime/proc"), "each other"},
	{"imports", "internal/runtime/proc/x.go", importing("proc", "msdha/internal/runtime/guard"), "each other"},
	{"imports", "internal/runtime/store/x.go", importing("store", "msdha/internal/runtime/etcdtest"), "each other"},
	{"imports", "internal/runtime/x.go", importing("runtime", "msdha/internal/runtime/etcdtest"), "for tests"},
	{"imports", "cmd/backend/main.go", importing("main", "msdha/internal/runtime/etcdtest"), "for tests"},
	{"imports", "internal/runtime/x.go", importing("runtime", "msdha/internal/runtime/engine"), "cmd/witness's"},
	{"imports", "internal/runtime/x.go", importing("runtime", "github.com/moby/moby/client"), "cmd/witness's"},
	{"imports", "cmd/backend/main.go", importing("main", "msdha/internal/runtime/engine"), "cmd/witness's"},
	{"imports", "internal/demo/x.go", importing("demo", "msdha/internal/testkit"), "is for tests"},
	{"imports", "chaos/rig/x.go", importing("rig", "msdha/internal/pgtest"), "is for tests"},

	{"pure", "internal/fsm/x.go", "package fsm\n\nimport \"time\"\n\nvar x = time.Now\n", "argument"},
	{"pure", "internal/sim/x.go", "package sim\n\nfunc f() { time.Sleep(1) }\n", "argument"},
	{"pure", "internal/fsm/x.go", "package fsm\n\nfunc f() { go f() }\n", "goroutine"},
	{"pure", "internal/sim/x.go", "package sim\n\nfunc f() { go f() }\n", "goroutine"},
	{"pure", "internal/fsm/x.go", "package fsm\n\nvar c chan int\n", "channel"},
	{"pure", "internal/fsm/x.go", "package fsm\n\nfunc f() { fmt.Println() }\n", "streams"},
	{"pure", "internal/sim/x.go", "package sim\n\nfunc f() { rand.IntN(3) }\n", "seed"},

	{"sizes", "x.go", lines(maxFileLines + 1), "split it"},
	{"sizes", "x_test.go", function(maxTestLines + 1), "91 lines"},
	{"sizes", "x.go", function(maxFuncLines + 1), "71 lines"},
	{"sizes", "x.go", "package p\n\n//" + strings.Repeat("ä", maxColumns-1) + "\n", "121 columns"},
	{"sizes", "x.go", "package p\n\n/*\n\t" + strings.Repeat("x", maxColumns-3) + "*/\n", "columns"},
	{"words", "x.go", "package p\n\n// TO" + "DO: later.\n", "finish it"},
	{"words", "cmd/x/x.go", "package p\n\nvar x int /* FIX" + "ME */\n", "finish it"},
	{"tags", "internal/sim/x.go", "//go:build mutants\n\npackage sim\n", "mutants"},
	{"tags", "internal/fsm/x.go", "//go:build linux && !mutants\n\npackage fsm\n", "mutants"},

	{"documented", "internal/fsm/x.go", "package fsm\n\nfunc F() {}\n", "F is exported"},
	{"documented", "internal/fsm/x.go", "package fsm\n\nfunc (m *M[T]) F() {}\n", "F is exported"},
	{"documented", "internal/fsm/kv/x.go", "package kv\n\ntype T int\n", "T is exported"},
	{"documented", "internal/fsm/x.go", "package fsm\n\nvar a, B int\n", "B is exported"},
	{"documented", "internal/fsm/x.go", "package fsm\n\n// Group.\ntype (\n\tT int\n)\n", "T is exported"},
}

// good are files that break none.
var good = []struct{ path, text string }{
	{"internal/fsm/x.go", importing("fsm", "msdha/internal/fsm/kv")},
	{"internal/fsm/x_test.go", importing("fsm", "os")},
	{"internal/tidy/gendoc/main.go", importing("main", "os")},
	{"internal/sim/x_test.go", importing("sim", "msdha/internal/runtime/etcdtest")},
	{"internal/sim/x.go", "package sim\n\nvar r = rand.New(rand.NewPCG(1, 2))\n"},
	{"internal/runtime/x.go", importing("runtime", "msdha/internal/fsm")},
	{"internal/runtime/guard/x.go", importing("guard", "msdha/internal/runtime/proc")},
	{"internal/runtime/guard/internal/t/x.go", importing("main", "msdha/internal/runtime/guard")},
	{"internal/runtime/store/x.go", importing("store", "msdha/internal/fsm/kv")},
	{"internal/runtime/store/x_test.go", importing("store", "msdha/internal/runtime/etcdtest")},
	{"internal/runtime/proxy/x.go", "package proxy\n\nfunc f() { go f(); time.Sleep(1) }\n"},
	{"cmd/msdhactl/x.go", importing("main", "msdha/internal/runtime/etcdtest")},
	{"internal/runtime/proxy/x_test.go", importing("proxy", "msdha/internal/testkit")},
	{"internal/pgtest/x.go", importing("pgtest", "msdha/internal/testkit")},
	{"internal/fsm/mutant/on.go", "//go:build mutants\n\npackage mutant\n"},
	{"internal/sim/x_test.go", "//go:build mutants\n\npackage sim\n"},
	{"internal/fsm/x.go", "package fsm\n\nfunc (e E) String() string { return \"\" }\n\nfunc (e e) F() {}\n"},
	{"internal/fsm/x.go", "package fsm\n\n// The Es.\nconst (\n\tE1 = iota\n\tE2\n)\n"},
	{"x.go", lines(maxFileLines)},
	{"x.go", function(maxFuncLines)},
}

// broken lists the rules that a file breaks, and the complaints.
func broken(t *testing.T, path, text string) (names, complaints []string) {
	t.Helper()
	s, err := parse(path, text)
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, text)
	}
	for _, r := range rules {
		r.check(s, func(_ int, format string, args ...any) {
			names = append(names, r.name)
			complaints = append(complaints, fmt.Sprintf(format, args...))
		})
	}
	return names, complaints
}

func TestRulesCanFail(t *testing.T) {
	seen := map[string]bool{}
	for i, c := range bad {
		names, complaints := broken(t, c.path, c.text)
		if len(names) != 1 || names[0] != c.rule || !strings.Contains(complaints[0], c.want) {
			t.Errorf("bad snippet %d (%s): rules %v complain %q, want one complaint of %q with %q",
				i, c.path, names, complaints, c.rule, c.want)
		}
		seen[c.rule] = true
	}
	for _, r := range rules {
		if !seen[r.name] {
			t.Errorf("no snippet breaks the rule %q: it may be unable to fail", r.name)
		}
	}
}

func TestRulesLetGoodCodePass(t *testing.T) {
	for i, c := range good {
		if _, complaints := broken(t, c.path, c.text); len(complaints) > 0 {
			t.Errorf("good snippet %d (%s): %q", i, c.path, complaints)
		}
	}
}
