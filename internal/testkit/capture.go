package testkit

import (
	"io"
	"os"
	"testing"
)

// Capture runs a program's main part and returns its exit code and what it
// printed. The standard streams are the process's, so no other test may print at
// the same time.
func Capture(t testing.TB, run func() int) (code int, out, errs string) {
	t.Helper()
	stdout, stderr := divert(t, &os.Stdout), divert(t, &os.Stderr)
	code = run()
	return code, stdout(), stderr()
}

// divert takes what is printed there until the result is called.
func divert(t testing.TB, file **os.File) (end func() string) {
	t.Helper()
	old := *file
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	*file = w
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(r)
		_ = r.Close()
		text <- string(b)
	}()
	return func() string {
		*file = old
		_ = w.Close()
		return <-text
	}
}
