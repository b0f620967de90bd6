package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/proc"
	"msdha/internal/runtime/status"
)

// checkHooks wants the one hook without which there is no main process.
func checkHooks(dir string) error {
	path := filepath.Join(dir, proc.StartHook)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("cannot use the hooks in MSDHA_HOOKS_DIR: %w; "+
			"the start hook is required and must exec the main process", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("cannot use the start hook %s: it is no regular file", path)
	}
	if err := unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS); err != nil {
		return fmt.Errorf("cannot execute the start hook %s as uid %d: %w; chmod +x it",
			path, os.Geteuid(), err)
	}
	return nil
}

// lookForHooks finds out which hooks a node has. It is asked once: what a machine
// does, and a recording says, follows from it (SPEC H2).
func lookForHooks(runner *proc.Hooks, log *slog.Logger) (set fsm.HookSet) {
	for h := fsm.HookNone + 1; h < fsm.NumHooks; h++ {
		r := runner.Look(h.String())
		if !r.Skipped() {
			set = set.With(h)
		} else if r.Outcome != proc.HookMissing && retried(h) { // the others say so in their turn
			log.Warn("hook skipped", "hook", h.String(), "outcome", r.Outcome.String(), "error", r.Err)
		}
	}
	for _, pair := range [...]struct {
		has, lacks fsm.Hook
		why        string
	}{
		{fsm.HookPosition, fsm.HookDetach, "what it prints may be too low by the time it counts"},
		{fsm.HookDetach, fsm.HookFollow, "after an election nothing attaches this node to the new master"},
	} {
		if set.Has(pair.has) && !set.Has(pair.lacks) {
			log.Warn("one hook needs another",
				"hook", pair.has.String(), "missing", pair.lacks.String(), "why", pair.why)
		}
	}
	return set
}

// notices is the queue of node_state_change: in order, one at a time, nothing
// left out (SPEC H5).
type notices struct {
	queue  []fsm.Effect
	busy   bool
	closed bool // the tree is being ended: start nothing any more
}

func (b *backend) output(program string, _ bool, line string) {
	b.log.Info(line, "hook", program)
	b.log.Settle()
}

// whisper is the output of a hook that has just said the same.
func (b *backend) whisper(program string, _ bool, line string) {
	b.log.Debug(line, "hook", program)
	b.log.Settle()
}

// env is what SPEC H2 promises to every hook.
func (b *backend) env(e *fsm.HookEnv) []string {
	flag := func(on bool) string {
		if on {
			return "1"
		}
		return ""
	}
	state := e.State
	if state == "" {
		state = fsm.StatePreStart
	}
	env := []string{
		"MSDHA_GROUP=" + b.cfg.Group, "MSDHA_NAME=" + b.cfg.Name, "MSDHA_STATE=" + string(state),
		"MSDHA_EPOCH=" + number(e.Epoch),
		"MSDHA_TTL=" + strconv.Itoa(int(b.cfg.TTL/time.Second)), "MSDHA_RUN_DIR=" + b.cfg.RunDir,
		"MSDHA_MASTER=" + e.Master, "MSDHA_PREVIOUS_MASTER=" + e.Previous,
		"MSDHA_BOOTSTRAP=" + flag(e.Bootstrap), "MSDHA_GROUP_DATA=" + e.GroupData,
		"MSDHA_MEMBERS=" + string(e.Members), "MSDHA_MEMBERS_K=" + strconv.Itoa(e.K),
		"MSDHA_REINIT=" + flag(e.Reinit),
	}
	if e.LockRev != 0 {
		env = append(env, "ETCD_LOCK_KEY="+b.etcd.store.Prefix()+kv.Master.Path(), "ETCD_LOCK_REV="+number(e.LockRev))
	}
	return env
}

func number[T ~int64](n T) string { return strconv.FormatInt(int64(n), 10) }

// hookCall is how a hook of the machine is called (SPEC H1).
func (b *backend) hookCall(e *fsm.Effect) proc.HookCall {
	call := proc.HookCall{
		Name: e.Hook.String(), Env: b.env(&e.Env), Timeout: e.Timeout,
		Capture: e.Hook == fsm.HookData || e.Hook == fsm.HookPosition,
		// What is left of a hook that attaches to a master must not do so later.
		Whole: retried(e.Hook),
	}
	switch e.Hook {
	case fsm.HookFollow:
		call.Args = []string{e.Node, e.Address, number(e.Epoch)}
	case fsm.HookMembers:
		call.Args = append([]string{strconv.Itoa(e.Env.K)}, e.Env.Members.List()...)
	case fsm.HookFence:
		d := &e.Debt
		call.Args = []string{d.Node}
		call.Env = append(call.Env, "MSDHA_FENCE_EPOCH="+number(d.Epoch),
			"MSDHA_FENCE_INCARNATION="+d.Incarnation.String(), "MSDHA_FENCE_ADDRESS="+d.Address,
			"MSDHA_FENCE_CONTAINER="+d.Container)
	}
	return call
}

// retried are the hooks that run beside a node's states: they come again and
// again, above all while they fail, and several may run at once.
func retried(h fsm.Hook) bool { return h >= fsm.HookDetach }

var errHookGone = errors.New("the hook was there when the node started; put it back, or restart the node")

// runHook starts a hook; its end comes back as an event.
func (b *backend) runHook(e *fsm.Effect) {
	ctx, cancel := context.WithCancel(b.hookCtx)
	op, hook, call := e.Op, e.Hook, b.hookCall(e)
	b.running[op] = cancel
	runner := *b.runner
	if b.failing.quiet(hook) {
		runner.Output = b.whisper
	}
	b.hooks.Go(func() {
		defer cancel()
		r := runner.Run(ctx, call)
		if retried(hook) && r.Skipped() { // it was there at the start, and nobody has detached
			r.Outcome, r.Err = proc.HookNotStarted, cmp.Or(r.Err, errHookGone)
		}
		ev := fsm.Event{Kind: fsm.HookExited, Op: op, Hook: hook, Absent: r.Skipped(), Code: hookCode(&r)}
		if call.Capture {
			ev.Output = firstLine(r.Stdout)
		}
		b.reportHook(hook, &r)
		b.loop.post(func() {
			delete(b.running, op)
			b.loop.step(&ev)
		})
	})
}

// endHook ends one hook, stopHooks all that the machine asked for; that each has
// ended, with all its processes, comes back as for any other (SPEC H3).
func (b *backend) endHook(op fsm.Op) {
	if cancel := b.running[op]; cancel != nil {
		cancel()
	}
}

func (b *backend) stopRunning() {
	for _, cancel := range b.running {
		cancel()
	}
}

// hookCode is the hook's own exit status. What it says while it is being ended is
// no answer: a script's 75 might be that of a command that was interrupted.
func hookCode(r *proc.HookResult) int {
	switch {
	case r.OK():
		return 0
	case r.Outcome == proc.HookExited:
		return r.Status.ExitCode()
	}
	return 1
}

// reportHook counts and logs a run. Of hooks that go on failing only some runs are
// worth a line.
func (b *backend) reportHook(hook fsm.Hook, r *proc.HookResult) {
	name := hook.String()
	b.counters.Hook(name, hookResult(r), r.Elapsed)
	switch {
	case !retried(hook), r.Outcome == proc.HookStopped:
	case r.OK():
		if n, since := b.failing.over(hook); n > 0 {
			b.log.Info("hook succeeds again", "hook", name, "failures", n, "after", since.Round(time.Millisecond))
			return
		}
	default:
		if n, say := b.failing.add(hook, hookFailure(name, r)); !say {
			b.log.Debug("hook failed", "hook", name, "failures", n, "status", r.Status.String())
			return
		}
	}
	b.logHook(name, r)
}

func hookResult(r *proc.HookResult) string {
	switch {
	case r.OK():
		return status.HookOK
	case r.Outcome == proc.HookStopped:
		return status.HookEnded
	}
	return status.HookFailed
}

func hookFailure(name string, r *proc.HookResult) string {
	why := r.Status.String()
	if r.Outcome != proc.HookExited {
		why = r.Outcome.String()
	}
	return "the " + name + " hook fails: " + why
}

func (b *backend) logHook(name string, r *proc.HookResult) {
	attrs := []any{"hook", name, "outcome", r.Outcome.String(), "after", r.Elapsed.Round(time.Millisecond)}
	if r.Err != nil {
		attrs = append(attrs, "error", r.Err)
	}
	switch {
	case r.Outcome == proc.HookMissing:
		b.log.Debug("no such hook", attrs...)
	case r.Skipped():
		b.log.Warn("hook skipped", attrs...)
	case r.OK() && name == fsm.HookMonitor.String(): // all the time
		b.log.Debug("hook succeeded", attrs...)
	case r.OK():
		b.log.Info("hook succeeded", attrs...)
	case r.Outcome == proc.HookStopped:
		b.log.Info("hook stopped", attrs...)
	default:
		b.log.Error("hook failed", append(attrs, "status", r.Status.String())...)
	}
}

// firstLine is the identity that the data hook prints, or the position.
func firstLine(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(line)
}

// notify queues a node_state_change.
func (b *backend) notify(e *fsm.Effect) {
	if b.notices.closed {
		return
	}
	b.notices.queue = append(b.notices.queue, *e)
	b.nextNotice()
}

func (b *backend) nextNotice() {
	n := &b.notices
	if n.busy || n.closed || len(n.queue) == 0 {
		return
	}
	e := n.queue[0]
	n.queue = n.queue[1:]
	n.busy = true
	m := &b.member.Backend
	env := m.HookEnv()
	call := proc.HookCall{
		Name: fsm.HookNodeStateChange.String(), Args: []string{e.Action, e.Node, string(e.State)},
		Env: b.env(&env), Timeout: b.cfg.HookTimeouts[fsm.HookNodeStateChange.String()],
	}
	b.hooks.Go(func() {
		r := b.runner.Run(b.hookCtx, call)
		b.counters.Hook(call.Name, hookResult(&r), r.Elapsed)
		if !r.OK() { // it kills nobody (SPEC H3)
			b.logHook(call.Name, &r)
		}
		b.loop.post(func() {
			n.busy = false
			b.nextNotice()
		})
	})
}
