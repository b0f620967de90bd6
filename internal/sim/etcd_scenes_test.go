//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

// same compares what a member answers to a read of the group.
func (s *etcdScene) same(i int, want []kv.Item, h kv.Header, opts ...clientv3.OpOption) error {
	got, rev, err := s.groups[i].list(opts...)
	if err != nil || rev != h.Rev || !slices.Equal(got, want) {
		return fmt.Errorf("member %d holds at %d (%w)\n%+v\nthe model at %d\n%+v", i, rev, err, got, h.Rev, want)
	}
	return nil
}

// current demands of members that they answer linearizable reads as the model.
func (s *etcdScene) current(members ...int) error {
	want, h := s.e.List(nil)
	for _, i := range members {
		if err := s.same(i, want, h); err != nil {
			return err
		}
	}
	return nil
}

// stale demands of a member that it answers serializable reads like m.
func (s *etcdScene) stale(i int, m *EtcdMember) error {
	want, h := m.List(nil)
	return s.same(i, want, h, clientv3.WithSerializable())
}

// watch opens a watch at a member and returns once it has been registered.
func (s *etcdScene) watch(ctx context.Context, i int, from kv.Revision) (*etcdWatch, error) {
	b := s.groups[i]
	w := &etcdWatch{from: from}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.ch = b.c.Watch(w.ctx, b.prefix, clientv3.WithPrefix(), clientv3.WithRev(b.rev(from)),
		clientv3.WithCreatedNotify())
	r, err := s.next(w)
	if err == nil && !r.Created {
		err = fmt.Errorf("watch from %d: %+v instead of a confirmation", from, r)
	}
	return w, err
}

func (s *etcdScene) next(w *etcdWatch) (clientv3.WatchResponse, error) {
	select {
	case r, open := <-w.ch:
		if !open {
			return r, fmt.Errorf("the watch from %d has ended", w.from)
		}
		return r, nil
	case <-time.After(etcdPatience):
		return clientv3.WatchResponse{}, fmt.Errorf("the watch from %d is silent for %s; it delivered %+v",
			w.from, etcdPatience, w.got)
	}
}

// delivers waits until the watch has delivered these changes, and no others.
func (s *etcdScene) delivers(w *etcdWatch, want []kv.Item) error {
	w.want = append(w.want, want...)
	for len(w.got) < len(w.want) {
		r, err := s.next(w)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return err
		}
		for _, ev := range r.Events {
			w.got = append(w.got, s.groups[0].change(ev))
		}
	}
	if !slices.Equal(w.got, w.want) {
		return fmt.Errorf("watch from %d: etcd delivered\n%+v\nthe model\n%+v", w.from, w.got, w.want)
	}
	return nil
}

// ends waits until the watch ends, which it must do for want of a leader.
func (s *etcdScene) ends(w *etcdWatch) error {
	for {
		r, err := s.next(w)
		switch {
		case err != nil:
			return err
		case errors.Is(r.Err(), rpctypes.ErrNoLeader):
			return nil
		case r.Err() != nil || len(r.Events) > 0:
			return fmt.Errorf("the watch that demands a leader got %+v (%w)", r, r.Err())
		}
	}
}

// etcdShortly is how long a request is given that must not be answered.
const etcdShortly = 300 * time.Millisecond

// deaf demands of a member without a leader that it answers only what m does:
// whatever else it is asked for, the outcome is unknown. None of the requests
// would have an effect if etcd executed it after all.
func (s *etcdScene) deaf(i int, m *EtcdMember, spare kv.LeaseID) error {
	err := s.await("it has no leader", func() bool { return s.real[i].Server.Leader() == 0 })
	if err != nil {
		return err
	}
	b := *s.groups[i]
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(s.ctx, etcdShortly)
	defer cancel()
	var read, write kv.Txn
	read.Get(kv.Master)
	write.IfMod(kv.Master, 1<<40)
	write.Put(kv.Master, kv.Record{}, 0)
	write.Get(kv.Master)
	asks := map[string]func() error{
		"list":  func() error { _, _, err := b.list(); return err },
		"read":  func() error { return etcdError(b.txn(&read)) },
		"write": func() error { return etcdError(b.txn(&write)) },
		"grant": func() error { _, err := b.c.Grant(b.ctx, 600); return err },
		"renew": func() error { _, err := b.c.KeepAliveOnce(b.ctx, b.lease(spare)); return err },
		"revoke": func() error {
			_, err := b.c.Revoke(b.ctx, b.lease(spare))
			return err
		},
		"write, demanding a leader": func() error {
			at := b
			at.ctx = clientv3.WithRequireLeader(s.ctx) // it is answered at once
			err := etcdError(at.txn(&write))
			if !errors.Is(err, rpctypes.ErrNoLeader) {
				return fmt.Errorf("%w: %w", errEtcdAnswered, err)
			}
			return err
		},
	}
	var asking sync.WaitGroup
	found := make(chan error, len(asks))
	for what, ask := range asks {
		asking.Go(func() {
			answer := ask()
			o, _ := etcdOutcome(answer)
			if o != kv.Unknown || errors.Is(answer, errEtcdAnswered) {
				found <- fmt.Errorf("member %d without a leader answers %q: %v (%w)", i, what, o, answer)
			}
		})
	}
	asking.Wait()
	close(found)
	return errors.Join(<-found, s.stale(i, m))
}

var errEtcdAnswered = errors.New("not for want of a leader")

// etcdError is the error of a transaction, or one that says that there is none.
func etcdError(_ kv.Result, _ kv.Revision, o kv.Outcome, err error) error {
	if o != kv.Unknown {
		return fmt.Errorf("%w: %v", errEtcdAnswered, o)
	}
	return err
}

// slowRevocation shows etcd issue 14758, for which RevokeSlowly stands: as long
// as the leader has not executed a revocation that was committed, it renews the
// lease, for its whole TTL, while everybody else sees that the keys are gone. The
// scene holds the leader's database, as a slow disk does.
func (s *etcdScene) slowRevocation() error {
	l, err := s.grant(600, kv.Master, kv.NodeKey("a"))
	if err != nil {
		return err
	}
	var m EtcdMember
	s.e.CutOff(&m)
	tx := s.real[s.leader].Server.Backend().BatchTx()
	tx.LockOutsideApply()
	release := sync.OnceFunc(tx.Unlock)
	defer release()

	at := s.groups[s.follower]
	r, err := at.c.Revoke(s.ctx, at.lease(l))
	if err != nil {
		return fmt.Errorf("cannot revoke: %w", err)
	}
	h, _ := s.e.RevokeSlowly(l, 1)
	if rev := r.Header.Revision - at.base; rev != int64(h.Rev) {
		return fmt.Errorf("etcd revoked at %d, the model at %d", rev, h.Rev)
	}
	if err := errors.Join(s.current(s.follower), s.stale(s.leader, &m)); err != nil {
		return err
	}
	for range 2 {
		if err := s.renew(s.leader, 0, l, kv.OK); err != nil {
			return err
		}
	}
	if err := s.put(s.follower, kv.Master, "late", l, kv.LeaseGone); err != nil {
		return err
	}
	release()
	if err := s.current(s.leader); err != nil {
		return err
	}
	return s.renew(s.leader, 1, l, kv.LeaseGone)
}

// renew renews a lease through a member, in both worlds.
func (s *etcdScene) renew(i int, now int64, l kv.LeaseID, want kv.Outcome) error {
	ttl, _, o := s.e.KeepAlive(now, l)
	r, err := s.groups[i].c.KeepAliveOnce(s.ctx, s.groups[i].lease(l))
	got, err := etcdOutcome(err)
	if o != want || got != want || o == kv.OK && r.TTL != int64(ttl/time.Second) {
		return fmt.Errorf("renewal at member %d: etcd %v %+v (%w), the model %v %s", i, got, r, err, o, ttl)
	}
	return nil
}
