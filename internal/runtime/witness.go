package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/status"
	"msdha/internal/runtime/store"
)

// witnessTimeout is that of each request to etcd and to the engine.
const witnessTimeout = 2 * time.Second

// Engine is a container engine as a witness needs it. The command brings it along,
// and not this package, as the client of an engine is as large as all the rest: every
// guard would have it in its memory (SPEC R5).
type Engine interface {
	// Follow calls open once the engine answers, then tell for each event of a container
	// (its full id, and die, destroy, …) until ctx ends or an error.
	Follow(ctx context.Context, timeout time.Duration, open func(), tell func(container, action string)) error
	// Inspect asks for the state of the container with the full id. An error means that
	// nothing is known.
	Inspect(ctx context.Context, id string) (fsm.ContainerState, error)
}

// RunWitness is the life of a witness, from its configuration to its exit code.
func RunWitness(cfg config.Witness, version string, engine Engine, log *Log) int {
	signals := catchSignals(syscall.SIGHUP)
	w, err := newWitness(cfg, engine, log)
	if err != nil {
		log.Error("cannot start", "error", err)
		return fsm.ExitConfig
	}
	defer w.close()
	log.Info("witness starts", "version", version, "groups", w.groups(), "engine", cfg.Engine)
	go w.loop.followSignals(signals, func(syscall.Signal) {
		log.Info("asked to stop", "signal", "hangup")
		w.loop.step(&fsm.Event{Kind: fsm.StopRequested})
	})
	return w.loop.run(fsm.Event{Kind: fsm.Started})
}

// witness connects a fsm.Witness with etcd and the container engine.
type witness struct {
	cfg     config.Witness
	log     *Log
	machine *fsm.Witness
	loop    *loop
	etcd    *requests
	engine  Engine
	http    *status.Server
	ctx     context.Context
	cancel  context.CancelFunc

	stores    map[string]*store.Store // of the groups that were written to
	following bool
	silent    bool // the log says already that nothing is followed
	attested  uint64
	snapshot  atomic.Pointer[status.Witness]
	counters  status.Counters
}

func newWitness(cfg config.Witness, engine Engine, log *Log) (_ *witness, err error) {
	w := &witness{cfg: cfg, engine: engine, log: log, stores: map[string]*store.Store{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("cannot tell this machine from its clones: %w", err)
	}
	sc := storeConfig(&cfg.Common, log.Logger)
	sc.AllGroups = true
	st, err := store.Open(sc)
	if err != nil {
		return nil, err
	}
	w.etcd = &requests{ctx: w.ctx, store: st, log: log.Logger}
	w.machine = fsm.NewWitness(&fsm.WitnessConfig{
		Name: cfg.Name, Boot: strings.TrimSpace(string(boot)), Timeout: witnessTimeout,
	})
	if w.loop, err = newLoop(w.machine, nil, log.Logger); err != nil {
		return nil, err
	}
	w.loop.driver, w.etcd.loop = w, w.loop
	w.http, err = status.Listen(cfg.HTTPListen, w, log.Logger)
	return w, err
}

func (w *witness) groups() string {
	if w.cfg.Group != "" {
		return w.cfg.Group
	}
	return "all below " + w.cfg.Prefix
}

func (w *witness) close() {
	w.cancel()
	if w.http != nil {
		w.http.Close()
	}
	if w.etcd != nil {
		w.etcd.store.Close()
		w.etcd.wait.Wait()
	}
}

// execute carries one effect out.
func (w *witness) execute(e *fsm.Effect, now fsm.Instant) {
	switch {
	case e.Kind.IsTxn():
		w.transact(e, now)
	case e.Kind == fsm.ListKeys:
		w.list(e, now)
	case w.etcd.handles(e, now):
	case e.Kind == fsm.Follow:
		w.follow(e.Op, e.Timeout)
	case e.Kind == fsm.Inspect:
		w.inspect(e, now)
	case e.Kind == fsm.Exit:
		logEnd(w.log.Logger, e.Cause.String(), e.Code, w.etcd)
		w.loop.end(e.Code)
	default:
		w.log.Error("no adapter for this effect; please report it", "effect", e.Kind.String())
	}
}

// list reads what is registered in all groups.
func (w *witness) list(e *fsm.Effect, now fsm.Instant) {
	ev := fsm.Event{Kind: fsm.Listed, Op: e.Op, Sent: now}
	w.etcd.ask(e, &ev, func(ctx context.Context) (kv.Header, kv.Outcome, error) {
		groups, h, o, err := w.etcd.store.Groups(ctx)
		for name, items := range groups {
			ev.Groups = append(ev.Groups, fsm.GroupKeys{Group: name, Items: items})
		}
		return h, o, err
	})
}

// transact executes a transaction of one group.
func (w *witness) transact(e *fsm.Effect, now fsm.Instant) {
	s := w.stores[e.Group]
	if s == nil {
		s = w.etcd.store.In(e.Group)
		w.stores[e.Group] = s
	}
	ev := fsm.Event{Kind: fsm.TxnDone, Op: e.Op, Sent: now}
	txn, attempt, attests := w.loop.out.Txns[e.Txn], e.Attempt, e.Kind == fsm.Attest
	about := []any{"group", e.Group, "node", e.Node, "incarnation", e.Lease.String()}
	w.etcd.ask(e, &ev, func(ctx context.Context) (kv.Header, kv.Outcome, error) {
		result, h, o, err := s.Txn(ctx, &txn, attempt)
		ev.Result = &result
		if attests && o == kv.OK && result.Succeeded {
			w.log.Info("attested a death: the engine says that its container does not run", about...)
			w.loop.post(func() { w.attested++ })
		}
		return h, o, err
	})
}

// follow has the engine's events told to the machine.
func (w *witness) follow(op fsm.Op, timeout time.Duration) {
	w.etcd.wait.Go(func() {
		err := w.engine.Follow(w.ctx, timeout, func() {
			w.loop.post(func() {
				w.log.Info("following the engine's events")
				w.following, w.silent = true, false
				w.loop.step(&fsm.Event{Kind: fsm.Following, Op: op})
			})
		}, func(container, action string) {
			w.loop.post(func() {
				w.log.Debug("event", "container", container, "action", action)
				w.loop.step(&fsm.Event{Kind: fsm.ContainerEvent, Op: op, Container: container, Action: action})
			})
		})
		w.loop.post(func() {
			if w.following || !w.silent {
				w.log.Warn("not following the engine's events, trying again: nothing is attested without", "error", err)
			}
			w.following, w.silent = false, true
			w.loop.step(&fsm.Event{Kind: fsm.FollowEnded, Op: op})
		})
	})
}

// inspect asks the engine. What is no answer is kv.Unknown to the machine.
func (w *witness) inspect(e *fsm.Effect, now fsm.Instant) {
	op, timeout, id := e.Op, e.Timeout, e.Container
	w.etcd.wait.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, timeout)
		defer cancel()
		ev := fsm.Event{Kind: fsm.Inspected, Op: op, Sent: now, Outcome: kv.Unknown}
		s, err := w.engine.Inspect(ctx, id)
		switch {
		case err == nil:
			ev.Outcome, ev.Engine = kv.OK, &s
			w.log.Debug("inspected", "container", id, "known", s.Known, "status", s.Status)
		case !errors.Is(err, context.Canceled):
			w.log.Warn("the engine gives no answer, which proves nothing", "container", id, "error", err)
		}
		w.loop.send(ev)
	})
}

// stepped publishes what people see.
func (w *witness) stepped(fsm.Instant) {
	for d, ok := w.machine.Doubt(); ok; d, ok = w.machine.Doubt() {
		w.log.Warn("nothing is attested, though the engine says that its container does not run", "group", d.Group,
			"node", d.Node, "incarnation", d.Incarnation.String(), "container", d.Container, "why", d.Why)
	}
	inquests, attests := w.machine.Work()
	w.snapshot.Store(&status.Witness{
		Name: w.cfg.Name, Group: w.cfg.Group, Following: w.following, Registered: w.machine.Registered(),
		Inquests: inquests, Attesting: attests, Attested: w.attested, Live: !w.machine.Ended(),
		Ready: w.following && w.machine.Informed(),
	})
}

// Snapshot is what the HTTP server shows.
func (w *witness) Snapshot() status.Snapshot {
	if s := w.snapshot.Load(); s != nil {
		return s
	}
	return nil
}

// Counters are for the metrics.
func (w *witness) Counters() *status.Counters { return &w.counters }
