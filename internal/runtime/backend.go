package runtime

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/guard"
	"msdha/internal/runtime/proc"
	"msdha/internal/runtime/status"
)

// RunBackend is the life of an agent, from its configuration to its exit code.
// It is called in the process that a guard started; link is the line to it.
func RunBackend(cfg config.Backend, version string, link *guard.Link, log *Log) int {
	signals := catchSignals(passedOn...)
	b, err := newBackend(cfg, version, link, log)
	if err != nil {
		log.Error("cannot start", "error", err)
		return fsm.ExitConfig
	}
	defer b.close()
	log.Info("backend starts", "version", version, "group", cfg.Group, "container", cmp.Or(b.place.Container, "none"),
		"own_pids", b.place.PIDNamespace != "")
	go b.loop.followSignals(signals, b.passOn)
	go b.followGuard()
	return b.loop.run(fsm.Event{Kind: fsm.Started, Held: b.memory.held()})
}

// backend connects a fsm.Member with etcd, processes, files and the guard.
type backend struct {
	cfg    config.Backend
	log    *Log
	place  kv.Place
	member *fsm.Member
	loop   *loop
	etcd   *requests
	files  *files
	memory *memory
	link   *guard.Link
	reaper *proc.Reaper
	runner *proc.Hooks
	http   *status.Server
	cancel context.CancelFunc
	ctx    context.Context

	running   map[fsm.Op]context.CancelFunc // the machine's hooks that run
	failing   troubles[fsm.Hook]
	hookCtx   context.Context // of all hooks
	stopHooks context.CancelFunc
	hooks     sync.WaitGroup // everything that may start a hook's process
	child     *proc.Child
	told      kv.LeaseID    // by the guard's knowledge ours
	reaped    chan struct{} // closed when the child's end has been posted
	refused   bool          // the child became a user whom we may not signal
	notices   notices

	phase    fsm.Phase // as last logged
	snapshot atomic.Pointer[status.Backend]
	counters status.Counters
	why      string // last reason for not being master, as logged
	seen     sightings
}

func machineConfig(
	cfg *config.Backend, version string, place kv.Place, hooks fsm.HookSet,
) *fsm.BackendConfig {
	c := &fsm.BackendConfig{
		Name: cfg.Name, Address: cfg.Address, Place: place, Version: version,
		TTL: cfg.TTL, MasterTTL: cfg.MasterTTL, StopTimeout: cfg.StopTimeout,
		PublishAfter: cfg.PublishAfter, AlwaysWait: cfg.AlwaysWait, FenceProves: cfg.FenceProves,
		Observer: !cfg.Candidate,
		Hooks:    hooks, Priority: cfg.Priority, PromoteQuorum: cfg.PromoteQuorum,
		MonitorInterval: cfg.MonitorInterval, MonitorFailures: cfg.MonitorFailures,
	}
	if cfg.StartPatience != config.Forever {
		c.StartPatience = cfg.StartPatience
	}
	for h := range c.HookTimeout {
		c.HookTimeout[h] = cfg.HookTimeouts[fsm.Hook(h).String()]
	}
	return c
}

func newBackend(
	cfg config.Backend, version string, link *guard.Link, log *Log,
) (_ *backend, err error) {
	b := &backend{cfg: cfg, log: log, link: link, running: map[fsm.Op]context.CancelFunc{}, seen: sightings{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.hookCtx, b.stopHooks = context.WithCancel(b.ctx)
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.files, err = newFiles(cfg.RunDir, log.Logger); err != nil {
		return nil, err
	}
	if b.memory, err = newMemory(cfg.StateDir, log.Logger); err != nil {
		return nil, err
	}
	if err := checkHooks(cfg.HooksDir); err != nil {
		return nil, err
	}
	st, err := OpenStore(&cfg.Common, log.Logger)
	if err != nil {
		return nil, err
	}
	b.etcd = &requests{ctx: b.ctx, store: st, log: log.Logger}
	if b.reaper, err = proc.NewReaper(); err != nil {
		return nil, err
	}
	b.runner = &proc.Hooks{Dir: cfg.HooksDir, Reaper: b.reaper, Output: b.output}
	b.place = thisHost.where()
	mc := machineConfig(&cfg, version, b.place, lookForHooks(b.runner, log.Logger))
	b.member = fsm.NewMember(mc)
	record, err := NewRecorder(cfg.Record, Recorded{Backend: mc})
	if err != nil {
		return nil, err
	}
	if b.loop, err = newLoop(b.member, record, log.Logger); err != nil {
		return nil, err
	}
	b.loop.driver, b.etcd.loop = b, b.loop
	b.http, err = status.Listen(cfg.HTTPListen, b, log.Logger)
	return b, err
}

// close frees what the process holds. It kills nothing: what still runs is the
// guard's.
func (b *backend) close() {
	b.cancel()
	if b.http != nil {
		b.http.Close()
	}
	if b.etcd != nil {
		b.etcd.store.Close()
		b.etcd.wait.Wait()
	}
	if b.loop != nil {
		if err := b.loop.record.Close(); err != nil {
			b.log.Warn("cannot close the recording", "error", err)
		}
	}
	if b.memory != nil {
		b.memory.close()
	}
	if b.reaper != nil {
		b.reaper.Close()
	}
}

// followGuard posts the guard's end.
func (b *backend) followGuard() {
	select {
	case <-b.link.Gone():
		b.loop.send(fsm.Event{Kind: fsm.GuardLost})
	case <-b.loop.done:
	}
}

// execute carries one effect out; the machine has decided everything.
func (b *backend) execute(e *fsm.Effect, now fsm.Instant) {
	if b.etcd.handles(e, now) {
		return
	}
	switch e.Kind {
	case fsm.RunHook:
		b.runHook(e)
	case fsm.StopHooks:
		b.stopRunning()
	case fsm.EndHook:
		b.endHook(e.Op)
	case fsm.StartChild:
		b.startChild(e)
	case fsm.SignalChild:
		b.signalChild(e.Fenced)
	case fsm.KillTree:
		b.killTree()
	case fsm.ArmGuard:
		b.arm(e)
	case fsm.MarkMaster:
		b.files.markMaster(e.On)
	case fsm.WriteMaster:
		b.files.writeMaster(e.Node, e.Address)
	case fsm.Remember:
		b.memory.remember(e.Held)
	case fsm.Notify:
		b.notify(e)
	case fsm.Exit:
		b.exit(e)
	default:
		b.log.Error("no adapter for this effect; please report it", "effect", e.Kind.String())
	}
}

// arm tells the guard. Where that fails the guard still has the earlier, and
// therefore nearer, deadlines.
func (b *backend) arm(e *fsm.Effect) {
	b.tellLease(e.Lease, e.TTL)
	if err := b.link.Arm(int64(e.Fence), int64(e.Kill)); err != nil {
		b.log.Warn("the guard keeps its earlier deadline", "error", err)
	}
}

// tellLease tells the guard what has to be given back when we are dead, and once
// that is nothing any more. Attesting it may take a TTL: later the lease ends by itself.
func (b *backend) tellLease(lease kv.LeaseID, ttl time.Duration) {
	if b.told == lease {
		return
	}
	if err := b.link.Lease(int64(lease), ttl); err != nil {
		b.log.Warn("the guard does not know our lease; it has to end by itself if we die", "error", err)
		return
	}
	b.told = lease
}
