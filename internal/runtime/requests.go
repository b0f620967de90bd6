package runtime

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/store"
)

// requests turns effects into requests to etcd. Each has its own goroutine and
// exactly one reply; the machine sorts out which of them still matters.
type requests struct {
	ctx   context.Context
	store *store.Store
	loop  *loop
	log   *slog.Logger
	wait  sync.WaitGroup

	stopWatch context.CancelFunc
	watchOp   fsm.Op
	troubles  troubles[fsm.EffectKind]
	unread    map[kv.Key]kv.Revision // keys that do not parse, as reported
}

// OpenStore opens the group's place in etcd as the environment names it. A quiet
// watch is given no longer than a TTL: a node whose view is stale may not claim.
func OpenStore(c *config.Common, log *slog.Logger) (*store.Store, error) {
	return store.Open(storeConfig(c, log))
}

func storeConfig(c *config.Common, log *slog.Logger) store.Config {
	return store.Config{
		Endpoints: c.Etcd.Endpoints, Username: c.Etcd.User, Password: c.Etcd.Password.Reveal(),
		CACert: c.Etcd.CACert, Cert: c.Etcd.Cert, Key: c.Etcd.Key,
		InsecureSkipVerify: c.Etcd.InsecureSkipVerify, DialTimeout: c.Etcd.DialTimeout,
		Prefix: c.Prefix, Group: c.Group, Logger: log, WatchIdle: min(store.DefaultWatchIdle, c.TTL),
	}
}

// handles reports whether the effect is a request, and sends it.
func (r *requests) handles(e *fsm.Effect, now fsm.Instant) bool {
	ev := fsm.Event{Op: e.Op, Sent: now}
	switch {
	case e.Kind.IsTxn():
		ev.Kind = fsm.TxnDone
		txn, attempt := r.loop.out.Txns[e.Txn], e.Attempt
		stamp(&txn, time.Now())
		r.ask(e, &ev, func(ctx context.Context) (kv.Header, kv.Outcome, error) {
			result, h, o, err := r.store.Txn(ctx, &txn, attempt)
			ev.Result = &result
			return h, o, err
		})
	case e.Kind == fsm.GrantLease:
		ev.Kind = fsm.Granted
		ttl := e.TTL
		r.ask(e, &ev, func(ctx context.Context) (kv.Header, kv.Outcome, error) {
			lease, h, o, err := r.store.Grant(ctx, ttl)
			ev.Lease, ev.TTL = lease.ID, lease.TTL
			return h, o, err
		})
	case e.Kind == fsm.KeepAlive:
		ev.Kind = fsm.KeptAlive
		lease, attempt := e.Lease, e.Attempt
		r.ask(e, &ev, func(ctx context.Context) (h kv.Header, o kv.Outcome, err error) {
			ev.TTL, h, o, err = r.store.KeepAlive(ctx, lease, attempt)
			return h, o, err
		})
	case e.Kind == fsm.RevokeLease:
		ev.Kind = fsm.Revoked
		lease := e.Lease
		r.ask(e, &ev, func(ctx context.Context) (kv.Header, kv.Outcome, error) {
			return r.store.Revoke(ctx, lease)
		})
	case e.Kind == fsm.ListKeys:
		ev.Kind = fsm.Listed
		r.ask(e, &ev, func(ctx context.Context) (h kv.Header, o kv.Outcome, err error) {
			ev.Items, h, o, err = r.store.List(ctx)
			return h, o, err
		})
	case e.Kind == fsm.WatchKeys:
		r.watch(e.Op, e.Rev)
	case e.Kind == fsm.StopWatch:
		if r.stopWatch != nil && r.watchOp == e.Op {
			r.stopWatch()
		}
	default:
		return false
	}
	return true
}

// ask runs one request within its timeout and sends the event with its reply.
func (r *requests) ask(
	e *fsm.Effect, ev *fsm.Event, call func(context.Context) (kv.Header, kv.Outcome, error),
) {
	kind, timeout := e.Kind, e.Timeout
	r.wait.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, timeout)
		defer cancel()
		start := time.Now()
		var err error
		ev.Header, ev.Outcome, err = call(ctx)
		r.report(kind, ev.Outcome, time.Since(start), err)
		r.loop.post(func() {
			r.complain(ev.Items)
			r.loop.step(ev)
		})
	})
}

// watch follows the group until it is lost or stopped.
func (r *requests) watch(op fsm.Op, from kv.Revision) {
	if r.stopWatch != nil {
		r.stopWatch()
	}
	ctx, cancel := context.WithCancel(r.ctx)
	r.stopWatch, r.watchOp = cancel, op
	batches := make(chan store.Batch, 16)
	end := make(chan store.WatchEnd, 1)
	start := time.Now()
	r.wait.Go(func() {
		e := r.store.Watch(ctx, from, batches)
		close(batches)
		end <- e
	})
	r.wait.Go(func() {
		defer cancel()
		for b := range batches {
			r.report(fsm.WatchKeys, kv.OK, 0, nil)
			r.loop.post(func() {
				r.complain(b.Items)
				r.loop.step(&fsm.Event{Kind: fsm.Watched, Op: op, Items: b.Items, Header: b.Header})
			})
		}
		e := <-end
		switch {
		case e.Compacted != 0:
			r.log.Warn("changes that the watch missed are compacted; listing anew, to tell the difference",
				"from", int64(from), "compacted", int64(e.Compacted))
		case ctx.Err() == nil:
			r.report(fsm.WatchKeys, e.Outcome, time.Since(start), e.Err)
		}
		r.loop.send(fsm.Event{Kind: fsm.WatchEnded, Op: op, Rev: e.Compacted, Outcome: e.Outcome})
	})
}

// report logs how a request ended, where that is worth a line.
func (r *requests) report(k fsm.EffectKind, o kv.Outcome, after time.Duration, err error) {
	gone := k == fsm.RevokeLease && o == kv.LeaseGone // just what was wanted
	if err == nil || gone {
		if n, since := r.troubles.over(k); n > 0 {
			r.log.Info("etcd request succeeds again", "request", k.String(), "failures", n,
				"after", since.Round(time.Millisecond))
		}
		return
	}
	level := slog.LevelDebug
	n, say := r.troubles.add(k, err.Error())
	if say && r.ctx.Err() == nil {
		level = slog.LevelWarn
	}
	r.log.Log(r.ctx, level, "etcd request failed", "request", k.String(), "outcome", o.String(),
		"after", after.Round(time.Millisecond), "failures", n, "error", err)
}

// complain reports keys of ours that do not parse, once each (SPEC K3).
func (r *requests) complain(items []kv.Item) {
	for i := range items {
		it := &items[i]
		switch {
		case it.Record.Bad == "":
			delete(r.unread, it.Key)
		case r.unread[it.Key] != it.Mod:
			if r.unread == nil {
				r.unread = map[kv.Key]kv.Revision{}
			}
			r.unread[it.Key] = it.Mod
			r.log.Warn("a key is ignored", "key", r.store.Prefix()+it.Key.Path(), "why", it.Record.Bad)
		}
	}
}

// stamp dates a new reign for people: a machine knows no calendar, and nothing
// is decided by it.
func stamp(t *kv.Txn, now time.Time) {
	for i := range t.Then[:t.NThen] {
		op := &t.Then[i]
		reign := op.Key.Kind == kv.KindEpoch || op.Key.Kind == kv.KindHistory
		if op.Kind == kv.OpPut && reign && op.Record.Since == 0 {
			op.Record.Since = now.Unix()
		}
	}
}
