package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hookGrace is how long a hook has between SIGTERM and SIGKILL.
const hookGrace = 2 * time.Second

// HookOutcome is what became of a hook.
type HookOutcome uint8

// The outcomes of a hook.
const (
	HookExited        HookOutcome = iota + 1 // by itself; see Status
	HookMissing                              // no such file: skipped
	HookNotExecutable                        // warned, skipped; Err says what it is
	HookNotStarted                           // Err says why; counts as a failure
	HookTimedOut                             // its tree was ended
	HookStopped                              // ctx ended, and with it the hook's tree
)

var hookOutcomeNames = [...]string{
	"none", "exited", "missing", "not executable", "not started", "timed out", "stopped",
}

func (o HookOutcome) String() string { return hookOutcomeNames[o] }

// HookResult is how one run of a hook ended.
type HookResult struct {
	Outcome HookOutcome
	Status  Status        // of the hook's own process, if it was started
	Elapsed time.Duration // on the monotonic clock
	Stdout  []byte        // with HookCall.Capture: at most 64 KiB
	Cut     bool          // Stdout is not all
	Err     error         // what went wrong on our side; nil after a plain exit
}

// Skipped reports that there was nothing to run (SPEC H2).
func (r HookResult) Skipped() bool {
	return r.Outcome == HookMissing || r.Outcome == HookNotExecutable
}

// OK reports success: exit 0, or skipped.
func (r HookResult) OK() bool {
	return r.Skipped() || r.Outcome == HookExited && r.Status == Status{}
}

// HookCall is one run of a hook.
type HookCall struct {
	Name    string   // file name in the directory
	Args    []string // after the name
	Env     []string // KEY=value, in addition to ours and before them
	Timeout time.Duration
	Capture bool // keep the standard output
	Whole   bool // what it leaves in the background ends with it
}

// Hooks runs the programs of one directory (SPEC H).
type Hooks struct {
	Dir    string
	Reaper *Reaper
	Output Output
}

// Look says what a run of a hook would find, without a run: an outcome for which
// Skipped holds, or none.
func (h *Hooks) Look(name string) HookResult {
	outcome, err := runnable(filepath.Join(h.Dir, name))
	return HookResult{Outcome: outcome, Err: err}
}

// Run runs a hook and waits for its end. It leads a session of its own, which
// makes it a process group too and keeps it from the terminal: a psql that asks
// for a password on /dev/tty from a background group would be stopped for good.
//
// After Timeout (0: never), or when ctx ends, its whole tree gets SIGTERM and
// 2 s later SIGKILL, and Run returns once that tree is gone, or with Err where
// we have no right to signal what is left of it. After an exit by itself what
// the hook left in the background lives on, unless the call is Whole: then what is
// left of its session ends in the same way.
func (h *Hooks) Run(ctx context.Context, call HookCall) HookResult {
	if ctx.Err() != nil {
		return HookResult{Outcome: HookStopped, Err: ctx.Err()}
	}
	path := filepath.Join(h.Dir, call.Name)
	if outcome, err := runnable(path); outcome != 0 {
		return HookResult{Outcome: outcome, Err: err}
	}
	began := time.Now()
	c := command{
		path:    path,
		args:    call.Args,
		env:     call.Env,
		name:    call.Name,
		output:  h.Output,
		capture: call.Capture,
	}
	p, streams, err := c.start(h.Reaper)
	if err != nil {
		return HookResult{Outcome: HookNotStarted, Err: err}
	}
	result := HookResult{Outcome: await(ctx, p, call.Timeout)}
	if result.Outcome != HookExited || call.Whole || ctx.Err() != nil {
		result.Err = h.Reaper.terminate(p)
	}
	if result.Err == nil { // otherwise it may live on, out of our reach
		result.Status = p.Status()
		drain(streams...)
	}
	result.Elapsed = time.Since(began)
	if call.Capture {
		result.Stdout, result.Cut = streams[0].captured()
	}
	return result
}

func await(ctx context.Context, p *Process, limit time.Duration) HookOutcome {
	var timeout <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-p.Done():
		return HookExited
	case <-timeout:
		return HookTimedOut
	case <-ctx.Done():
		return HookStopped
	}
}

// terminate ends a hook's tree: SIGTERM once to each process, then SIGKILL.
func (r *Reaper) terminate(p *Process) error {
	t := treeOf(p.ID(), nil)
	// Where the walk fails nobody is asked, and SIGKILL follows all the same.
	alive, _ := t.walk()
	signalAll(alive, unix.SIGTERM)
	grace, cancel := context.WithTimeout(context.Background(), hookGrace)
	defer cancel()
	if r.endTree(grace, t, 0) == nil {
		return nil
	}
	return r.endTree(context.Background(), t, unix.SIGKILL)
}

// runnable returns 0 for a file that can be executed, or why it is not run.
func runnable(path string) (HookOutcome, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return HookNotExecutable, fmt.Errorf("cannot run %s: it is a link to nowhere", path)
		}
		return HookMissing, nil
	case err != nil:
		return HookNotStarted, fmt.Errorf("cannot run %s: %w", path, err)
	case !info.Mode().IsRegular():
		return HookNotExecutable, fmt.Errorf("cannot run %s: it is no regular file", path)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return HookNotExecutable, fmt.Errorf("cannot run %s as uid %d: mode %v does not allow it; "+
			"chmod +x cures that: %w", path, os.Geteuid(), info.Mode().Perm(), err)
	}
	return 0, nil
}

// command is a program started with /dev/null as its input and its output read
// by line.
type command struct {
	path    string
	args    []string
	env     []string
	name    string // for the output
	output  Output
	capture bool
	user    *syscall.Credential // nil: ours
}

func (c command) start(r *Reaper) (*Process, []*stream, error) {
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot open %s: %w", os.DevNull, err)
	}
	defer unix.Close(null) //nolint:errcheck // nothing was written
	out, err := newStream(func(line string) { c.output(c.name, false, line) }, c.capture)
	if err != nil {
		return nil, nil, err
	}
	errs, err := newStream(func(line string) { c.output(c.name, true, line) }, false)
	if err != nil {
		out.abandon()
		return nil, nil, err
	}
	p, err := r.Start(c.path, append([]string{c.path}, c.args...), &syscall.ProcAttr{
		Env:   mergeEnv(os.Environ(), c.env),
		Files: []uintptr{uintptr(null), uintptr(out.write), uintptr(errs.write)},
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Pdeathsig:  unix.SIGKILL, // backstop only: a change of user clears it (SPEC R5)
			Credential: c.user,
		},
	})
	if err != nil {
		out.abandon()
		errs.abandon()
		return nil, nil, explainExec(c.path, err)
	}
	out.started()
	errs.started()
	return p, []*stream{out, errs}, nil
}

// explainExec adds the cure to the errors that execve words worst.
func explainExec(path string, err error) error {
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%w; a script needs a first line such as #!/bin/sh", err)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("%w; the interpreter in the first line of %s does not exist", err, path)
	}
	return err
}

// mergeEnv adds variables to an environment; the later one of a name wins, for
// getenv finds the first.
func mergeEnv(base, extra []string) []string {
	merged := make([]string, 0, len(base)+len(extra))
	index := make(map[string]int, len(base)+len(extra))
	for _, list := range [][]string{base, extra} {
		for _, entry := range list {
			name, _, _ := strings.Cut(entry, "=")
			if i, ok := index[name]; ok {
				merged[i] = entry
				continue
			}
			index[name] = len(merged)
			merged = append(merged, entry)
		}
	}
	return merged
}
