package runtime

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/config"
)

// minAttestTimeout is the least that one request of a helper is given: it has to
// connect and to log in first.
const minAttestTimeout = 500 * time.Millisecond

// Attest is the life of the guard's helper: it writes the release of an agent that
// the guard knows to be dead with all its descendants, and revokes its lease (SPEC
// E11). It returns the process's exit code, 0 when everything has been given back.
// Nobody depends on it: without it the lease ends by itself, and the wait is whole.
func Attest(cfg config.Backend, lease int64, limit time.Duration, log *Log) int {
	proof := fsm.Proof{Node: cfg.Name, Incarnation: kv.LeaseID(lease), By: cfg.Name, How: kv.ByGuard}
	start := time.Now()
	limit -= limit / 8 // the guard ends us at the limit; a last word has to come before that
	all, err := attest(&cfg.Common, proof, limit, log.Logger)
	lines := log.With("incarnation", proof.Incarnation.String(), "after", time.Since(start).Round(time.Millisecond))
	switch {
	case err != nil:
		lines.Error("cannot release on behalf of the dead agent; its lease has to end by itself", "error", err)
	case !all:
		lines.Warn("cannot release on behalf of the dead agent; its lease has to end by itself")
	default:
		lines.Info("released on behalf of the agent, which is dead with all its descendants", "known from",
			proof.How.String())
		return fsm.ExitOK
	}
	return fsm.ExitUnavailable
}

// attest drives an Attestor to its end: all is true when everything is given back.
func attest(cfg *config.Common, proof fsm.Proof, limit time.Duration, log *slog.Logger) (all bool, err error) {
	giveUp := fsm.Instant(clock.Now()).Add(limit)
	st, err := OpenStore(cfg, log)
	if err != nil {
		return false, fmt.Errorf("cannot attest: %w", err)
	}
	defer st.Close()
	machine := fsm.NewAttestor(proof, max(limit/6, minAttestTimeout), giveUp)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := &attesting{machine: &machine, etcd: &requests{ctx: ctx, store: st, log: log}}
	if d.loop, err = newLoop(&machine, nil, log); err != nil {
		return false, err
	}
	d.loop.driver, d.etcd.loop = d, d.loop
	d.loop.run(fsm.Event{Kind: fsm.Tick})
	cancel()
	d.etcd.wait.Wait()
	_, all = machine.Done()
	return all, nil
}

// attesting connects a fsm.Attestor with etcd.
type attesting struct {
	machine *fsm.Attestor
	loop    *loop
	etcd    *requests
}

func (d *attesting) execute(e *fsm.Effect, now fsm.Instant) {
	if !d.etcd.handles(e, now) {
		d.loop.fail(fmt.Errorf("no adapter for the effect %s", e.Kind))
	}
}

func (d *attesting) stepped(fsm.Instant) {
	if over, _ := d.machine.Done(); over {
		d.loop.end(fsm.ExitOK)
	}
}
