package guard

import (
	"context"
	"errors"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/proc"
)

// agentWait is how long the descendants are left alone after the agent got its
// SIGKILL, so that no live agent sees its child die and acts on it. An agent in
// uninterruptible sleep does not keep the rest alive for longer.
const agentWait = 100 * time.Millisecond

// killReport is how often the guard says who will not die.
const killReport = 5 * time.Second

func (g *guard) act(a Action) {
	switch a.Kind {
	case ActionForward:
		if err := g.agent.Signal(a.Signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			g.log(err.Error())
		}
	case ActionFence:
		g.fence()
	case ActionKill:
		g.kill()
	case ActionAttest:
		g.attest(a.Lease, a.Limit)
	case ActionExit:
		g.endHelper()
		g.exit, g.code = true, a.Code
	}
}

// setChild remembers the main process by its identity, so that a signal never
// hits another process with its pid. Whoever is not below the agent is ignored:
// a main process that ended before this was read looks just like that.
func (g *guard) setChild(pid int, sig syscall.Signal) {
	g.child, g.childSignal = proc.ID{}, sig
	if pid == 0 {
		return
	}
	id, ok := proc.Below(g.agent.PID(), pid)
	if !ok {
		g.log("process " + strconv.Itoa(pid) + " is not below the agent; it gets no fence signal")
		return
	}
	g.child = id
}

func (g *guard) fence() {
	if g.child.PID == 0 {
		return
	}
	g.log("time to fence: " + proc.SignalName(g.childSignal) + " to process " +
		strconv.Itoa(g.child.PID))
	err := proc.SignalID(g.child, g.childSignal)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		g.log("cannot send the fence signal: " + err.Error())
	}
}

// kill ends everything, in the background: the loop goes on serving signals.
func (g *guard) kill() {
	if g.killing {
		return
	}
	g.killing = true
	startCollector() // walking makes garbage
	err := g.agent.Signal(unix.SIGKILL)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		g.log(err.Error())
	}
	go func() {
		select {
		case <-g.agent.Done():
		case <-time.After(agentWait):
		}
		g.gone <- g.killRest()
	}()
}

// killRest returns when no descendant is left, however long that takes. Only
// those that we have no right to signal are left to whoever is above us: the end
// of PID 1 ends them, as does a supervisor of the whole cgroup. The agent, which
// might have released something, is dead; and nobody is said to have ended (SPEC E11).
func (g *guard) killRest() (left bool) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), killReport)
		err := g.reaper.KillTree(ctx, os.Getpid())
		cancel()
		if err == nil {
			return false
		}
		g.log(err.Error())
		if errors.Is(err, proc.ErrNoRight) && g.agentDead() {
			return true
		}
	}
}

func (g *guard) agentDead() bool {
	select {
	case <-g.agent.Done():
		return true
	default:
		return false
	}
}
