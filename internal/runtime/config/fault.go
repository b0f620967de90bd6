package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Fault is one thing that is wrong with the environment.
type Fault struct {
	Variable string
	// Value is what was found, fit to be printed: passwords are hidden in it.
	// It is empty for a variable that is not set.
	Value string
	// File is the file that the value came from, empty for the environment.
	File string
	// Reason says what is wrong with the value, or why there is none.
	Reason string
	// Want is the accepted form.
	Want string
}

// Error is one line.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString("cannot use ")
	b.WriteString(f.Variable)
	if f.Value != "" {
		b.WriteString("=" + quote(f.Value))
	}
	if f.File != "" {
		b.WriteString(" from file " + quote(f.File))
	}
	b.WriteString(": " + f.Reason)
	if f.Want != "" {
		b.WriteString("; want " + f.Want)
	}
	return b.String()
}

// Faults is everything that is wrong with an environment, in the order of the
// table. It is never empty when it is returned as an error.
type Faults []Fault

// Error prints one fault per line.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the single faults to errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// Warning is something that is odd but does not keep a program from starting.
type Warning struct {
	Variable string
	Text     string
}

func (w Warning) String() string { return w.Variable + ": " + w.Text }

// quote prints a value on one line and at a bearable length, whatever it holds.
func quote(s string) string {
	const limit = 120
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q... (%d bytes)", s[:limit], len(s))
}
