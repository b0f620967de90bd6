package proc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// endThreads ends n operating system threads: Go ends those of goroutines that
// end while locked to them.
func endThreads(n int) {
	var all sync.WaitGroup
	for range n {
		all.Go(runtime.LockOSThread)
	}
	all.Wait()
}

func TestHookOutcomes(t *testing.T) {
	l := newLab(t)
	l.write("good", "echo hello; echo trouble >&2; printf unfinished")
	l.write("bad", "exit 7")
	l.write("killed", "kill -KILL $$")
	l.write("stdin", "wc -c; test ! -t 0")
	l.write("plain", "exit 0")
	for _, err := range []error{
		os.Chmod(filepath.Join(l.Dir, "plain"), 0o644),
		os.Mkdir(filepath.Join(l.Dir, "directory"), 0o755),
		os.Symlink("nowhere", filepath.Join(l.Dir, "dangling")),
		os.WriteFile(filepath.Join(l.Dir, "noheader"), []byte("exit 0\n"), 0o755),
		os.WriteFile(filepath.Join(l.Dir, "nointerpreter"), []byte("#!/no/such\n"), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		hook    string
		outcome HookOutcome
		code    int
		ok      bool
		err     string
	}{
		{"good", HookExited, 0, true, ""},
		{"bad", HookExited, 7, false, ""},
		{"killed", HookExited, 137, false, ""},
		{"stdin", HookExited, 0, true, ""},
		{"absent", HookMissing, 0, true, ""},
		{"plain", HookNotExecutable, 0, true, "chmod +x"},
		{"directory", HookNotExecutable, 0, true, "no regular file"},
		{"dangling", HookNotExecutable, 0, true, "link to nowhere"},
		{"noheader", HookNotStarted, 0, false, "#!/bin/sh"},
		{"nointerpreter", HookNotStarted, 0, false, "interpreter"},
		{"good/under", HookNotStarted, 0, false, "not a directory"},
	} {
		got := l.run(HookCall{Name: c.hook})
		if got.Outcome != c.outcome || got.Status.ExitCode() != c.code || got.OK() != c.ok {
			t.Errorf("%s: got %v, %v, ok %v", c.hook, got.Outcome, got.Status, got.OK())
		}
		text := fmt.Sprint(got.Err)
		if (got.Err != nil) != (c.err != "") || !strings.Contains(text, c.err) {
			t.Errorf("%s: error %v, want %q", c.hook, got.Err, c.err)
		}
	}
	lines := l.output()
	slices.Sort(lines)
	want := []string{"good! trouble", "good: hello", "good: unfinished", "stdin: 0"}
	if !slices.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
}

func TestHookEnvironmentAndArguments(t *testing.T) {
	t.Setenv("PROC_A", "ours")
	t.Setenv("PROC_B", "ours")
	l := newLab(t)
	l.write("show", `echo "$PROC_A $PROC_B $PROC_C|$#|$2|$(ps -o sid=,pgid= $$ | tr -s ' ')|$$"`)
	got := l.run(HookCall{
		Name: "show", Args: []string{"PUT", "a b"},
		Env: []string{"PROC_B=first", "PROC_C=added", "PROC_B=hook's"}, Capture: true,
	})
	part := strings.Split(strings.TrimSpace(string(got.Stdout)), "|")
	if len(part) != 5 || part[0] != "ours hook's added" || part[1] != "2" || part[2] != "a b" {
		t.Fatalf("got %q", part)
	}
	if ids := strings.Fields(part[3]); !slices.Equal(ids, []string{part[4], part[4]}) {
		t.Fatalf("session and group %v of %s", ids, part[4])
	}
}

// TestLook: what a run would find, without one.
func TestLook(t *testing.T) {
	l := newLab(t)
	l.write("good", "exit 7")
	l.write("plain", "exit 7")
	if err := os.Chmod(filepath.Join(l.Dir, "plain"), 0o644); err != nil {
		t.Fatal(err)
	}
	for hook, want := range map[string]HookOutcome{"good": 0, "plain": HookNotExecutable, "absent": HookMissing} {
		if got := l.Look(hook); got.Outcome != want || got.Skipped() != (want != 0) {
			t.Errorf("%s: %v, %v", hook, got.Outcome, got.Err)
		}
	}
}

// TestWholeHook: of one that is whole nothing is left, however it ended.
func TestWholeHook(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		code int
	}{
		"succeeds": {`sleep 1000 & echo $!`, 0},
		"fails":    {`sleep 1000 & echo $!; exit 75`, 75},
		"stubborn": {`sh -c 'trap "" TERM; while :; do sleep 0.05; done' & echo $!`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.write("hook", c.body)
			got := l.run(HookCall{Name: "hook", Capture: true, Whole: true})
			if got.Outcome != HookExited || got.Status.ExitCode() != c.code || got.Err != nil {
				t.Errorf("got %v, %v, %v", got.Outcome, got.Status, got.Err)
			}
			pid := strings.TrimSpace(string(got.Stdout))
			if _, err := os.Stat("/proc/" + pid); pid == "" || err == nil {
				t.Errorf("process %q is left", pid)
			}
		})
	}
}

func TestHookPrintsMegabytes(t *testing.T) {
	const size = 20_000_000
	for name, c := range map[string]struct {
		body string
		each int // bytes of each line but the last
	}{
		"lines":    {fmt.Sprintf("yes 0123456 | head -c %d", size), 7},
		"one line": {fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", size), maxLine},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			var total, odd int
			l.Output = func(_ string, _ bool, line string) {
				total += len(line)
				if len(line) != c.each {
					odd++
				}
			}
			l.write("loud", c.body)
			got := l.run(HookCall{Name: "loud", Capture: true})
			if !got.OK() || len(got.Stdout) != maxCapture || !got.Cut {
				t.Fatalf("got %v, %d bytes, cut %v", got.Outcome, len(got.Stdout), got.Cut)
			}
			if c.each == maxLine && total != size || total < size*7/8 || odd > 1 {
				t.Fatalf("%d bytes in lines, %d of them of an odd length", total, odd)
			}
		})
	}
}

func TestLongLinesAreCutBetweenCharacters(t *testing.T) {
	for shift := range 4 {
		var got []string
		s := stream{emit: func(line string) { got = append(got, line) }}
		want := strings.Repeat("x", shift) + strings.Repeat("€", maxLine/3+10)
		buf, n := make([]byte, maxLine), 0
		for rest := want + "\r\n"; rest != ""; {
			m := copy(buf[n:], rest)
			rest = rest[m:]
			n = s.lines(buf, n+m)
		}
		if n != 0 || len(got) != 2 || !utf8.ValidString(got[0]) || strings.Join(got, "") != want {
			t.Errorf("shift %d: %d pieces, %d bytes left", shift, len(got), n)
		}
	}
	// What is no text at all is cut anywhere, but cut.
	if at := lastRune([]byte(strings.Repeat("\x80", 64))); at != 64 {
		t.Errorf("cut at %d", at)
	}
}

func TestHookTimesOut(t *testing.T) {
	l := newLab(t)
	l.write("polite", `trap 'echo bye; exit 0' TERM; setsid sleep 300 &
		while :; do sleep 0.01; done`)
	l.write("deaf", `trap '' TERM; setsid sh -c 'trap "" TERM; sleep 300 & while :; do sleep 1; done' &
		( sleep 300 & ) ; echo up; while :; do sleep 1; done`)
	for hook, slow := range map[string]bool{"polite": false, "deaf": true} {
		got := l.run(HookCall{Name: hook, Timeout: 300 * time.Millisecond})
		if got.Outcome != HookTimedOut || got.OK() || got.Err != nil {
			t.Errorf("%s: got %+v", hook, got)
		}
		if slow != (got.Status.Signal == unix.SIGKILL) || slow != (got.Elapsed >= hookGrace) {
			t.Errorf("%s: ended with %v after %v", hook, got.Status, got.Elapsed)
		}
		l.noneLeft()
	}
	l.printed("polite: bye")
}

func TestHookIsStopped(t *testing.T) {
	l := newLab(t)
	l.write("hang", `setsid sleep 300 & echo up; exec sleep 300`)
	ctx, cancel := context.WithCancel(context.Background())
	results := make(chan HookResult, 1)
	go func() {
		results <- l.Run(ctx, HookCall{Name: "hang", Env: []string{markVariable + "=" + l.mark}})
	}()
	l.awaitMarked(2)
	cancel()
	got := <-results
	if got.Outcome != HookStopped || got.Status.Signal != unix.SIGTERM || got.Err != nil {
		t.Fatalf("got %+v", got)
	}
	l.noneLeft()
}

// TestHookLeavesADaemon: what holds the output open neither holds Run up nor
// dies of a closed pipe.
func TestHookLeavesADaemon(t *testing.T) {
	l := newLab(t)
	flag := filepath.Join(l.Dir, "flag")
	l.write("daemon", `setsid sh -c 'while [ ! -e `+flag+` ]; do sleep 0.01; done
		echo later; sleep 300' & echo now`)
	got := l.run(HookCall{Name: "daemon", Capture: true, Timeout: patience})
	if !got.OK() || string(got.Stdout) != "now\n" || got.Elapsed > patience/2 {
		t.Fatalf("got %v after %v: %q", got.Outcome, got.Elapsed, got.Stdout)
	}
	if err := os.WriteFile(flag, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l.printed("daemon: later")
	if len(marked(l.mark)) == 0 {
		t.Fatal("the daemon is gone")
	}
	l.killAll()
}

func TestChild(t *testing.T) {
	l := newLab(t)
	c := l.child(`trap 'echo caught; exit 5' QUIT; setsid sh -c 'trap "echo wrong" QUIT; sleep 300' &
		echo up; while :; do sleep 0.01; done`)
	l.printed("start: up")
	if err := c.Signal(unix.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	if got := c.Status(); got != (Status{Code: 5}) {
		t.Fatalf("got %v", got)
	}
	<-c.Drained()
	if lines := l.output(); !slices.Equal(lines, []string{"start: up", "start: caught"}) {
		t.Fatalf("got %q", lines)
	}
	if len(marked(l.mark)) == 0 {
		t.Fatal("the signal reached more than the main process")
	}
}

func TestChildIsNotStarted(t *testing.T) {
	l := newLab(t)
	expect := func(want string) {
		t.Helper()
		if c, err := l.StartChild(ChildCall{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, %v; want %q", c, err, want)
		}
	}
	expect("does not exist")
	l.write(StartHook, "exit 0")
	path := filepath.Join(l.Dir, StartHook)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	expect("chmod +x")
	if err := os.WriteFile(path, []byte("exit 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	expect("#!/bin/sh")
	l.Dir = filepath.Join(l.Dir, "absent")
	expect("does not exist")
}
