package main

// failure is an error with the exit code of its cause (SPEC N6).
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// ExitCode is for main.
func (f *failure) ExitCode() int { return f.code }
