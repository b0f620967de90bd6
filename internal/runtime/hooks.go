package runtime

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/proc"
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

// env is what SPEC H2 promises to every hook.
func (b *backend) env(e *fsm.HookEnv) []string {
	flag := ""
	if e.Bootstrap {
		flag = "1"
	}
	state := e.State
	if state == "" {
		state = fsm.StatePreStart
	}
	env := []string{
		"MSDHA_GROUP=" + b.cfg.Group, "MSDHA_NAME=" + b.cfg.Name, "MSDHA_STATE=" + string(state),
		"MSDHA_EPOCH=" + strconv.FormatInt(int64(e.Epoch), 10),
		"MSDHA_TTL=" + strconv.Itoa(int(b.cfg.TTL/time.Second)), "MSDHA_RUN_DIR=" + b.cfg.RunDir,
		"MSDHA_MASTER=" + e.Master, "MSDHA_PREVIOUS_MASTER=" + e.Previous,
		"MSDHA_BOOTSTRAP=" + flag, "MSDHA_GROUP_DATA=" + e.GroupData,
	}
	if e.LockRev != 0 {
		env = append(env, "ETCD_LOCK_KEY="+b.etcd.store.Prefix()+kv.Master.Path(),
			"ETCD_LOCK_REV="+strconv.FormatInt(int64(e.LockRev), 10))
	}
	return env
}

// runHook starts a state hook; its end comes back as an event.
func (b *backend) runHook(e *fsm.Effect) {
	ctx, cancel := context.WithCancel(b.hookCtx)
	b.hookCancel = cancel
	call := proc.HookCall{
		Name: e.Hook.String(), Env: b.env(&e.Env), Timeout: e.Timeout, Capture: e.Hook == fsm.HookData,
	}
	op, hook := e.Op, e.Hook
	b.hooks.Go(func() {
		defer cancel()
		r := b.runner.Run(ctx, call)
		ev := fsm.Event{Kind: fsm.HookExited, Op: op, Hook: hook, Absent: r.Skipped()}
		if hook == fsm.HookData {
			ev.Output = firstLine(r.Stdout)
		}
		if !r.OK() {
			ev.Code = max(1, r.Status.ExitCode())
		}
		b.logHook(call.Name, &r)
		b.counters.Hook(call.Name, r.OK(), r.Elapsed)
		b.loop.send(ev)
	})
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
	case r.OK():
		b.log.Info("hook succeeded", attrs...)
	case r.Outcome == proc.HookStopped:
		b.log.Info("hook stopped", attrs...)
	default:
		b.log.Error("hook failed", append(attrs, "status", r.Status.String())...)
	}
}

// firstLine is the identity that the data hook prints.
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
		b.counters.Hook(call.Name, r.OK(), r.Elapsed)
		if !r.OK() { // it kills nobody (SPEC H3)
			b.logHook(call.Name, &r)
		}
		b.loop.post(func() {
			n.busy = false
			b.nextNotice()
		})
	})
}
