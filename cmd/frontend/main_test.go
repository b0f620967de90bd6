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
		{[]string{"--help"}, 0, []string{"MSDHA_PORT", "ETCDCTL_ENDPOINTS"}, ""},
		{[]string{"-h"}, 0, []string{"MSDHA_GROUP"}, ""},
		{[]string{"--version"}, 0, []string{"msdha frontend unversioned"}, ""},
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
