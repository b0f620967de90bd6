package runtime

import (
	"context"
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/proc"
)

// refusalTime is how long a child is watched for changing to a user whom we may
// not signal before it counts as started (SPEC R5).
const refusalTime = 50 * time.Millisecond

const (
	// killReport is how often it is said who does not die.
	killReport = 5 * time.Second
	// killAgain is how soon the tree of a hook that was being started is killed.
	killAgain = 20 * time.Millisecond
)

// passedOn are signals between whoever sends them and the main process, such as
// a request to load its configuration again (SPEC N7).
var passedOn = []os.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2}

func (b *backend) passOn(sig syscall.Signal) {
	if b.child == nil {
		b.log.Warn("no main process to pass the signal on to", "signal", proc.SignalName(sig))
		return
	}
	b.log.Info("passing a signal on to the main process", "signal", proc.SignalName(sig))
	b.signal(sig)
}

// startChild execs the start hook.
func (b *backend) startChild(e *fsm.Effect) {
	op := e.Op
	child, err := b.runner.StartChild(proc.ChildCall{Env: b.env(&e.Env)})
	if err != nil {
		b.log.Error("no main process", "error", err)
		go b.loop.send(fsm.Event{Kind: fsm.ChildStarted, Op: op, Outcome: kv.Failed})
		return
	}
	b.child, b.reaped = child, make(chan struct{})
	b.tellGuard(child.PID())
	b.log.Info("main process started", "pid", child.PID())
	go b.watchStart(child, op)
	go b.watchEnd(child, b.reaped)
}

func (b *backend) tellGuard(pid int) {
	if err := b.link.Child(pid, b.cfg.FenceSignal); err != nil {
		b.log.Warn("the guard does not know the main process; it will skip the fence signal", "error", err)
	}
}

// watchStart reports the start, unless the child turns out to run as somebody
// whom neither we nor the guard could end. Later refusals end the node too.
func (b *backend) watchStart(child *proc.Child, op fsm.Op) {
	select {
	case err := <-child.Refused():
		b.log.Error("refusing the main process", "error", err,
			"cure", "run it as the agent's user, or give the agent the capability KILL")
		b.loop.send(fsm.Event{Kind: fsm.ChildStarted, Op: op, Outcome: kv.Failed})
		return
	case <-child.Done():
	case <-time.After(refusalTime):
	}
	b.loop.send(fsm.Event{Kind: fsm.ChildStarted, Op: op, Outcome: kv.OK})
	select {
	case err := <-child.Refused():
		b.log.Error("the main process changed to a user whom we may not signal", "error", err)
		b.loop.post(func() {
			b.refused = true
			b.loop.step(&fsm.Event{Kind: fsm.StopRequested})
		})
	case <-child.Done():
	}
}

func (b *backend) watchEnd(child *proc.Child, reaped chan struct{}) {
	st := child.Status()
	select {
	case <-child.Drained(): // its last words come before what follows from its end
	case <-b.loop.done:
	}
	b.loop.post(func() {
		b.log.Info("main process ended", "status", st.String())
		b.loop.step(&fsm.Event{Kind: fsm.ChildExited, Code: st.ExitCode()})
	})
	close(reaped)
}

func (b *backend) signalChild(fenced bool) {
	switch {
	case b.child == nil:
	case fenced:
		b.signal(b.cfg.FenceSignal)
	default:
		b.signal(b.cfg.StopSignal)
	}
}

func (b *backend) signal(sig syscall.Signal) {
	if err := b.child.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		b.log.Error("cannot signal the main process", "signal", proc.SignalName(sig), "error", err)
	}
}

// killTree ends every descendant. A hook whose goroutine has not started it yet
// is no descendant, so the tree is only gone once those have come to their end,
// too. The child's own end is posted first: its status is known then.
func (b *backend) killTree() {
	b.notices.closed, b.notices.queue = true, nil
	b.stopHooks()
	idle := make(chan struct{})
	go func() {
		b.hooks.Wait()
		close(idle)
	}()
	reaped := b.reaped
	go func() {
		if !b.killAll(idle) {
			return
		}
		if reaped != nil {
			<-reaped
		}
		b.loop.send(fsm.Event{Kind: fsm.TreeGone})
	}()
}

// killAll returns true once no descendant is left, and none can come any more.
func (b *backend) killAll(idle <-chan struct{}) bool {
	last := false
	for b.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(b.ctx, killReport)
		err := b.reaper.KillTree(ctx, os.Getpid())
		cancel()
		switch {
		case err == nil && last:
			return true
		case errors.Is(err, proc.ErrNoRight):
			b.loop.post(func() { b.abandon(err) })
			return false
		case err != nil:
			b.log.Error("processes do not die; nothing is released before they do", "error", err)
			continue
		}
		select {
		case <-idle:
			last = true
		case <-time.After(killAgain):
		}
	}
	return false
}

// abandon ends the agent without a release, for what is left of its tree is out
// of its reach. The guard ends next: in a container that ends everything.
func (b *backend) abandon(err error) {
	b.log.Error("ends", "cause", "processes are left that we may not signal", "code", fsm.ExitHook,
		"error", err)
	b.loop.end(fsm.ExitHook)
}
