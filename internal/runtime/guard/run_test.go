package guard

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/clock"
)

func TestAgentEnds(t *testing.T) {
	long := "garbage=" + strings.Repeat("x", 5000)
	tooLarge := "garbage=" + recordMagic + strings.Repeat("\x01", recordSize-3)
	for name, c := range map[string]struct {
		body       string
		directives []string
		code       int
	}{
		"exit 0":              {"", []string{"exit=0"}, 0},
		"exit 75":             {"", []string{"exit=75"}, 75},
		"child's exit":        {"exit 3", []string{"start=DIR"}, 3},
		"child's death":       {"kill -KILL $$", []string{"start=DIR"}, 137},
		"leaves its tree":     {stubborn, []string{"start=DIR", "exit=7"}, 7},
		"child leaves orphan": {"setsid sleep 300 & exit 4", []string{"start=DIR"}, 4},
		"closes the line":     {stubborn, []string{"start=DIR", "close", "stop"}, 137},
		"sends garbage":       {stubborn, []string{"start=DIR", "garbage=hello"}, 137},
		"sends a long record": {stubborn, []string{"start=DIR", long}, 137},
		"sends one too large": {stubborn, []string{"start=DIR", tooLarge}, 137},
	} {
		t.Run(name, func(t *testing.T) {
			launch(t, c.body, nil, c.directives...).expectExit(c.code)
		})
	}
}

func TestAgentIsKilled(t *testing.T) {
	n := launch(t, stubborn, nil, "start=DIR")
	n.running(7)
	n.kill(n.pid("agent"), unix.SIGKILL)
	n.expectExit(137)
}

// TestDeadlines: the guard enforces both, whatever the agent does, and kills
// the agent first.
func TestDeadlines(t *testing.T) {
	for name, directives := range map[string][]string{
		"hung":    {"signal=QUIT", "start=DIR", "await=up", "arm=100,500"},
		"stopped": {"signal=QUIT", "start=DIR", "await=up", "arm=100,500", "stop"},
	} {
		t.Run(name, func(t *testing.T) {
			n := launch(t, stubborn, nil, directives...)
			n.expectExit(137)
			if !n.fenced() {
				t.Error("no fence signal came before the SIGKILL")
			}
			for _, line := range n.output() {
				if line == "child ended" {
					t.Error("the agent saw its child die: it was not killed first")
				}
			}
		})
	}
}

// TestFenceTimeIsKept: neither signal comes before its time.
func TestFenceTimeIsKept(t *testing.T) {
	start := clock.Now()
	// The shell has the time in between to say when, without a process of its own.
	n := launch(t, `trap 'read -r now idle </proc/uptime; echo "$now" >signalled' QUIT
		echo up; while :; do sleep 0.01; done`, nil,
		"signal=QUIT", "start=DIR", "await=up", "arm=400,2900")
	n.expectExit(137)
	if took := time.Duration(clock.Now() - start); took < 2900*time.Millisecond {
		t.Errorf("killed after %v", took)
	}
	text, err := os.ReadFile(n.dir + "/signalled")
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		t.Fatal(err)
	}
	// The file cuts off after hundredths.
	if after := seconds - float64(start)/1e9; after < 0.39 {
		t.Errorf("signalled after %.2f s", after)
	}
}

// TestFencedChildEnds: a main process that obeys ends before the SIGKILL.
func TestFencedChildEnds(t *testing.T) {
	n := launch(t, `trap 'exit 9' QUIT; echo up; while :; do sleep 0.01; done`, nil,
		"signal=QUIT", "start=DIR", "await=up", "arm=100,3600000")
	n.expectExit(9)
}

// TestRearmed: an agent that renews is left alone past its earlier deadlines.
func TestRearmed(t *testing.T) {
	n := launch(t, stubborn, nil, "signal=QUIT", "start=DIR", "arm=3000,3000", "rearm=3000,3000")
	n.running(7)
	deadline := clock.Now() + 3500e6
	n.eventually("the first deadline to pass", func() bool { return clock.Now() > deadline })
	if got := len(n.marked()); got < 7 || n.fenced() {
		t.Fatalf("%d processes, fenced: %v", got, n.fenced())
	}
	n.kill(n.pid("agent"), unix.SIGSTOP) // no more renewals
	n.expectExit(137)
}

func TestDisarmed(t *testing.T) {
	never := strconv.FormatInt((clock.Never-clock.Now())/1e6-3_600_000, 10)
	n := launch(t, "exec sleep 300", nil, "start=DIR", "arm="+never+","+never)
	n.running(3)
	n.kill(n.pid("child"), unix.SIGTERM)
	n.expectExit(143)
}

// TestStrangerIsNotFenced: a process that is not below the agent gets nothing,
// whatever the agent says.
func TestStrangerIsNotFenced(t *testing.T) {
	stranger := exec.Command("sleep", "300")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	n := launch(t, "", nil, "signal=KILL", "fence="+strconv.Itoa(stranger.Process.Pid), "arm=50,200")
	n.printed("msdha guard: process " + strconv.Itoa(stranger.Process.Pid) + " is not below")
	n.expectExit(137)
	if err := stranger.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = stranger.Wait()
	if got := stranger.ProcessState.Sys().(syscall.WaitStatus); got.Signal() != unix.SIGTERM {
		t.Fatalf("the stranger ended with %v", stranger.ProcessState)
	}
}

func TestSignalsAreForwarded(t *testing.T) {
	n := launch(t, "exec sleep 300", nil, "start=DIR")
	n.printed("waiting")
	for _, sig := range forwarded {
		n.kill(n.cmd.Process.Pid, sig.(syscall.Signal))
		n.printed("signal " + unix.SignalName(sig.(syscall.Signal)))
	}
	n.kill(n.pid("child"), unix.SIGKILL)
	n.expectExit(137)
}

func TestNohupIsRespected(t *testing.T) {
	n := launch(t, "exec sleep 300", []string{"nohup"}, "start=DIR")
	n.printed("waiting")
	n.kill(n.cmd.Process.Pid, unix.SIGHUP)
	n.kill(n.cmd.Process.Pid, unix.SIGUSR1)
	n.printed("signal SIGUSR1")
	for _, line := range n.output() {
		if line == "signal SIGHUP" {
			t.Error("SIGHUP was forwarded")
		}
	}
	n.kill(n.pid("child"), unix.SIGKILL)
	n.expectExit(137)
}

// TestGuardIsKilled: the agent notices and kills its tree.
func TestGuardIsKilled(t *testing.T) {
	n := launch(t, stubborn, nil, "start=DIR")
	n.running(7)
	n.printed("waiting")
	n.kill(n.cmd.Process.Pid, unix.SIGKILL)
	n.printed("guard gone")
	n.eventually("everything to end", func() bool { return len(n.marked()) == 0 })
}

// inNamespace makes the guard PID 1 of a container's likeness.
var inNamespace = []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}

func TestGuardAsInit(t *testing.T) {
	needRoot(t)
	t.Run("agent stopped", func(t *testing.T) {
		n := launch(t, stubborn, inNamespace,
			"signal=QUIT", "start=DIR", "await=up", "arm=100,500", "stop")
		n.expectExit(137)
		if !n.fenced() {
			t.Error("no fence signal came before the SIGKILL")
		}
	})
	t.Run("agent exits", func(t *testing.T) {
		n := launch(t, stubborn, inNamespace, "start=DIR", "exit=7")
		n.expectExit(7)
	})
	t.Run("guard killed", func(t *testing.T) {
		n := launch(t, stubborn, inNamespace, "start=DIR")
		n.running(8) // unshare itself too
		n.kill(n.guardPID(), unix.SIGKILL)
		n.eventually("everything to end", func() bool { return len(n.marked()) == 0 })
	})
}

// guardPID is the pid of a guard below another command, as seen from here.
func (n *node) guardPID() int {
	n.t.Helper()
	pid := 0
	n.eventually("the guard", func() bool {
		path := fmt.Sprintf("/proc/%d/task/%d/children", n.cmd.Process.Pid, n.cmd.Process.Pid)
		text, err := os.ReadFile(path)
		if err != nil {
			n.t.Fatal(err)
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	})
	return pid
}

func TestOtherUsersAreKilled(t *testing.T) {
	needRoot(t)
	n := launch(t, `
		setsid setpriv --reuid=65533 --regid=65533 --clear-groups sh -c 'echo one; exec sleep 300' &
		exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c 'echo two; exec sleep 300'`, nil,
		"start=DIR", "await=one", "await=two", "arm=50,100", "stop")
	n.expectExit(137)
}

func TestAgentCannotBeStarted(t *testing.T) {
	t.Setenv("GUARDTEST_PATH", "/no/such/agent")
	n := launch(t, "", nil)
	n.expectExit(ExitNotStarted)
	n.printed("msdha guard: cannot start: cannot run /no/such/agent: no such file or directory")
}

// maxAnonymousKB is R5's bound.
const maxAnonymousKB = 3 << 10

// TestMemory: the guard stays small at work, and its thrift is its own.
func TestMemory(t *testing.T) {
	t.Setenv("GOMAXPROCS", "7")
	n := launch(t, stubborn, nil, "start=DIR", "rearm=3600000,3600000")
	n.running(7)
	n.printed("waiting")
	for range 50 {
		n.kill(n.cmd.Process.Pid, unix.SIGUSR1)
	}
	n.printed("signal SIGUSR1")
	guard, agent := status(t, n.cmd.Process.Pid), status(t, n.pid("agent"))
	kb, err := strconv.Atoi(strings.TrimSuffix(guard["RssAnon"], " kB"))
	if err != nil || kb == 0 || kb > maxAnonymousKB {
		t.Errorf("the guard has %q of anonymous memory, %v; want at most %d kB",
			guard["RssAnon"], err, maxAnonymousKB)
	}
	t.Logf("guard: %d kB of anonymous memory", kb)
	if procs := environ(t, n.cmd.Process.Pid)["GOMAXPROCS"]; procs != "1" {
		t.Errorf("the guard prepared for %q processors", procs)
	}
	if procs := environ(t, n.pid("agent"))["GOMAXPROCS"]; procs != "7" {
		t.Errorf("the agent's GOMAXPROCS is %q, not what the guard was given", procs)
	}
	if guard["THP_enabled"] != "0" || agent["THP_enabled"] != "1" {
		t.Errorf("huge pages: guard %q, agent %q", guard["THP_enabled"], agent["THP_enabled"])
	}
	n.kill(n.pid("child"), unix.SIGKILL)
	n.expectExit(137)
}

func status(t *testing.T, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		fields[name] = strings.TrimSpace(value)
	}
	return fields
}

func environ(t *testing.T, pid int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for entry := range strings.SplitSeq(string(text), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start processes of another user or namespace")
	}
}

// recorder notes what it is told and asks for nothing.
type recorder struct {
	next int64
	seen []EventKind
}

func (r *recorder) Next() int64 { return r.next }

func (r *recorder) Step(_ int64, ev Event) []Action {
	r.seen = append(r.seen, ev.Kind)
	if ev.Kind == EventTick {
		r.next = clock.Never
	}
	return nil
}

// TestDeadlinesComeBeforeInputs: SPEC R3, for a guard that wakes up late.
func TestDeadlinesComeBeforeInputs(t *testing.T) {
	timer, err := clock.NewTimer()
	if err != nil {
		t.Fatal(err)
	}
	defer timer.Close() //nolint:errcheck // the test is over
	policy := &recorder{next: clock.Now() - 1}
	g := guard{policy: policy, timer: timer}
	g.take(armRecord(clock.Never, clock.Never))
	g.take(armRecord(clock.Never, clock.Never))
	if want := []EventKind{EventTick, EventArm, EventArm}; !slices.Equal(policy.seen, want) {
		t.Fatalf("got %v, want %v", policy.seen, want)
	}
}
