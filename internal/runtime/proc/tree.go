package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel tells nobody that a grandchild has died, so trees are polled: soon
// at first, because SIGKILL usually acts within a millisecond.
const (
	firstPoll = time.Millisecond
	lastPoll  = 20 * time.Millisecond
)

// KillTree sends SIGKILL to every descendant of root, and to root itself unless
// that is the caller, walking again until none is left, because processes fork
// between a walk and the kill. Processes in except are spared together with
// their descendants. It returns nil when the tree is gone, with the certainty
// that the package's documentation describes, or an error that names who was
// left when ctx ended: a process in uninterruptible sleep dies when it wakes. It
// wraps ErrNoRight where all who were left are out of our reach.
func (r *Reaper) KillTree(ctx context.Context, root int, except ...int) error {
	id, err := Identify(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	t := treeOf(id, except)
	if root != t.self && !t.ours() {
		return fmt.Errorf("cannot kill the tree of process %d: no descendant of ours", root)
	}
	return r.endTree(ctx, t, unix.SIGKILL)
}

// hopelessLimit is for how long nobody may be in our reach before waiting is over:
// a program that becomes somebody else for a moment (su, ping) ends, or comes back.
const hopelessLimit = 300 * time.Millisecond

// endTree sends the signal (none if 0) to the tree, again and again until it is
// gone. A part of the tree in which only processes are left that we have no
// right to signal is given up with an error.
func (r *Reaper) endTree(ctx context.Context, t *tree, sig syscall.Signal) error {
	poll := firstPoll
	empty := 0
	var hopeless time.Time // since when all who are left are out of our reach
	for {
		alive, err := t.walk()
		refused, refusal := signalAll(alive, sig)
		switch {
		case t.everything():
			if os.Getpid() == 1 && sig == unix.SIGKILL {
				// All of the namespace at once, which no fork can escape. What
				// is no descendant (docker exec) ends with PID 1 anyway.
				_ = unix.Kill(-1, sig)
			}
			if r.reap() {
				return nil
			}
		case err != nil:
		case len(alive) == 0:
			if empty++; empty == 2 {
				return nil
			}
			continue
		case refused == len(alive):
			return refusal
		}
		empty = 0
		switch {
		case refused == 0 || refused < len(alive):
			hopeless = time.Time{}
		case hopeless.IsZero():
			hopeless = time.Now()
		case time.Since(hopeless) > hopelessLimit:
			return refusal
		}
		select {
		case <-ctx.Done():
			if refused > 0 && refused == len(alive) {
				return refusal // waiting longer cannot help
			}
			return errors.Join(survivors(alive, ctx.Err()), err)
		case <-time.After(poll):
			poll = min(2*poll, lastPoll)
		}
	}
}

// signalAll signals each process, and counts those that it may not signal.
func signalAll(alive []Entry, sig syscall.Signal) (refused int, refusal error) {
	if sig == 0 {
		return 0, nil
	}
	for _, e := range alive {
		if err := SignalID(e.ID, sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			refused++
			refusal = fmt.Errorf("cannot send %s to %s: %w", SignalName(sig), e, err)
			if errors.Is(err, unix.EPERM) {
				refusal = fmt.Errorf("%w: %w", noRight(e.PID), err)
			}
		}
	}
	return refused, refusal
}

func survivors(alive []Entry, cause error) error {
	const most = 8
	var names []string
	for _, e := range alive[:min(len(alive), most)] {
		names = append(names, e.String())
	}
	return fmt.Errorf("cannot end %d processes: %s: %w", len(alive), strings.Join(names, ", "), cause)
}

// tree is a part of our descendants. It remembers whom it has seen, because a
// process whose parent dies is not below the root any more.
type tree struct {
	root   ID
	self   int
	except []int
	known  map[ID]bool
}

func treeOf(root ID, except []int) *tree {
	return &tree{root: root, self: os.Getpid(), except: except, known: map[ID]bool{root: true}}
}

// everything reports whether the tree is all that is below this process.
func (t *tree) everything() bool { return t.root.PID == t.self && len(t.except) == 0 }

// ours reports whether the root is a descendant of this process.
func (t *tree) ours() bool {
	all, err := readTable()
	return err == nil && slices.ContainsFunc(below(all, t.self), func(e Entry) bool {
		return e.ID == t.root
	})
}

// walk returns the members that are alive, parents first.
func (t *tree) walk() ([]Entry, error) {
	all, err := readTable()
	if err != nil {
		return nil, err
	}
	member := map[int]bool{}
	if t.root.PID == t.self {
		member[t.self] = true
	}
	spared := map[int]bool{}
	var alive []Entry
	for _, e := range below(all, t.self) {
		if spared[e.Parent] || slices.Contains(t.except, e.PID) {
			spared[e.PID] = true
			continue
		}
		if !member[e.Parent] && !t.known[e.ID] && !t.inSession(e) {
			continue
		}
		member[e.PID] = true
		t.known[e.ID] = true
		if !e.Dead() {
			alive = append(alive, e)
		}
	}
	return alive, nil
}

// inSession finds orphans that hang on us and not on the root any more: hooks
// lead a session, and its number is not used again while a member lives.
func (t *tree) inSession(e Entry) bool {
	return t.root.PID != t.self && e.Session == t.root.PID && e.Start >= t.root.Start
}
