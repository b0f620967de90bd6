package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait for something that has to happen.
const patience = 20 * time.Second

// helperVariable makes the test binary play a part in another process.
const helperVariable = "PROC_TEST_HELPER"

func TestMain(m *testing.M) {
	if part := os.Getenv(helperVariable); part != "" {
		os.Exit(runHelper(part))
	}
	goleak.VerifyTestMain(m)
}

func runHelper(part string) int {
	parts := map[string]func() error{
		"refused":     helpRefused,
		"death":       helpDeath,
		"zombieChief": helpZombieChief,
	}
	play, ok := parts[part]
	if !ok {
		fmt.Println("no such part:", part)
		return 2
	}
	if err := play(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// lab is a reaper and a directory of hooks, cleaned up with the test.
type lab struct {
	*Hooks
	t    testing.TB
	mark string

	mu    sync.Mutex
	lines []string // "hook: line", "hook! line" for standard error
}

// markVariable is in the environment of everything a lab starts, so that what
// is left of it can be found without trusting the code under test.
const markVariable = "PROC_TEST_MARK"

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, mark: t.Name() + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	reaper, err := NewReaper()
	if err != nil {
		t.Fatal(err)
	}
	l.Hooks = &Hooks{Dir: t.TempDir(), Reaper: reaper, Output: l.note}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := reaper.KillTree(ctx, os.Getpid()); err != nil {
			t.Error(err)
		}
		l.noneLeft()
		reaper.Close()
	})
	return l
}

func (l *lab) note(hook string, stderr bool, line string) {
	sep := ": "
	if stderr {
		sep = "! "
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, hook+sep+line)
}

// write makes a shell script of the body, without its first line.
func (l *lab) write(name, body string) {
	l.t.Helper()
	path := filepath.Join(l.Dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) run(call HookCall) HookResult {
	call.Env = append(call.Env, markVariable+"="+l.mark)
	return l.Run(context.Background(), call)
}

// child writes the start hook and starts it.
func (l *lab) child(body string) *Child {
	l.t.Helper()
	l.write(StartHook, body)
	c, err := l.StartChild(ChildCall{Env: []string{markVariable + "=" + l.mark}})
	if err != nil {
		l.t.Fatal(err)
	}
	return c
}

func (l *lab) output() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// printed waits until the program has written the line, and returns what
// follows its first word.
func (l *lab) printed(prefix string) (rest string) {
	l.t.Helper()
	defer func() {
		if l.t.Failed() {
			l.t.Logf("output: %q", l.output())
		}
	}()
	eventually(l.t, "a line "+prefix, func() bool {
		for _, line := range l.output() {
			if found, ok := strings.CutPrefix(line, prefix); ok {
				rest = strings.TrimSpace(found)
				return true
			}
		}
		return false
	})
	return rest
}

func (l *lab) noneLeft() {
	l.t.Helper()
	if pids := marked(l.mark); len(pids) > 0 {
		l.t.Errorf("processes %v are left", pids)
	}
}

// marked finds live processes by their environment; that of the dead is empty.
func marked(mark string) (pids []int) {
	dirs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range dirs {
		env, err := os.ReadFile(path)
		if err == nil && bytes.Contains(env, []byte(markVariable+"="+mark+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// awaitMarked waits until n processes of the lab run.
func (l *lab) awaitMarked(n int) {
	l.t.Helper()
	eventually(l.t, fmt.Sprint(n, " processes"), func() bool { return len(marked(l.mark)) >= n })
}

func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (l *lab) killAll() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.Reaper.KillTree(ctx, os.Getpid()); err != nil {
		l.t.Fatal(err)
	}
	l.noneLeft()
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start processes of another user")
	}
}
