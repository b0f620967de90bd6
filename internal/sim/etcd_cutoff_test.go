//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

// followerCutOff: the others go on, and what it missed reaches its watches when
// it joins them again, although it has been compacted meanwhile.
func (s *etcdScene) followerCutOff() error {
	f, a := s.follower, kv.NodeKey("a")
	l, err := s.grant(600, kv.Master, a)
	if err != nil {
		return err
	}
	spare, err := s.grant(600)
	if err != nil {
		return err
	}
	past, _ := s.e.Events(s.first, nil)
	watch, err := s.watch(s.ctx, f, s.first)
	if err != nil {
		return err
	}
	strict, err := s.watch(clientv3.WithRequireLeader(s.ctx), f, s.e.Header().Rev+1)
	if err != nil {
		return err
	}
	if err := s.delivers(watch, past); err != nil {
		return err
	}
	var m EtcdMember
	s.e.CutOff(&m)
	s.isolate(f, false)

	if err := s.put(s.leader, a, "missed", 0, kv.OK); err != nil {
		return err
	}
	if _, err := s.groups[s.leader].c.Revoke(s.ctx, s.groups[s.leader].lease(l)); err != nil {
		return err
	}
	s.e.Revoke(l)
	if err := s.current(s.leader, s.third); err != nil {
		return err
	}
	if err := s.deaf(f, &m, spare); err != nil {
		return err
	}
	if err := s.ends(strict); err != nil {
		return err
	}
	if err := s.tellsProgress(watch, f, &m); err != nil {
		return err
	}

	missed, _ := s.e.Events(m.Header().Rev+1, nil)
	b := s.groups[s.leader]
	if _, err := b.c.Compact(s.ctx, b.rev(s.e.Header().Rev)); err != nil {
		return err
	}
	s.e.Compact(s.e.Header().Rev)
	s.isolate(f, true)
	if err := s.delivers(watch, missed); err != nil {
		return err
	}
	if err := s.current(f); err != nil {
		return err
	}
	return s.compacted(f, m.Header().Rev+1)
}

// tellsProgress: a watch at a member that is cut off claims to be up to date,
// with the revision at which the member was cut off.
func (s *etcdScene) tellsProgress(w *etcdWatch, i int, m *EtcdMember) error {
	h, ok := m.Progress(w.from)
	if err := s.groups[i].c.RequestProgress(w.ctx); err != nil {
		return err
	}
	r, err := s.next(w)
	if err != nil {
		return err
	}
	if rev := kv.Revision(r.Header.Revision - s.groups[i].base); !ok || !r.IsProgressNotify() || rev != h.Rev {
		return fmt.Errorf("etcd says %+v at %d, the model %v: progress up to %d", r, rev, ok, h.Rev)
	}
	return nil
}

// compacted demands that a watch is refused for the reason that the model gives.
func (s *etcdScene) compacted(i int, from kv.Revision) error {
	_, floor := s.e.Events(from, nil)
	w, err := s.watch(s.ctx, i, from)
	if err != nil {
		return err
	}
	r, err := s.next(w)
	if err != nil {
		return err
	}
	if got := kv.Revision(r.CompactRevision - s.groups[i].base); floor == 0 || got != floor {
		return fmt.Errorf("watch from %d: etcd %+v, the model: compacted at %d", from, r, floor)
	}
	return nil
}

// leaderCutOff: the two others elect a new one, which extends every lease. What
// is written through the old one is lost; what it renews before it gives up is
// covered by the extension.
func (s *etcdScene) leaderCutOff() error {
	old := s.leader
	l, err := s.grant(600, kv.Master, kv.NodeKey("a"))
	if err != nil {
		return err
	}
	spare, err := s.grant(600)
	if err != nil {
		return err
	}
	next := s.e.Header().Rev + 1
	watch, err := s.watch(s.ctx, old, next)
	if err != nil {
		return err
	}
	strict, err := s.watch(clientv3.WithRequireLeader(s.ctx), old, next)
	if err != nil {
		return err
	}
	var m EtcdMember
	s.e.CutOff(&m)
	since := time.Now()
	s.isolate(old, false)
	words, err := s.lastWords(l, &m, since)
	if err != nil {
		return err
	}

	leader, err := s.newLeader(s.follower, s.third)
	if err != nil {
		return err
	}
	life, err := etcdAskLife(s.ctx, s.real[leader].c, s.groups[leader].lease(l))
	if err != nil {
		return err
	}
	if _, err := etcdExtended(s.e, l, life, since); err != nil {
		return err
	}
	if words.early.After(life.expiry.to) {
		return fmt.Errorf("the old leader promised to keep the lease %s longer than the new one does",
			words.early.Sub(life.expiry.to))
	}
	s.t.Logf("with the new leader the lease lives %s longer than the old one promised last; "+
		"it denied a lease of the new one: %v", life.expiry.from.Sub(words.last), words.denied)
	if err := s.deaf(old, &m, spare); err != nil {
		return err
	}
	if err := s.ends(strict); err != nil {
		return err
	}

	if err := s.put(leader, kv.Master, "new", l, kv.OK); err != nil {
		return err
	}
	if _, err := s.groups[leader].c.Revoke(s.ctx, s.groups[leader].lease(l)); err != nil {
		return err
	}
	s.e.Revoke(l)
	missed, _ := s.e.Events(next, nil)
	s.isolate(old, true)
	if err := s.delivers(watch, missed); err != nil {
		return err
	}
	return s.current(old, s.follower, s.third)
}

// etcdLastWords are what a leader says that was cut off and does not know it.
type etcdLastWords struct {
	early  time.Time // until when it promised a lease, soon after it was cut off
	last   time.Time // … and until when the last time
	denied bool      // it denied a lease that the next leader had granted
}

// lastWords writes through the leader, which has no outcome and never happens,
// and renews the lease for as long as it is answered.
func (s *etcdScene) lastWords(l kv.LeaseID, m *EtcdMember, cut time.Time) (w etcdLastWords, err error) {
	b := *s.groups[s.leader]
	writing := make(chan error, 1)
	go func() { writing <- s.lostWrite(b) }()
	written := sync.OnceValue(func() error { return <-writing })
	old, next := s.real[s.leader].Server, false
	for old.Leader() == old.MemberID() && err == nil {
		sent := time.Now()
		var ttl time.Duration
		var o kv.Outcome
		if ttl, o, err = s.promises(b, m, l); o == kv.OK {
			w.last = sent.Add(ttl)
			if time.Since(cut) < etcdTrioElection/2 {
				w.early = w.last
			}
		}
		leader, _, ok := s.agreed(s.follower, s.third)
		if err != nil || next || !ok {
			continue
		}
		next = true
		s.leader = leader
		var later kv.LeaseID
		if err = written(); err == nil {
			later, err = s.grant(600)
		}
		if err == nil {
			_, o, err = s.promises(b, m, later)
			w.denied = o == kv.LeaseGone
		}
	}
	return w, errors.Join(err, written())
}

// promises asks the leader that was cut off to renew a lease. It answers as m
// does, or not at all.
func (s *etcdScene) promises(
	b etcdBridge, m *EtcdMember, l kv.LeaseID,
) (ttl time.Duration, o kv.Outcome, err error) {
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(s.ctx, etcdShortly)
	defer cancel()
	r, err := b.c.KeepAliveOnce(b.ctx, b.lease(l))
	o, err = etcdOutcome(err)
	if o == kv.Unknown {
		return 0, o, nil
	}
	ttl, _, want := m.KeepAlive(0, l)
	if o != want || o == kv.OK && r.TTL != int64(ttl/time.Second) {
		return ttl, o, fmt.Errorf("a leader that was cut off renews lease %s: %v %+v (%w), the model: %v %s",
			l, o, r, err, want, ttl)
	}
	return ttl, o, nil
}

func (s *etcdScene) lostWrite(b etcdBridge) error {
	var cancel context.CancelFunc
	b.ctx, cancel = context.WithTimeout(s.ctx, etcdShortly)
	defer cancel()
	var x kv.Txn
	x.Put(kv.NodeKey("lost"), kv.Record{State: "lost"}, 0)
	x.Get(kv.Master)
	if _, _, o, err := b.txn(&x); o != kv.Unknown {
		return fmt.Errorf("a leader that was cut off answers a write: %v (%w)", o, err)
	}
	return nil
}
