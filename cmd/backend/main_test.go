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
		{[]string{"--help"}, 0, []string{"MSDHA_HOOKS_DIR", "ETCDCTL_ENDPOINTS", "MSDHA_RUN_DIR"}, ""},
		{[]string{"-h"}, 0, []string{"MSDHA_GROUP"}, ""},
		{[]string{"--version"}, 0, []string{"msdha backend unversioned"}, ""},
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
