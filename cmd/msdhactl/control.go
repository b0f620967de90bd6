package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/store"
)

// A request stands in _control on a lease of its own, which is its deadline: the
// lease ends, or is revoked, and the request is gone, whoever wrote it. Nobody
// renews it.

// wanted is a request, and the keys that must still be as they were when it was
// found to be allowed.
type wanted struct {
	record kv.Record
	keys   []*kv.Item
}

// free refuses a second request.
func (l *listing) free(now string) error {
	switch {
	case l.control == nil:
		return nil
	case l.control.Record.Bad != "":
		return refused("%s; remove it: %s", l.control.Record.Bad, l.del(kv.Control))
	case l.asked() == "":
		return nil
	case l.asked() == kv.RequestPause:
		return refused("the group is paused, which forbids a %s; msdhactl resume first", now)
	}
	return refused("there is a request already: %s; wait until it is over, or remove it: %s",
		l.requestStatus().text(), l.del(kv.Control))
}

// ask puts a request that holds for so long, and returns its lease.
func (s *session) ask(ctx context.Context, within time.Duration, decide func(*listing) (wanted, error)) (
	kv.LeaseID, error,
) {
	l, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	l.lives = lifetimes(ctx, s.st, l.leases())
	if _, err := decide(l); err != nil {
		return 0, err
	}
	lease, err := s.grant(ctx, within)
	if err != nil {
		return 0, err
	}
	_, err = s.change(ctx, func(l *listing) (step, error) {
		if l.control != nil && l.control.Lease == lease {
			return step{}, nil // executed, though nobody answered
		}
		w, err := decide(l)
		if err != nil {
			return step{}, err
		}
		return step{txn: l.request(w, lease)}, nil
	})
	if err != nil {
		s.withdraw(lease)
		return 0, err
	}
	return lease, nil
}

func (l *listing) request(w wanted, lease kv.LeaseID) *kv.Txn {
	var t kv.Txn
	t.IfMod(kv.Control, mod(l.control))
	for _, it := range w.keys {
		t.IfMod(it.Key, it.Mod)
	}
	t.Put(kv.Control, w.record, lease)
	t.Get(kv.Control)
	return &t
}

func (s *session) grant(ctx context.Context, ttl time.Duration) (kv.LeaseID, error) {
	ctx, cancel := s.patient(ctx)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, askTimeout)
		var lease store.Lease
		lease, _, outcome, err := s.st.Grant(once, ttl)
		cancel()
		switch outcome {
		case kv.OK:
			return lease.ID, nil
		case kv.Failed:
			return 0, &failure{fsm.ExitConfig, err}
		}
		select {
		case <-ctx.Done():
			return 0, &failure{fsm.ExitUnavailable, err}
		case <-time.After(askPause):
		}
	}
}

// withdraw ends a request, also after Ctrl-C. Where etcd does not answer the lease
// ends it.
func (s *session) withdraw(lease kv.LeaseID) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	_, _, _ = s.st.Revoke(ctx, lease)
}

// succession waits until somebody reigns after the epoch and is routed to.
func (s *session) succession(ctx context.Context, out io.Writer, after kv.Epoch, why bool) (
	master kv.Record, err error,
) {
	err = s.await(ctx, out, func(l *listing) (bool, string, error) {
		if err := l.readable(); err != nil {
			return false, err.Error(), nil
		}
		switch {
		case !l.reigned() && why:
			return false, "nobody reigns: " + strings.Join(l.whyNobody(), "; "), nil
		case !l.reigned():
			return false, fmt.Sprintf("epoch %d is over; waiting for a successor", after), nil
		}
		m := l.master.Record
		switch {
		case m.Epoch <= after:
			return false, fmt.Sprintf("waiting for %s to end its reign", m.Node), nil
		case !l.masterStatus().Published:
			return false, fmt.Sprintf("%s has claimed epoch %d, and is being promoted", m.Node, m.Epoch), nil
		}
		master = m
		return true, "", nil
	})
	return master, err
}

// over reports whether an error only says that nobody waits any longer.
func over(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// tense fits a message to why the wait has ended.
func tense(err error, limit time.Duration) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	return fmt.Sprintf("not within %s", limit)
}
