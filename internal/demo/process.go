package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"msdha/internal/runtime/proc"
)

// process is a supervised program: when it ends it is started again, as a
// container's restart policy would.
type process struct {
	name    string
	command func() *exec.Cmd
	log     io.WriteCloser
	line    func(string)
	ended   func(code int, again bool)

	mu      sync.Mutex
	cmd     *exec.Cmd
	started bool
	stop    bool
	done    chan struct{} // closed when it has ended for good
}

func newProcess(name, log string, command func() *exec.Cmd) (*process, error) {
	f, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	done := make(chan struct{})
	return &process{name: name, command: command, log: f, done: done}, nil
}

// start begins to supervise.
func (p *process) start() {
	p.started = true
	go func() {
		defer close(p.done)
		defer p.log.Close() //nolint:errcheck // a log
		for p.runOnce() {
			time.Sleep(restartDelay)
		}
	}()
}

// runOnce runs the program until it ends, and reports whether to go on.
func (p *process) runOnce() bool {
	cmd := p.command()
	out, w, err := os.Pipe()
	if err != nil {
		p.line(err.Error())
		return false
	}
	defer out.Close() //nolint:errcheck // only read
	cmd.Stdout, cmd.Stderr = w, w
	p.mu.Lock()
	if p.stop {
		p.mu.Unlock()
		_ = w.Close()
		return false
	}
	err = cmd.Start()
	if err == nil {
		p.cmd = cmd
	}
	p.mu.Unlock()
	_ = w.Close()
	if err != nil {
		p.line(fmt.Sprintf("cannot start %s: %v", p.name, err))
		return false
	}
	go p.read(out)
	err = cmd.Wait()
	p.mu.Lock()
	p.cmd = nil
	again := !p.stop
	p.mu.Unlock()
	p.ended(exitCode(err), again)
	return again
}

func (p *process) read(r io.Reader) {
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			_, _ = io.WriteString(p.log, line)
			p.line(line)
		}
		if err != nil {
			return
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return exit.ExitCode()
}

// pid is the program's, or 0 between two runs.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

func (p *process) signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return os.ErrProcessDone
	}
	return p.cmd.Process.Signal(sig)
}

// stopAll ends processes in order: asked first, then killed with all that
// descends from them.
func stopAll(all []*process, limit time.Duration) {
	for _, p := range all {
		p.mu.Lock()
		p.stop = true
		p.mu.Unlock()
		_ = p.signal(syscall.SIGTERM)
	}
	patience, out := context.WithTimeout(context.Background(), limit)
	defer out()
	for _, p := range all {
		if !p.started {
			continue
		}
		select {
		case <-p.done:
		case <-patience.Done():
			p.killAll()
			<-p.done
		}
	}
}

// killAll kills the descendants before the program, which is their guard.
func (p *process) killAll() {
	pid := p.pid()
	if pid == 0 {
		return
	}
	for {
		tree, err := proc.Descendants(pid)
		if err != nil || len(tree) == 0 {
			break
		}
		for _, e := range tree {
			_ = proc.SignalID(e.ID, syscall.SIGKILL)
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = p.signal(syscall.SIGKILL)
}
