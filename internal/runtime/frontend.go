package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/proxy"
	"msdha/internal/runtime/status"
)

const (
	bindRetry  = time.Second // before a port in use is tried again
	bindReport = 30          // tries between two lines that say so
)

// RunFrontend is the life of a frontend, from its configuration to its exit
// code.
func RunFrontend(cfg config.Frontend, version string, log *Log) int {
	signals := catchSignals(syscall.SIGHUP)
	f, err := newFrontend(cfg, version, log)
	if err != nil {
		log.Error("cannot start", "error", err)
		return fsm.ExitConfig
	}
	defer f.close()
	log.Info("frontend starts", "version", version, "group", cfg.Group)
	go f.loop.followSignals(signals, f.hangUp)
	return f.loop.run(fsm.Event{Kind: fsm.Started})
}

// frontend connects a fsm.Gateway with etcd and the proxy.
type frontend struct {
	cfg     config.Frontend
	log     *Log
	gateway *fsm.Gateway
	loop    *loop
	etcd    *requests
	proxy   *proxy.Proxy
	http    *status.Server
	ctx     context.Context
	cancel  context.CancelFunc

	target   string // what is routed; empty: nothing
	routes   uint64
	phase    fsm.Phase
	snapshot atomic.Pointer[status.Frontend]
	counters status.Counters
}

func newFrontend(cfg config.Frontend, version string, log *Log) (_ *frontend, err error) {
	f := &frontend{cfg: cfg, log: log}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	listen := ":" + strconv.Itoa(int(cfg.Port))
	f.proxy = proxy.New(proxy.Config{Listen: listen, Clock: clock.Now, Log: log.Logger})
	if err := f.tryPort(listen); err != nil {
		return nil, err
	}
	st, err := OpenStore(&cfg.Common, log.Logger)
	if err != nil {
		return nil, err
	}
	f.etcd = &requests{ctx: f.ctx, store: st, log: log.Logger}
	mc := &fsm.FrontendConfig{Name: cfg.Name, Address: listen, Version: version, TTL: cfg.TTL}
	if cfg.StartPatience != config.Forever {
		mc.StartPatience = cfg.StartPatience
	}
	f.gateway = fsm.NewGateway(mc)
	record, err := NewRecorder(cfg.Record, Recorded{Frontend: mc})
	if err != nil {
		return nil, err
	}
	if f.loop, err = newLoop(f.gateway, record, log.Logger); err != nil {
		return nil, err
	}
	f.loop.driver, f.etcd.loop = f, f.loop
	f.http, err = status.Listen(cfg.HTTPListen, f, log.Logger)
	return f, err
}

// tryPort finds out at start, not at the first route, that a port cannot be
// had: for good for want of rights, while one in use may be free by then.
func (f *frontend) tryPort(listen string) error {
	p := proxy.New(proxy.Config{Listen: listen, Clock: clock.Now, Log: slog.New(slog.DiscardHandler)})
	defer p.Close()
	err := p.Open(net.JoinHostPort("localhost", "1"))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		f.log.Warn("the port is needed once there is a master", "error", err)
	case err != nil:
		return fmt.Errorf("cannot use MSDHA_PORT: %w", err)
	}
	return nil
}

func (f *frontend) close() {
	f.cancel()
	f.proxy.Close()
	if f.http != nil {
		f.http.Close()
	}
	if f.etcd != nil {
		f.etcd.store.Close()
		f.etcd.wait.Wait()
	}
	if f.loop != nil {
		if err := f.loop.record.Close(); err != nil {
			f.log.Warn("cannot close the recording", "error", err)
		}
	}
}

// hangUp: a frontend has nothing that it could load again.
func (f *frontend) hangUp(syscall.Signal) {
	f.log.Info("asked to stop", "signal", "hangup")
	f.loop.step(&fsm.Event{Kind: fsm.StopRequested})
}

// execute carries one effect out.
func (f *frontend) execute(e *fsm.Effect, now fsm.Instant) {
	if f.etcd.handles(e, now) {
		return
	}
	switch e.Kind {
	case fsm.Allow:
		f.proxy.Allow(int64(e.Until))
	case fsm.Route:
		f.routes++
		f.target = e.Address
		f.log.Info("routing", "master", e.Node, "address", e.Address, "epoch", int64(e.Epoch))
		f.open(f.routes, 0)
	case fsm.Unroute:
		if f.target != "" {
			f.log.Info("not routing any more", "sessions", f.proxy.Stats().Active)
		}
		f.routes++
		f.target = ""
		f.proxy.Cut()
	case fsm.Exit:
		logEnd(f.log.Logger, e.Cause.String(), e.Code, f.etcd)
		f.loop.end(e.Code)
	default:
		f.log.Error("no adapter for this effect; please report it", "effect", e.Kind.String())
	}
}

// open listens for the route with that number, and tries again as long as it
// is the present one: a port in use becomes free some day.
func (f *frontend) open(route uint64, failures int) {
	if f.routes != route {
		return
	}
	err := f.proxy.Open(f.target)
	if err == nil {
		if failures > 0 {
			f.log.Info("listening at last", "failures", failures)
		}
		return
	}
	if failures%bindReport == 0 {
		f.log.Error("cannot route, trying again", "error", err)
	}
	time.AfterFunc(bindRetry, func() {
		f.loop.post(func() { f.open(route, failures+1) })
	})
}

// stepped logs transitions and publishes what people see.
func (f *frontend) stepped(now fsm.Instant) {
	m := &f.gateway.Frontend
	from := fsm.FrontendPhase(f.phase)
	for _, i := range f.loop.out.Rows {
		row := fsm.FrontendRow(i)
		f.counters.Transition(row.On)
		if row.To != "" && row.To != from {
			f.log.Info("transition", "from", from, "on", row.On, "to", row.To, "why", row.Why)
			from = row.To
		}
	}
	f.phase = m.Phase()
	node, epoch, ok := m.Routed()
	if !ok {
		node, epoch = "", 0
	}
	f.snapshot.Store(&status.Frontend{
		Name: f.cfg.Name, Group: f.cfg.Group, Phase: m.PhaseName(), Master: node, Epoch: int64(epoch),
		Deadline: int64(m.Deadline()), Live: m.Phase() < fsm.FrontLeaving, Ready: ok, Clock: clock.Now,
		Proxy: f.traffic,
	})
}

func (f *frontend) traffic() status.Traffic { return status.Traffic(f.proxy.Stats()) }

// Snapshot is what the HTTP server shows.
func (f *frontend) Snapshot() status.Snapshot {
	if s := f.snapshot.Load(); s != nil {
		return s
	}
	return nil
}

// Counters are for the metrics.
func (f *frontend) Counters() *status.Counters { return &f.counters }
