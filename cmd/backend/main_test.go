package main

import (
	"strings"
	"testing"

	"msdha/internal/testkit"
)

func capture(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	return testkit.Capture(t, func() int { return run(args) })
}

func TestInfo(t *testing.T) {
	testkit.Calls(t, run,
		testkit.Call{Args: []string{"--help"}, Out: []string{"MSDHA_HOOKS_DIR", "ETCDCTL_ENDPOINTS", "MSDHA_RUN_DIR"}},
		testkit.Call{Args: []string{"-h"}, Out: []string{"MSDHA_GROUP"}},
		testkit.Call{Args: []string{"--version"}, Out: []string{"msdha backend unversioned"}},
		testkit.Call{
			Args: []string{"--master"}, Code: 78,
			Errs: `unknown argument "--master"; it is run without any, see --help`,
		},
		testkit.Call{Args: []string{"a", "b"}, Code: 78, Errs: `unknown argument "a"`},
	)
}

// TestForeignLink: the variable by which a guard speaks to its agent is nobody
// else's to set.
func TestForeignLink(t *testing.T) {
	for _, value := range []string{"x", "1", "999"} {
		t.Setenv("MSDHA_GUARD_LINK", value)
		code, _, errs := capture(t)
		if code != 78 || !strings.Contains(errs, "cannot attach to the guard") {
			t.Errorf("%q: exit %d, %q", value, code, errs)
		}
	}
}
