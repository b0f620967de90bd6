package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestEveryStatusIsDeliveredOnce(t *testing.T) {
	l := newLab(t)
	// Orphans that end meanwhile are reaped by the same loop.
	l.write("exit", `( true & ) ; ( sleep 0.0$1 & ) ; exit $1`)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			got := l.run(HookCall{Name: "exit", Args: []string{strconv.Itoa(i)}})
			if got.Outcome != HookExited || got.Status.ExitCode() != i || got.OK() != (i == 0) {
				t.Errorf("exit %d: got %+v", i, got)
			}
		})
	}
	all.Wait()
	eventually(t, "orphans to be reaped", l.Reaper.reap)
}

func TestStatus(t *testing.T) {
	l := newLab(t)
	for body, want := range map[string]Status{
		"exit 0":         {},
		"exit 3":         {Code: 3},
		"exit 255":       {Code: 255},
		"kill -TERM $$":  {Signal: unix.SIGTERM},
		"kill -KILL $$":  {Signal: unix.SIGKILL},
		"exec /bin/true": {},
	} {
		c := l.child(body)
		for range 2 { // as often as asked, by whomever
			if got := c.Status(); got != want {
				t.Errorf("%q: got %v, want %v", body, got, want)
			}
		}
		if err := c.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("%q: signalled after its end: %v", body, err)
		}
	}
	for want, s := range map[string]Status{
		"137: killed by SIGKILL": {Signal: unix.SIGKILL},
		"3: exit 3":              {Code: 3},
	} {
		if got := fmt.Sprintf("%d: %v", s.ExitCode(), s); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestOneReaper(t *testing.T) {
	r, err := NewReaper()
	if err != nil {
		t.Fatal(err)
	}
	if second, err := NewReaper(); err == nil {
		second.Close()
		t.Error("two waiters in one process")
	}
	r.Close()
	if _, err := r.Start("/bin/true", []string{"true"}, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("started by a closed reaper: %v", err)
	}
}

// TestKillTree kills what tries to stay alive. The number is that of the
// processes to wait for before.
func TestKillTree(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		n    int
	}{
		"ignores signals": {`trap '' TERM QUIT INT HUP; while :; do sleep 300; done`, 2},
		"sessions of their own": {`for i in 1 2 3; do
			setsid sh -c 'setsid sleep 300 & sleep 300 & wait' & done; wait`, 10},
		"daemon": {`sh -c 'setsid sh -c "sleep 300 & sleep 300 & wait" & exit'
			exec sleep 300`, 4},
		"orphans only":       {`setsid sleep 300 & setsid sleep 300 & exit 0`, 2},
		"stopped":            {`sleep 300 & kill -STOP $!; kill -STOP $$; exec sleep 300`, 2},
		"unreaped zombies":   {`true & sh -c 'true & exec sleep 300' & exec sleep 300`, 2},
		"forks all the time": {`while :; do setsid sleep 300 & done`, 50},
		"respawns its child": {`trap '' TERM; while :; do setsid sh -c 'sleep 300'; done`, 3},
		"chain of forks":     {`f() { sleep 0.01; ( f & ) ; exit; } ; ( f & ) ; exec sleep 300`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.child(c.body)
			l.awaitMarked(c.n)
			l.killAll()
		})
	}
}

func TestKillTreeOfOtherUsers(t *testing.T) {
	needRoot(t)
	l := newLab(t)
	c := l.child(`setpriv --reuid=65534 --regid=65534 --clear-groups \
			sh -c 'setsid sleep 300 & exec sleep 300' &
		exec setpriv --reuid=65533 --regid=65533 --clear-groups sleep 300`)
	l.awaitMarked(3)
	if err := MaySignal(c.PID()); err != nil {
		t.Error(err)
	}
	l.killAll()
	select {
	case err := <-c.Refused():
		t.Errorf("refused though root may signal it: %v", err)
	default:
	}
}

func TestKillTreeSparesAndNarrows(t *testing.T) {
	l := newLab(t)
	main := l.child(`setsid sh -c 'sleep 300 & sleep 300 & wait' & exec sleep 300`)
	l.awaitMarked(4) // before its script is replaced
	other := l.child(`setsid sleep 300 & exec sleep 300`)
	l.awaitMarked(6)
	ctx := context.Background()
	if err := l.Reaper.KillTree(ctx, os.Getpid(), main.PID()); err != nil {
		t.Fatal(err)
	}
	if got := other.Status(); got.Signal != unix.SIGKILL {
		t.Fatalf("the other one: %v", got)
	}
	if left := marked(l.mark); len(left) != 4 {
		t.Fatalf("%d processes are spared, want 4", len(left))
	}
	if err := l.Reaper.KillTree(ctx, main.PID()); err != nil {
		t.Fatal(err)
	}
	l.noneLeft()
	if err := l.Reaper.KillTree(ctx, main.PID()); err != nil {
		t.Fatalf("a tree that is gone: %v", err)
	}
	err := l.Reaper.KillTree(ctx, os.Getppid())
	if err == nil || !strings.Contains(err.Error(), "no descendant") {
		t.Fatalf("killed a tree that is not ours: %v", err)
	}
}

// TestRefused runs in a process whose root lacks CAP_KILL.
func TestRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		// Then init is a process that we may not signal.
		if err := MaySignal(1); !errors.Is(err, ErrNoRight) {
			t.Fatalf("got %v", err)
		}
		return
	}
	l := newLab(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.write("drop", `exec setpriv --bounding-set -kill --inh-caps -kill \
		env `+helperVariable+`=refused `+exe)
	got := l.run(HookCall{Name: "drop", Capture: true, Timeout: patience})
	if !got.OK() {
		t.Fatalf("%v: %s", got, got.Stdout)
	}
	for _, want := range []string{
		"late refused: cannot control process", "below refused: cannot control process",
		"as uid 0", "of uid 65534", "CAP_KILL", "tree: cannot control process",
		"hook: timed out, right refused",
	} {
		if !strings.Contains(string(got.Stdout), want) {
			t.Errorf("not said: %q in\n%s", want, got.Stdout)
		}
	}
}

// helpRefused starts children that change their user, themselves and below.
func helpRefused() error {
	dir, err := os.MkdirTemp("", "refused")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory in /tmp
	reaper, err := NewReaper()
	if err != nil {
		return err
	}
	h := Hooks{Dir: dir, Reaper: reaper, Output: func(string, bool, string) {}}
	const nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups "
	for name, body := range map[string]string{
		"late":  "sleep 0.1; exec " + nobody + "sleep 60",
		"below": nobody + "sleep 60 & wait",
	} {
		if err := os.WriteFile(dir+"/start", []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
			return err
		}
		child, err := h.StartChild(ChildCall{})
		if err != nil {
			return err
		}
		select {
		case err := <-child.Refused():
			fmt.Println(name, "refused:", err)
		case <-time.After(patience):
			return errors.New("not refused: " + name)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		fmt.Println("tree:", reaper.KillTree(ctx, os.Getpid()))
		cancel()
	}
	hook := []byte("#!/bin/sh\nexec " + nobody + "sleep 60\n")
	if err := os.WriteFile(dir+"/hook", hook, 0o755); err != nil {
		return err
	}
	got := h.Run(context.Background(), HookCall{Name: "hook", Timeout: 200 * time.Millisecond})
	if errors.Is(got.Err, unix.EPERM) {
		fmt.Printf("hook: %v, right refused\n", got.Outcome)
	}
	return nil
}

// TestParentDeath: the backstop fires when the process dies, and not when some
// thread of it does.
func TestParentDeath(t *testing.T) {
	l := newLab(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	agent := l.child("exec env " + helperVariable + "=death " + exe)
	pid, err := strconv.Atoi(l.printed("start: child"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Fatalf("the child did not outlive the agent's threads: %v", err)
	}
	if err := agent.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	agent.Status()
	eventually(t, "the child's death", func() bool { return len(marked(l.mark)) == 0 })
}

func helpDeath() error {
	reaper, err := NewReaper()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "death")
	if err != nil {
		return err
	}
	start := []byte("#!/bin/sh\necho up\nexec sleep 300\n")
	if err := os.WriteFile(dir+"/start", start, 0o755); err != nil {
		return err
	}
	up := make(chan string, 1)
	h := Hooks{Dir: dir, Reaper: reaper, Output: func(_ string, _ bool, line string) { up <- line }}
	child, err := h.StartChild(ChildCall{})
	if err != nil {
		return err
	}
	<-up
	_ = os.RemoveAll(dir) // the shell has opened its script
	endThreads(50)
	select {
	case <-child.Done():
		return errors.New("a thread's end killed the child")
	default:
	}
	fmt.Println("child", child.PID())
	select {}
}
