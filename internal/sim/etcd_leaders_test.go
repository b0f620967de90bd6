//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

// newLeader waits for one among these members and lets the scene end with it.
func (s *etcdScene) newLeader(members ...int) (int, error) {
	leader, term, err := s.awaitLeader(members...)
	s.leader, s.term = leader, term
	return leader, err
}

// leaderMoves: the new leader extends every lease by its TTL and an election
// timeout from when it takes over, and then lets it expire.
func (s *etcdScene) leaderMoves() error {
	granted := time.Now()
	l, err := s.grant(1, kv.Master, kv.NodeKey("a"))
	if err != nil {
		return err
	}
	watch, err := s.watch(s.ctx, s.third, s.e.Header().Rev+1)
	if err != nil {
		return err
	}
	since := time.Now()
	to := uint64(s.real[s.follower].Server.MemberID())
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	defer cancel()
	if _, err := s.real[s.leader].c.MoveLeader(ctx, to); err != nil {
		return fmt.Errorf("%w: cannot move the lead: %w", errEtcdSlow, err)
	}
	leader, err := s.newLeader(0, 1, 2)
	if err != nil {
		return err
	}
	life, err := etcdAskLife(s.ctx, s.real[leader].c, s.groups[leader].lease(l))
	if errors.Is(err, errEtcdGone) && time.Since(granted) > time.Second {
		return fmt.Errorf("%w: it expired before: %w", errEtcdSlow, err)
	}
	if err != nil {
		return err
	}
	unseen, err := etcdExtended(s.e, l, life, since)
	if err != nil {
		return err
	}
	s.t.Logf("a difference of more than %s would have been seen", unseen)
	return s.expires(watch, l, life)
}

// expires waits until the keys are gone. That is not before the lease expires,
// and a scan's period later unless the machine is slow.
func (s *etcdScene) expires(w *etcdWatch, l kv.LeaseID, life etcdLife) error {
	lease, _ := s.e.Lease(l)
	if early := s.e.Expired(lease.Expiry-1, nil); early != nil {
		return fmt.Errorf("the model lets %v expire early", early)
	}
	if due := s.e.Expired(lease.Expiry, nil); !slices.Equal(due, []kv.LeaseID{l}) {
		return fmt.Errorf("the model lets %v expire", due)
	}
	before := s.e.Header().Rev
	s.e.Revoke(l)
	want, _ := s.e.Events(before+1, nil)
	if err := s.delivers(w, want); err != nil {
		return err
	}
	gone := time.Now()
	if gone.Before(life.expiry.from) {
		return fmt.Errorf("the keys were deleted %s before the lease expired", life.expiry.from.Sub(gone))
	}
	if late := gone.Sub(life.expiry.to); late > EtcdScan+etcdLate {
		return fmt.Errorf("the keys were deleted %s after the lease had expired", late)
	}
	return s.current(0, 1, 2)
}

// nobodyLeads: no lease expires, and the first leader extends them all.
func (s *etcdScene) nobodyLeads() error {
	l, err := s.grant(2, kv.Master, kv.NodeKey("a"))
	if err != nil {
		return err
	}
	spare, err := s.grant(600)
	if err != nil {
		return err
	}
	if err := s.current(0, 1, 2); err != nil { // which also makes all of them apply it
		return err
	}
	strict, err := s.watch(clientv3.WithRequireLeader(s.ctx), s.third, s.e.Header().Rev+1)
	if err != nil {
		return err
	}
	renewed := time.Now()
	if err := s.renew(s.leader, 0, l, kv.OK); err != nil {
		return err
	}
	expired := time.Now().Add(2 * time.Second)
	var m EtcdMember
	s.e.CutOff(&m)
	s.connectAll(false)
	old := s.real[s.leader].Server
	if err := s.await("it has given up", func() bool { return old.Leader() == 0 }); err != nil {
		return err
	}
	if time.Since(renewed) > 2*time.Second {
		// The old leader may have asked for the revocation, which can still come.
		return errEtcdSlow
	}
	for i := range s.real {
		if err := s.deaf(i, &m, spare); err != nil {
			return err
		}
	}
	if err := s.ends(strict); err != nil {
		return err
	}
	time.Sleep(time.Until(expired.Add(2 * EtcdScan)))
	for i := range s.real {
		if err := s.stale(i, &m); err != nil {
			return fmt.Errorf("without a leader: %w", err)
		}
	}

	since := time.Now()
	s.connectAll(true)
	leader, err := s.newLeader(0, 1, 2)
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
	err = s.current(0, 1, 2)
	if err != nil && time.Now().After(life.expiry.from) {
		return fmt.Errorf("%w: it expired meanwhile: %w", errEtcdSlow, err)
	}
	return err
}
