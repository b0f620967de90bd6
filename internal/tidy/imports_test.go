package tidy

import (
	"slices"
	"strconv"
	"strings"
)

const (
	fsmPath     = module + "internal/fsm"
	runtimePath = module + "internal/runtime"
	simPath     = module + "internal/sim"
	etcdtest    = "etcdtest"
	engine      = "engine"
	pgtest      = "internal/pgtest"
	testkit     = "internal/testkit"
)

// pureImports is all that the machines may use of the standard library: nothing
// in it does input or output, reads a clock or draws random numbers, apart from
// the functions that the rule "pure" forbids by name.
var pureImports = []string{
	"bytes", "cmp", "encoding/json", "errors", "fmt", "math", "math/bits", "slices", "strconv",
	"strings", "time", "unicode", "unicode/utf8",
}

// machines are the packages of the pure part.
var machines = []string{fsmPath, fsmPath + "/kv", fsmPath + "/mutant"}

// adapterImports says which adapters another one may use. Whatever else two of
// them have to do with each other goes through package runtime.
var adapterImports = map[string][]string{
	"guard": {"proc", "clock"},
}

// demos may start an embedded etcd of their own; the rig of the chaos suite takes
// only its certificates and users.
var demos = []string{"cmd/msdhactl", "internal/demo", "chaos/rig"}

func checkImports(s *source, report func(int, string, ...any)) {
	for _, spec := range s.tree.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		if why := forbidden(s, path); why != "" {
			report(s.line(spec), "%q: %s", path, why)
		}
	}
}

// forbidden says why the file may not import path; empty when it may.
func forbidden(s *source, path string) string {
	switch {
	case s.pure():
		if !slices.Contains(pureImports, path) && !slices.Contains(machines, path) {
			return "the machines are pure: they import nothing that could do, wait or know anything"
		}
	case s.in("internal/fsm") && (below(path, runtimePath) || below(path, simPath)):
		return "the machines' tests need neither runtime nor simulator"
	case s.in("internal/sim") && below(path, runtimePath) && !(s.isTest() && adapter(path) == etcdtest):
		return "simulator and runtime never import each other (tests may use etcdtest)"
	case s.in("internal/runtime") && below(path, simPath):
		return "simulator and runtime never import each other"
	case adapterOf(s) != engine && !s.in("cmd/witness") && (adapter(path) == engine ||
		s.in("internal/runtime") && strings.HasPrefix(path, "github.com/moby/")):
		return "an engine's client is large, and every guard would have it in its memory: it is cmd/witness's"
	}
	if why := forbiddenAdapter(s, path); why != "" {
		return why
	}
	if adapter(path) == etcdtest && !s.isTest() && !s.in("internal/runtime/"+etcdtest) && !inAny(s, demos) {
		return "an embedded etcd is for tests and the demo"
	}
	if (path == module+testkit || path == module+pgtest) && !s.isTest() && !s.in(pgtest) {
		return "what tests share is for tests: it brings package testing along"
	}
	return ""
}

// forbiddenAdapter: an adapter knows neither the others nor the machines.
func forbiddenAdapter(s *source, path string) string {
	own := adapterOf(s)
	if own == "" {
		return ""
	}
	other := adapter(path)
	switch {
	case path == fsmPath:
		return "an adapter knows nothing of the machines; package runtime translates"
	case path == runtimePath:
		return "an adapter knows nothing of what drives it"
	case other == "" || other == own || other == "clock" || slices.Contains(adapterImports[own], other):
		return ""
	case other == etcdtest && s.isTest():
		return ""
	}
	return "adapters know nothing of each other"
}

func adapterOf(s *source) string {
	return adapter(module + s.path[:max(0, strings.LastIndexByte(s.path, '/'))])
}

// adapter is the adapter that a package belongs to; empty for other packages.
func adapter(path string) string {
	rest, ok := strings.CutPrefix(path, runtimePath+"/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func inAny(s *source, dirs []string) bool { return slices.ContainsFunc(dirs, s.in) }
