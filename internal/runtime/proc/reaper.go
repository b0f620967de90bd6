package proc

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// Status is how a process ended.
type Status struct {
	Code   int            // exit code, if it was not a signal
	Signal syscall.Signal // signal that ended it, or 0
}

// ExitCode is the status as shells give it: the code, or 128 + signal.
func (s Status) ExitCode() int {
	if s.Signal != 0 {
		return 128 + int(s.Signal)
	}
	return s.Code
}

func (s Status) String() string {
	if s.Signal != 0 {
		return "killed by " + SignalName(s.Signal)
	}
	return "exit " + strconv.Itoa(s.Code)
}

// BecomeSubreaper makes orphaned descendants children of this process instead
// of PID 1, so that none gets away. It is harmless in PID 1 itself.
func BecomeSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot become a subreaper: %w", err)
	}
	return nil
}

// ErrClosed is returned by a Reaper after Close.
var ErrClosed = errors.New("the reaper is closed")

// Reaper is the one place of a process that starts and waits for others: see
// the package's documentation.
type Reaper struct {
	sigchld chan os.Signal
	start   chan startCall
	stop    chan struct{}
	ended   sync.WaitGroup

	mu    sync.Mutex // held over fork and registration, and over wait and dispatch
	procs map[int]*Process
}

type startCall struct {
	path  string
	argv  []string
	attr  *syscall.ProcAttr
	reply chan startReply
}

type startReply struct {
	p   *Process
	err error
}

// oneReaper holds the promise that a process has one waiter.
var oneReaper atomic.Bool

// NewReaper makes this process a subreaper and begins to reap. A process has at
// most one Reaper, and uses no os/exec beside it.
func NewReaper() (*Reaper, error) {
	if _, err := Identify(os.Getpid()); err != nil {
		return nil, fmt.Errorf("cannot control processes without /proc: %w", err)
	}
	if !oneReaper.CompareAndSwap(false, true) {
		return nil, errors.New("cannot reap: this process has a reaper already")
	}
	if err := BecomeSubreaper(); err != nil {
		oneReaper.Store(false)
		return nil, err
	}
	r := &Reaper{
		sigchld: make(chan os.Signal, 1),
		start:   make(chan startCall),
		stop:    make(chan struct{}),
		procs:   make(map[int]*Process),
	}
	signal.Notify(r.sigchld, unix.SIGCHLD)
	r.ended.Add(2)
	go r.reapLoop()
	go r.startLoop()
	return r, nil
}

// Close stops starting and reaping. It is for the end of the process's work:
// whatever still runs is not killed, and nobody will learn of its end.
func (r *Reaper) Close() {
	signal.Stop(r.sigchld)
	close(r.stop)
	r.ended.Wait()
	oneReaper.Store(false)
}

// Start runs a program as syscall.ForkExec does. All processes are forked from
// one thread that lives as long as the Reaper, because a parent-death signal
// (attr.Sys.Pdeathsig) is sent when the forking *thread* ends, and Go ends
// threads as it likes.
func (r *Reaper) Start(path string, argv []string, attr *syscall.ProcAttr) (*Process, error) {
	call := startCall{path: path, argv: argv, attr: attr, reply: make(chan startReply, 1)}
	select {
	case r.start <- call:
		reply := <-call.reply
		return reply.p, reply.err
	case <-r.stop:
		return nil, ErrClosed
	}
}

func (r *Reaper) startLoop() {
	defer r.ended.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // at the end: the thread itself goes on
	for {
		select {
		case call := <-r.start:
			p, err := r.fork(call)
			call.reply <- startReply{p, err}
		case <-r.stop:
			return
		}
	}
}

func (r *Reaper) fork(call startCall) (*Process, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(call.path, call.argv, call.attr)
	if err != nil {
		return nil, fmt.Errorf("cannot run %s: %w", call.path, err)
	}
	// The lock keeps the child from being reaped, so /proc still shows it, and
	// only a lack of descriptors or memory can hide it.
	id, err := Identify(pid)
	if err != nil {
		_ = unix.Kill(pid, unix.SIGKILL) // reaped like an orphan
		return nil, fmt.Errorf("cannot run %s: %w", call.path, err)
	}
	p := &Process{id: id, reaper: r, done: make(chan struct{})}
	r.procs[pid] = p
	return p, nil
}

func (r *Reaper) reapLoop() {
	defer r.ended.Done()
	for {
		select {
		case <-r.sigchld:
			r.reap()
		case <-r.stop:
			return
		}
	}
}

// reap collects all that has ended, and reports whether no child at all is
// left, not even a running one.
func (r *Reaper) reap() (childless bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var ws unix.WaitStatus
		// __WALL includes children that were cloned with another signal than
		// SIGCHLD.
		pid, err := unix.Wait4(-1, &ws, unix.WNOHANG|unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil: // ECHILD; nothing else is possible with these arguments
			return true
		case pid == 0:
			return false
		}
		if p, ok := r.procs[pid]; ok {
			delete(r.procs, pid)
			p.end(ws)
		}
	}
}

// Process is a process started by a Reaper.
type Process struct {
	id     ID
	reaper *Reaper
	done   chan struct{}
	status Status // written before done is closed
}

func (p *Process) end(ws unix.WaitStatus) {
	if ws.Signaled() {
		p.status.Signal = ws.Signal()
	} else {
		p.status.Code = ws.ExitStatus()
	}
	close(p.done)
}

// PID returns the process id. It may belong to another process after Done.
func (p *Process) PID() int { return p.id.PID }

// ID returns the identity for good.
func (p *Process) ID() ID { return p.id }

// Done is closed when the process has ended and been reaped. Its descendants
// may live on.
func (p *Process) Done() <-chan struct{} { return p.done }

// Status waits for the end of the process and says how it ended.
func (p *Process) Status() Status {
	<-p.done
	return p.status
}

// Signal signals this process alone. It returns os.ErrProcessDone after its
// end: the pid of a process that is not reaped cannot be used again.
func (p *Process) Signal(sig syscall.Signal) error {
	p.reaper.mu.Lock()
	defer p.reaper.mu.Unlock()
	select {
	case <-p.done:
		return os.ErrProcessDone
	default:
	}
	if err := unix.Kill(p.id.PID, sig); err != nil {
		return fmt.Errorf("cannot send %s to process %d: %w", SignalName(sig), p.id.PID, err)
	}
	return nil
}
