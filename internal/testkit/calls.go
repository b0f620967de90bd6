package testkit

import (
	"strings"
	"testing"
)

// Call is a program's command line, with how it has to end and what it has to say:
// every text of Out on standard output, Errs on standard error, which stays empty
// where Errs is.
type Call struct {
	Args []string
	Code int
	Out  []string
	Errs string
}

// Calls makes each call of a program.
func Calls(t *testing.T, program func(args []string) int, calls ...Call) {
	t.Helper()
	for _, c := range calls {
		code, out, errs := Capture(t, func() int { return program(c.Args) })
		if code != c.Code || !strings.Contains(errs, c.Errs) || c.Errs == "" && errs != "" {
			t.Errorf("%q: exit %d, %q", c.Args, code, errs)
		}
		for _, want := range c.Out {
			if !strings.Contains(out, want) {
				t.Errorf("%q: no %q in\n%s", c.Args, want, out)
			}
		}
	}
}
