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
		testkit.Call{Args: []string{"--help"}, Out: []string{"MSDHA_ENGINE", "ETCDCTL_ENDPOINTS", "witness proxy"}},
		testkit.Call{Args: []string{"-h"}, Out: []string{"MSDHA_GROUP"}},
		testkit.Call{Args: []string{"--version"}, Out: []string{"msdha witness unversioned"}},
		testkit.Call{
			Args: []string{"--master"}, Code: 78,
			Errs: `unknown argument "--master"; it is run without any, see --help`,
		},
		testkit.Call{Args: []string{"a", "b"}, Code: 78, Errs: `unknown argument "a"`},
	)
}

// TestConfiguration: nothing is started without one, and each fault is said.
func TestConfiguration(t *testing.T) {
	t.Setenv("ETCDCTL_ENDPOINTS", "")
	t.Setenv("MSDHA_ENGINE", "tcp://docker:2375")
	for _, c := range []struct{ args, says []string }{
		{nil, []string{"ETCDCTL_ENDPOINTS", "MSDHA_ENGINE", "no Unix socket"}},
		{[]string{"proxy"}, []string{"MSDHA_ENGINE", "no Unix socket"}},
	} {
		code, _, errs := capture(t, c.args...)
		for _, want := range c.says {
			if !strings.Contains(errs, want) {
				t.Errorf("%q: nothing is said of %s in\n%s", c.args, want, errs)
			}
		}
		if code != 78 || c.args != nil && strings.Contains(errs, "ETCDCTL") {
			t.Errorf("%q: exit %d\n%s", c.args, code, errs)
		}
	}
}

// TestProxyThatCannotListen ends with the code for a wrong configuration.
func TestProxyThatCannotListen(t *testing.T) {
	t.Setenv("MSDHA_ENGINE_PROXY", "unix:///nowhere/at/all.sock")
	if code, _, errs := capture(t, "proxy"); code != 78 || !strings.Contains(errs, "/nowhere/at/all.sock") {
		t.Errorf("exit %d, %s", code, errs)
	}
}
