package runtime

import (
	"cmp"
	"fmt"
	"log/slog"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/status"
)

// stepped logs transitions, one line each, and publishes what people see.
func (b *backend) stepped(now fsm.Instant) {
	m := &b.member.Backend
	from := fsm.BackendPhase(b.phase)
	for _, i := range b.loop.out.Rows {
		row := fsm.BackendRow(i)
		b.counters.Transition(row.On)
		if row.To != "" && row.To != from {
			b.log.Info("transition", "from", from, "on", row.On, "to", row.To, "why", row.Why)
			from = row.To
		}
	}
	b.phase = m.Phase()
	b.seen.observe(b.loop.out.List, time.Now())
	standing := m.Standing()
	why, remaining := m.Explain(now)
	reason, cure := why+b.missing(&standing), cmp.Or(b.cure(), acceptLoss(&standing))
	if why != b.why && !passing(&standing) { // each step of a missing node's return would be too much
		if b.why = why; m.Phase() >= fsm.Standby && m.Phase() <= fsm.Waiting {
			b.logNotPromoted(reason, cure, remaining)
		}
	}
	f := b.member.View.Facts()
	snapshot := &status.Backend{
		Node: b.cfg.Name, Group: b.cfg.Group, Phase: m.PhaseName(), State: string(m.Published()),
		Master: f.Master.Node, MasterEpoch: int64(f.Master.Epoch), Epoch: int64(m.Epoch()),
		Lease: m.Lease().String(), Reason: reason, Cure: cure, Deadline: int64(m.Authority()),
		Live: m.Phase() < fsm.Draining, Ready: m.Phase() >= fsm.Standby && m.Phase() <= fsm.Reigning,
		IsMaster: m.Phase() == fsm.Reigning, Clock: clock.Now,
	}
	b.showStanding(snapshot, &standing)
	b.snapshot.Store(snapshot)
}

func (b *backend) logNotPromoted(reason, cure string, remaining time.Duration) {
	attrs := []any{"why", reason, "remaining", remaining.Round(time.Millisecond)}
	if cure != "" {
		attrs = append(attrs, "cure", cure)
	}
	b.log.Info("not promoted", attrs...)
}

// cure is for a key that blocks every claim and may never end by itself (SPEC K3).
func (b *backend) cure() string {
	f := b.member.View.Facts()
	if f.Claimant == "" || f.Master.Present {
		return ""
	}
	return "etcdctl del " + b.etcd.store.Prefix() + f.Claimant
}

// Snapshot is what the HTTP server shows.
func (b *backend) Snapshot() status.Snapshot {
	if s := b.snapshot.Load(); s != nil {
		return s
	}
	return nil
}

// Counters are for the metrics.
func (b *backend) Counters() *status.Counters { return &b.counters }

func (b *backend) exit(e *fsm.Effect) {
	code, cause := e.Code, e.Cause.String()
	var attrs []any
	switch {
	case b.refused:
		code, cause = fsm.ExitHook, "the main process became a user whom we may not signal"
	case e.Cause == fsm.CauseNameTaken:
		attrs = []any{"lease", e.Lease.String(), "cure", nameCure(e, b.etcd.store.Prefix()+b.cfg.Name)}
	}
	logEnd(b.log.Logger, cause, code, b.etcd, attrs...)
	_ = b.link.Lease(0, 0) // whoever ends by itself has given back what it could; the guard may be gone
	b.loop.end(code)
}

// logEnd is the one line that says why a process ends (SPEC N6).
func logEnd(log *slog.Logger, cause string, code int, etcd *requests, attrs ...any) {
	level := slog.LevelInfo
	attrs = append([]any{"cause", cause, "code", code}, attrs...)
	if code != fsm.ExitOK {
		level = slog.LevelError
		if last := etcd.troubles.latest(); last != "" {
			attrs = append(attrs, "last_error", last)
		}
	}
	log.Log(etcd.ctx, level, "ends", attrs...)
}

func nameCure(e *fsm.Effect, key string) string {
	if e.Lease == 0 {
		return fmt.Sprintf("the key has no lease and never ends by itself: etcdctl del %s", key)
	}
	return "another node with this name runs: give each its own MSDHA_NAME"
}
