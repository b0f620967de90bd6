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
		testkit.Call{Args: []string{"--help"}, Out: []string{"MSDHA_PORT", "ETCDCTL_ENDPOINTS"}},
		testkit.Call{Args: []string{"-h"}, Out: []string{"MSDHA_GROUP"}},
		testkit.Call{Args: []string{"--version"}, Out: []string{"msdha frontend unversioned"}},
		testkit.Call{
			Args: []string{"--master"}, Code: 78,
			Errs: `unknown argument "--master"; it is run without any, see --help`,
		},
		testkit.Call{Args: []string{"a", "b"}, Code: 78, Errs: `unknown argument "a"`},
	)
}

// TestConfiguration: nothing is started without one, and each fault is said.
func TestConfiguration(t *testing.T) {
	for _, name := range []string{"ETCDCTL_ENDPOINTS", "MSDHA_GROUP", "MSDHA_PORT"} {
		t.Setenv(name, "")
	}
	code, _, errs := capture(t)
	for _, name := range []string{"ETCDCTL_ENDPOINTS", "MSDHA_GROUP", "MSDHA_PORT"} {
		if !strings.Contains(errs, name) {
			t.Errorf("nothing is said of %s in\n%s", name, errs)
		}
	}
	if code != 78 {
		t.Errorf("exit %d", code)
	}
}
