package rig

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"

	"msdha/internal/runtime/proc"
)

// The processes of a member as the engine's machine sees them: the container's
// first process and its descendants.

// Guard is the container's first process.
func (m *Member) Guard(ctx context.Context) (proc.ID, error) {
	state, err := m.State(ctx)
	if err != nil {
		return proc.ID{}, err
	}
	if state.Pid == 0 {
		return proc.ID{}, m.did("find the first process of", ErrNotRunning)
	}
	return proc.Identify(state.Pid)
}

// Agent is the descendant of the guard that runs the same program.
func (m *Member) Agent(ctx context.Context) (proc.ID, error) {
	return m.find(ctx, "agent", func(guard string, e *proc.Entry) bool {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", e.PID))
		return err == nil && exe == guard
	})
}

// Postmaster is PostgreSQL's first process.
func (m *Member) Postmaster(ctx context.Context) (proc.ID, error) {
	postgres := map[int]bool{}
	is := func(pid int) bool {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return err == nil && strings.HasSuffix(exe, "/bin/postgres")
	}
	return m.find(ctx, "postmaster", func(_ string, e *proc.Entry) bool {
		postgres[e.PID] = is(e.PID)
		return postgres[e.PID] && !is(e.Parent)
	})
}

// Replay is the process of a standby's PostgreSQL that applies what was received.
func (m *Member) Replay(ctx context.Context) (proc.ID, error) {
	return m.find(ctx, "replay process", func(_ string, e *proc.Entry) bool {
		title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID))
		return err == nil && strings.Contains(string(title), "startup recovering")
	})
}

// Database is every process of PostgreSQL, its first one last, so that nobody is
// there to start another.
func (m *Member) Database(ctx context.Context) (all []proc.ID, err error) {
	guard, err := m.Guard(ctx)
	if err != nil {
		return nil, err
	}
	tree, err := proc.Descendants(guard.PID)
	if err != nil {
		return nil, err
	}
	for i := len(tree) - 1; i >= 0; i-- {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", tree[i].PID)); err == nil &&
			strings.HasSuffix(exe, "/bin/postgres") {
			all = append(all, tree[i].ID)
		}
	}
	return all, nil
}

func (m *Member) find(ctx context.Context, what string, is func(guard string, e *proc.Entry) bool) (proc.ID, error) {
	guard, err := m.Guard(ctx)
	if err != nil {
		return proc.ID{}, err
	}
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", guard.PID))
	if err != nil {
		return proc.ID{}, fmt.Errorf("cannot read what %s runs: %w", m.Name, err)
	}
	tree, err := proc.Descendants(guard.PID)
	if err != nil {
		return proc.ID{}, err
	}
	for i := range tree {
		if is(program, &tree[i]) {
			return tree[i].ID, nil
		}
	}
	return proc.ID{}, fmt.Errorf("%s has no %s", m.Name, what)
}

// Signal sends a signal to one process.
func (m *Member) Signal(id proc.ID, s syscall.Signal) error {
	if err := proc.SignalID(id, s); err != nil {
		return fmt.Errorf("cannot send %v to process %d of %s: %w", s, id.PID, m.Name, err)
	}
	return nil
}
