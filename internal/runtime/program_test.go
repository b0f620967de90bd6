package runtime

import (
	"bufio"
	"bytes"
	"context"
	"errors"
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

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/etcdtest"
)

const markVariable = "MSDHATEST_MARK"

// program is one of the binaries, running, with all that is below it.
type program struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	mark   string
	ended  chan struct{}
	mayEnd bool // the test ends it, or expects its end
	output sync.WaitGroup
	listen context.CancelFunc // begins to read its log

	mu    sync.Mutex
	lines []string
}

// launch starts a program; wrap is a command to start it by.
func (g *group) launch(name, path string, wrap, env []string) *program {
	g.t.Helper()
	p := &program{t: g.t, name: name, ended: make(chan struct{})}
	p.mark = fmt.Sprintf("%s-%s-%d", g.name, name, time.Now().UnixNano())
	args := append(append([]string{}, wrap...), path)
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = append(cleanEnv(), "ETCDCTL_ENDPOINTS="+g.endpoint, "MSDHA_GROUP="+g.name,
		"MSDHA_NAME="+name, "MSDHA_TTL="+strconv.Itoa(int(g.ttl/time.Second)),
		"MSDHA_HTTP_LISTEN=off", markVariable+"="+p.mark)
	p.cmd.Env = append(append(p.cmd.Env, g.env...), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		g.t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = write, write
	if err := p.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	_ = write.Close()
	begun, listen := context.WithCancel(context.Background())
	p.listen = listen
	if !g.deaf {
		listen()
	}
	p.output.Go(func() {
		<-begun.Done()
		p.collect(read)
	})
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the state says it all
	}()
	g.programs = append(g.programs, p)
	return p
}

// cleanEnv is the test's environment without what a developer may have set.
func cleanEnv() (env []string) {
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "MSDHA") && !strings.HasPrefix(entry, "ETCDCTL") {
			env = append(env, entry)
		}
	}
	return env
}

func (p *program) collect(read io.ReadCloser) {
	defer read.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(read)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.lines = append(p.lines, lines.Text())
		p.mu.Unlock()
	}
}

func (p *program) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.lines...)
}

// logged returns the lines that contain all of the words.
func (p *program) logged(words ...string) (found []string) {
next:
	for _, line := range p.log() {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		found = append(found, line)
	}
	return found
}

func (p *program) awaitLog(words ...string) string {
	p.t.Helper()
	var found []string
	eventually(p.t, fmt.Sprintf("%s to log %q", p.name, words), func() bool {
		found = p.logged(words...)
		return len(found) > 0
	})
	return found[0]
}

// expectLogged is for what must have been logged by now.
func (p *program) expectLogged(words ...string) {
	p.t.Helper()
	if len(p.logged(words...)) == 0 {
		p.t.Errorf("%s has no line with %q in its log", p.name, words)
	}
}

func (p *program) signal(sig syscall.Signal) {
	p.t.Helper()
	p.mayEnd = true
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

func (p *program) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// awaitEnd waits for the end, whether or not anybody reads the log.
func (p *program) awaitEnd() {
	p.t.Helper()
	p.mayEnd = true
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("%s has not ended within %v", p.name, patience)
	}
}

// awaitExit waits for the end, with all that was below, and gives the code.
func (p *program) awaitExit() int {
	p.t.Helper()
	p.awaitEnd()
	if left := p.marked(); len(left) > 0 {
		p.t.Errorf("processes %v outlived %s", left, p.name)
	}
	p.listen()
	p.output.Wait()
	return p.cmd.ProcessState.ExitCode()
}

func (p *program) expectExit(code int) {
	p.t.Helper()
	if got := p.awaitExit(); got != code {
		p.t.Errorf("%s ended with %v, want exit %d", p.name, p.cmd.ProcessState, code)
	}
}

// marked finds the program's live processes by their environment.
func (p *program) marked() (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err == nil && bytes.Contains(env, []byte(markVariable+"="+p.mark+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// cleanUp asks for the end of what a test left running; cleanedUp enforces it.
func (p *program) cleanUp() {
	p.listen()
	if !p.hasEnded() {
		_ = p.cmd.Process.Signal(unix.SIGCONT)
		_ = p.cmd.Process.Signal(unix.SIGTERM)
	}
}

func (p *program) cleanedUp() {
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Errorf("%s does not end when asked to", p.name)
	}
	for _, pid := range p.marked() {
		p.t.Errorf("process %d of %s is left", pid, p.name)
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	<-p.ended
	p.output.Wait()
	if p.t.Failed() {
		p.t.Logf("log of %s, which ended with %v:\n%s", p.name, p.cmd.ProcessState, strings.Join(p.log(), "\n"))
	}
}

func kill(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := unix.Kill(pid, sig); err != nil {
		t.Fatalf("cannot send %v to %d: %v", sig, pid, err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := etcdtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (p *program) alive() {
	p.t.Helper()
	if p.hasEnded() {
		p.t.Fatalf("%s has ended: %v", p.name, p.cmd.ProcessState)
	}
}
