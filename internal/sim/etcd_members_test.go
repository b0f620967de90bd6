//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"msdha/internal/fsm/kv"
)

// An election timeout that a noisy machine keeps, with the lowest minimum TTL.
const (
	etcdTrioHeartbeat = 40 * time.Millisecond
	etcdTrioElection  = 400 * time.Millisecond
	// etcdPatience is how long anything may take that must happen some time.
	etcdPatience = 30 * time.Second
)

// TestEtcdMembersAgainstReal holds what the model says of leaders and of members
// that are cut off against three members of etcd. What surprised:
//
//   - A leader that is slow to execute a revocation renews the lease after
//     everybody else, reading linearizably, has seen its keys deleted.
//   - A leader that is cut off renews leases until it gives up, up to two election
//     timeouts later, and denies (lease not found) what the next one has granted.
//   - A member that is cut off answers progress requests, with its old revision.
//   - A watch there misses nothing when the member is back, even if what it missed
//     has been compacted; a new watch from the same revision is refused.
//
// A scene that an election disturbs, which it did not ask for, says nothing and
// is played again. That happens where the machine is so slow that heartbeats
// come too late.
func TestEtcdMembersAgainstReal(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		// What serves the connections between members outlives them by seconds.
		err := goleak.Find(leaks)
		for end := time.Now().Add(etcdPatience); err != nil && time.Now().Before(end); {
			err = goleak.Find(leaks)
		}
		if err != nil {
			t.Error(err)
		}
	})
	trio := etcdStartTrio(t)
	for _, c := range []struct {
		name string
		play func(*etcdScene) error
	}{
		{"the leader is slow to revoke", (*etcdScene).slowRevocation},
		{"a follower is cut off", (*etcdScene).followerCutOff},
		{"the leader is cut off", (*etcdScene).leaderCutOff},
		{"the leader changes", (*etcdScene).leaderMoves},
		{"nobody leads", (*etcdScene).nobodyLeads},
	} {
		t.Run(c.name, func(t *testing.T) { trio.play(t, c.play) })
	}
}

type etcdTrio struct {
	real   [3]*etcdReal
	scenes int
}

// etcdStartTrio starts them together, as none is ready without another.
func etcdStartTrio(t *testing.T) *etcdTrio {
	t.Helper()
	trio := new(etcdTrio)
	dir := t.TempDir()
	var urls, named [3]string
	for i := range urls {
		urls[i] = "http://" + etcdFreeAddr(t)
		named[i] = fmt.Sprintf("m%d=%s", i, urls[i])
	}
	var starting sync.WaitGroup
	var errs [3]error
	for i := range trio.real {
		name := fmt.Sprint("m", i)
		cfg := etcdSettings(filepath.Join(dir, name), etcdTrioHeartbeat, etcdTrioElection)
		peer, err := url.Parse(urls[i])
		if err != nil {
			t.Fatal(err)
		}
		cfg.Name, cfg.InitialCluster = name, strings.Join(named[:], ",")
		cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
		starting.Go(func() { trio.real[i], errs[i] = etcdServe(cfg) })
	}
	starting.Wait()
	t.Cleanup(func() { // one after the other, as a leader hands over the lead
		for _, r := range trio.real {
			if r == nil {
				continue
			}
			if err := r.stop(); err != nil {
				t.Error(err)
			}
		}
	})
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return trio
}

// etcdFreeAddr finds a port below those from which the kernel serves outgoing
// connections, so that nobody takes it before etcd does.
func etcdFreeAddr(t *testing.T) string {
	t.Helper()
	for range 200 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000)))
		if err != nil {
			continue
		}
		addr := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("cannot find a free port of 127.0.0.1 from 20000 to 31999")
	return ""
}

// connect cuts or mends the connection between two members, both ways.
func (trio *etcdTrio) connect(a, b int, mend bool) {
	for _, pair := range [][2]int{{a, b}, {b, a}} {
		from, to := trio.real[pair[0]].Server, trio.real[pair[1]].Server.MemberID()
		if mend {
			from.MendPeer(to)
		} else {
			from.CutPeer(to)
		}
	}
}

func (trio *etcdTrio) connectAll(mend bool) {
	trio.connect(0, 1, mend)
	trio.connect(0, 2, mend)
	trio.connect(1, 2, mend)
}

// isolate cuts off one member from the others, and joins it to them again.
func (trio *etcdTrio) isolate(i int, mend bool) {
	trio.connect(i, (i+1)%3, mend)
	trio.connect(i, (i+2)%3, mend)
}

// agreed gives the leader that all these members follow, and the term.
func (trio *etcdTrio) agreed(members ...int) (leader int, term uint64, ok bool) {
	first := trio.real[members[0]].Server
	for _, i := range members {
		s := trio.real[i].Server
		if s.Leader() == 0 || s.Leader() != first.Leader() || s.Term() != first.Term() {
			return 0, 0, false
		}
	}
	for _, i := range members {
		if trio.real[i].Server.MemberID() == first.Leader() {
			return i, first.Term(), true
		}
	}
	return 0, 0, false
}

// await waits until something is so.
func (trio *etcdTrio) await(what string, is func() bool) error {
	for end := time.Now().Add(etcdPatience); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("after %s it is still not so: %s", etcdPatience, what)
		}
	}
	return nil
}

func (trio *etcdTrio) awaitLeader(members ...int) (leader int, term uint64, err error) {
	err = trio.await("all follow one leader", func() (ok bool) {
		leader, term, ok = trio.agreed(members...)
		return ok
	})
	return leader, term, err
}

// errEtcdSlow says that the machine was too slow for a scene to tell anything.
var errEtcdSlow = errors.New("the machine is too slow")

func (trio *etcdTrio) play(t *testing.T, play func(*etcdScene) error) {
	for attempt := range 6 {
		s := trio.newScene(t)
		err := play(s)
		s.cancel()
		trio.connectAll(true)
		if err == nil {
			return
		}
		_, term, lost := trio.awaitLeader(0, 1, 2)
		if lost != nil {
			t.Fatal(lost)
		}
		if term == s.term && !errors.Is(err, errEtcdSlow) {
			t.Fatal(err)
		}
		t.Logf("attempt %d was disturbed (term %d instead of %d): %v", attempt, term, s.term, err)
	}
	t.Fatal("every attempt was disturbed")
}

// etcdScene is one group in the model and in all three members.
type etcdScene struct {
	*etcdTrio
	t        *testing.T
	ctx      context.Context
	cancel   context.CancelFunc
	e        *Etcd
	leader   int // when the scene begins; it and the two others
	follower int
	third    int
	term     uint64 // in which the scene should end
	groups   [3]*etcdBridge
	first    kv.Revision
}

func (trio *etcdTrio) newScene(t *testing.T) *etcdScene {
	t.Helper()
	leader, term, err := trio.awaitLeader(0, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	s := &etcdScene{
		etcdTrio: trio, t: t, term: term,
		leader: leader, follower: (leader + 1) % 3, third: (leader + 2) % 3,
		e: NewEtcd(EtcdConfig{
			Cluster: 1, MinTTL: EtcdMinTTL(etcdTrioHeartbeat, etcdTrioElection),
			Election: etcdTrioElection, History: 100,
		}),
	}
	s.ctx, s.cancel = context.WithTimeout(t.Context(), 2*etcdPatience)
	trio.scenes++
	b, err := etcdNewBridge(s.ctx, trio.real[leader].c, fmt.Sprint("scene", trio.scenes))
	if err != nil {
		s.cancel()
		t.Fatal(err)
	}
	for i := range s.groups {
		at := *b // the maps of leases are common
		at.c = trio.real[i].c
		s.groups[i] = &at
	}
	s.first = s.e.Header().Rev + 1
	return s
}

// grant gets a lease from both and binds the keys to it.
func (s *etcdScene) grant(seconds int64, keys ...kv.Key) (kv.LeaseID, error) {
	b := s.groups[s.leader]
	r, err := b.c.Grant(s.ctx, seconds)
	if err != nil {
		return 0, fmt.Errorf("cannot grant: %w", err)
	}
	l, ttl, _ := s.e.Grant(0, time.Duration(seconds)*time.Second)
	if r.TTL != int64(ttl/time.Second) {
		return 0, fmt.Errorf("TTL %d: etcd granted %d, the model %s", seconds, r.TTL, ttl)
	}
	b.bind(l, r.ID)
	for _, k := range keys {
		if err := s.put(s.leader, k, "leased", l, kv.OK); err != nil {
			return 0, err
		}
	}
	return l, nil
}

// put writes through a member, in both worlds.
func (s *etcdScene) put(i int, k kv.Key, text string, l kv.LeaseID, want kv.Outcome) error {
	var x kv.Txn
	x.Put(k, etcdRecord(k, text), l)
	x.Get(k)
	return s.both(i, &x, want)
}

func (s *etcdScene) both(i int, x *kv.Txn, want kv.Outcome) error {
	got, rev, outcome, err := s.groups[i].txn(x)
	r, h, o := s.e.Txn(x)
	if err != nil || outcome != want || o != want || rev != h.Rev || got != r {
		return fmt.Errorf("etcd: %v at %d %+v (%w)\nmodel: %v at %d %+v", outcome, rev, got, err, o, h.Rev, r)
	}
	return nil
}
