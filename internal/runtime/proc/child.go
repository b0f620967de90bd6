package proc

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"time"
)

// StartHook is the hook that becomes the main process by exec (SPEC H1).
const StartHook = "start"

// The right to signal the main process is looked at often while it starts,
// when programs change their user, and now and then for as long as it lives.
const (
	firstRightsCheck = 20 * time.Millisecond
	lastRightsCheck  = 5 * time.Second
)

// Child is the main process of a node.
type Child struct {
	*Process
	refused chan error
	drained chan struct{}
}

// ChildCall says how to start the main process.
type ChildCall struct {
	Env  []string            // KEY=value, in addition to ours and before them
	User *syscall.Credential // nil: ours
}

// StartChild runs the start hook. Like every hook it leads a session of its
// own; its process stays the main process for as long as it lives.
func (h *Hooks) StartChild(call ChildCall) (*Child, error) {
	path := filepath.Join(h.Dir, StartHook)
	switch outcome, err := runnable(path); {
	case outcome == HookMissing:
		return nil, fmt.Errorf("cannot start the main process: %s does not exist; "+
			"it is the one hook that every node needs", path)
	case outcome != 0:
		return nil, fmt.Errorf("cannot start the main process: %w", err)
	}
	c := command{path: path, env: call.Env, name: StartHook, output: h.Output, user: call.User}
	p, streams, err := c.start(h.Reaper)
	if err != nil {
		return nil, fmt.Errorf("cannot start the main process: %w", err)
	}
	child := &Child{Process: p, refused: make(chan error, 1), drained: make(chan struct{})}
	go child.watchRights()
	go func() {
		defer close(child.drained)
		<-p.Done()
		drain(streams...)
	}()
	return child, nil
}

// Drained is closed when the child has ended and its last words are out, or
// 250 ms after its end where its descendants hold the output open.
func (c *Child) Drained() <-chan struct{} { return c.drained }

// Refused delivers one error, wrapping ErrNoRight, once the child or one of its
// descendants turns out to run as a user whom we may not signal. The node has
// to end then: it could not fence itself (SPEC R5). The start hook runs as we
// do and may change its user at any time, so this is watched, not asked once.
func (c *Child) Refused() <-chan error { return c.refused }

func (c *Child) watchRights() {
	for wait := firstRightsCheck; ; wait = min(2*wait, lastRightsCheck) {
		if err := MaySignal(c.PID()); errors.Is(err, ErrNoRight) {
			c.refused <- err
			return
		}
		select {
		case <-c.Done():
			return
		case <-time.After(wait):
		}
	}
}
