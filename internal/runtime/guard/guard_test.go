package guard

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"msdha/internal/runtime/proc"

	"msdha/internal/testkit"
)

// patience bounds every wait for something that has to happen.
const patience = 20 * time.Second

const markVariable = "GUARD_TEST_MARK"

// nodeBinary is the small node of internal/guardtest.
var nodeBinary string

func TestMain(m *testing.M) {
	testkit.HearHangups()
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "guardtest")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory in /tmp
	nodeBinary = filepath.Join(dir, "node")
	build := exec.Command("go", "build", "-o", nodeBinary, "./internal/guardtest")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the test's node: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// node is a guard with all that is below it.
type node struct {
	t     *testing.T
	cmd   *exec.Cmd
	dir   string // of hooks
	mark  string
	ended chan struct{}

	mu    sync.Mutex
	lines []string
}

// launch starts a node whose main process has this body; "" for none. wrap is a
// command to start it by. What is left at the test's end is a failure.
func launch(t *testing.T, body string, wrap []string, directives ...string) *node {
	t.Helper()
	n := &node{
		t:     t,
		dir:   t.TempDir(),
		mark:  t.Name() + strconv.FormatInt(time.Now().UnixNano(), 36),
		ended: make(chan struct{}),
	}
	if body != "" {
		body = "#!/bin/sh\ncd " + n.dir + "\n" + body + "\n"
		if err := os.WriteFile(n.dir+"/start", []byte(body), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	args := append(append([]string{}, wrap...), nodeBinary)
	for _, d := range directives {
		args = append(args, strings.ReplaceAll(d, "DIR", n.dir))
	}
	n.cmd = exec.Command(args[0], args[1:]...)
	n.cmd.Env = append(os.Environ(), markVariable+"="+n.mark)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	n.cmd.Stdout, n.cmd.Stderr = write, write
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	var readers sync.WaitGroup
	readers.Go(func() { n.collect(read) })
	go func() {
		defer close(n.ended)
		_ = n.cmd.Wait() // the state says it all
	}()
	t.Cleanup(func() {
		for _, pid := range n.marked() {
			t.Errorf("process %d is left", pid)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		readers.Wait()
		if t.Failed() {
			t.Logf("output:\n%s", strings.Join(n.output(), "\n"))
		}
	})
	return n
}

func (n *node) collect(read io.ReadCloser) {
	defer read.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(read); lines.Scan(); {
		n.mu.Lock()
		n.lines = append(n.lines, lines.Text())
		n.mu.Unlock()
	}
}

func (n *node) output() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.lines...)
}

// printed waits for a line with the prefix and returns the rest of it.
func (n *node) printed(prefix string) (rest string) {
	n.t.Helper()
	n.eventually("a line "+prefix, func() bool {
		for _, line := range n.output() {
			if found, ok := strings.CutPrefix(line, prefix); ok {
				rest = strings.TrimSpace(found)
				return true
			}
		}
		return false
	})
	return rest
}

func (n *node) pid(of string) int {
	n.t.Helper()
	pid, err := strconv.Atoi(n.printed(of + " "))
	if err != nil {
		n.t.Fatal(err)
	}
	return pid
}

// marked finds the node's live processes by their environment.
func (n *node) marked() (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err == nil && bytes.Contains(env, []byte(markVariable+"="+n.mark+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// running waits until n processes run, the guard and the agent among them.
func (n *node) running(count int) {
	n.t.Helper()
	n.eventually(fmt.Sprint(count, " processes"), func() bool { return len(n.marked()) >= count })
}

// expectExit waits for the end of the guard: nothing is left then.
func (n *node) expectExit(code int) {
	n.t.Helper()
	select {
	case <-n.ended:
	case <-time.After(patience):
		for _, pid := range n.marked() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		n.t.Fatalf("the guard did not end within %v", patience)
	}
	if left := n.marked(); len(left) > 0 {
		n.t.Errorf("processes %v outlived the guard", left)
	}
	state := n.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !state.Exited() || state.ExitStatus() != code {
		n.t.Errorf("the guard ended with %v, want exit %d", n.cmd.ProcessState, code)
	}
}

func (n *node) eventually(what string, cond func() bool) {
	n.t.Helper()
	for deadline := time.Now().Add(patience); !cond(); {
		if time.Now().After(deadline) {
			n.t.Fatalf("waited %v in vain for %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func (n *node) kill(pid int, sig syscall.Signal) {
	n.t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		n.t.Fatalf("cannot send %s to %d: %v", proc.SignalName(sig), pid, err)
	}
}

// stubborn ignores signals and has descendants in sessions of their own, one
// of them an orphan: 5 processes in all.
const stubborn = `trap 'echo fenced >>signals' QUIT; trap '' TERM INT HUP
	setsid sh -c 'trap "" QUIT; setsid sleep 300 & while :; do sleep 300; done' &
	sh -c 'setsid sh -c "trap : QUIT; while :; do sleep 300; done" & exit'
	echo up; while :; do sleep 0.05; done`

func (n *node) fenced() bool {
	text, err := os.ReadFile(n.dir + "/signals")
	return err == nil && strings.Contains(string(text), "fenced")
}
