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
	for _, c := range []struct {
		args []string
		code int
		out  []string
		errs string
	}{
		{[]string{"--help"}, 0, []string{"MSDHA_ENGINE", "ETCDCTL_ENDPOINTS", "witness proxy"}, ""},
		{[]string{"-h"}, 0, []string{"MSDHA_GROUP"}, ""},
		{[]string{"--version"}, 0, []string{"msdha witness unversioned"}, ""},
		{[]string{"--master"}, 78, nil, `unknown argument "--master"; it is run without any, see --help`},
		{[]string{"a", "b"}, 78, nil, `unknown argument "a"`},
	} {
		code, out, errs := capture(t, c.args...)
		if code != c.code || !strings.Contains(errs, c.errs) || c.errs == "" && errs != "" {
			t.Errorf("%q: exit %d, %q", c.args, code, errs)
		}
		for _, want := range c.out {
			if !strings.Contains(out, want) {
				t.Errorf("%q: no %q in\n%s", c.args, want, out)
			}
		}
	}
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
