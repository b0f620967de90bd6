//go:build !mutants

package sim

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"msdha/internal/fsm/kv"
)

// etcdSlowElection makes a minimum TTL of 2 s, twice that of etcdRealElection.
const etcdSlowElection = 700 * time.Millisecond

// TestEtcdRestartAndRestore goes on comparing while etcd is restarted with a
// higher minimum TTL, and replaced by what an earlier backup holds. Each case
// starts etcd three times, so there are few.
func TestEtcdRestartAndRestore(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	checks := flag.Lookup("rapid.checks")
	asked := checks.Value.String()
	n, err := strconv.Atoi(asked)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = checks.Value.Set(asked) }() // it was valid before
	if err := checks.Value.Set(strconv.Itoa(max(2, n/40))); err != nil {
		t.Fatal(err)
	}
	met := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) { etcdReplace(rt, t.TempDir(), met) })
	t.Logf("met: %v", met)
}

// etcdReplace is one case.
func etcdReplace(t *rapid.T, dir string, met map[string]int) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	var s etcdSuccession
	defer s.stop(t)
	d := etcdNewDiff(ctx, t, s.start(t, first, etcdRealElection), met)
	t.Repeat(d.actions())

	d.keepLease(t, 600)
	short := d.shortLease(t)
	s.stop(t)
	started := time.Now()
	d.c = s.start(t, first, etcdSlowElection)
	d.e.Restart(EtcdMinTTL(etcdRealHeartbeat, etcdSlowElection))
	d.e.election = etcdSlowElection
	if d.survived(t, short, started) {
		met["grown"]++
	}
	d.extended(t, started)
	d.again(t)
	t.Repeat(d.actions())

	d.keepLease(t, 600)
	file := filepath.Join(dir, "backup")
	etcdSave(t, d.etcdBridge, file)
	var backup EtcdBackup
	d.e.Snapshot(&backup)
	granted := len(d.leases)
	t.Repeat(d.actions())
	d.revoke(t, d.leases[granted-1]) // if it still exists

	was := s.cluster()
	s.stop(t)
	token := rapid.SampledFrom([]string{"another", "etcd-cluster"}).Draw(t, "token")
	etcdRestore(t, file, second, token)
	started = time.Now()
	d.c = s.start(t, second, etcdSlowElection)
	id := uint64(2)
	if token == "etcd-cluster" {
		id = d.e.Header().Cluster // an operator who keeps the token keeps the id
	}
	if same := s.cluster() == was; same != (id == d.e.Header().Cluster) {
		t.Fatalf("with the token %q the cluster id is the same: %v", token, same)
	}
	d.e.Restore(&backup, id)
	d.forget()
	d.leases = d.leases[:granted]
	d.extended(t, started)
	d.again(t)
	t.Repeat(d.actions())
	d.finish(t)
}

// etcdSuccession is one etcd after the other.
type etcdSuccession struct{ now *etcdReal }

func (s *etcdSuccession) start(t *rapid.T, dir string, election time.Duration) *clientv3.Client {
	var err error
	s.now, err = etcdServe(etcdSettings(dir, etcdRealHeartbeat, election))
	if err != nil {
		t.Fatal(err)
	}
	return s.now.c
}

func (s *etcdSuccession) stop(t *rapid.T) {
	if s.now == nil {
		return
	}
	if err := s.now.stop(); err != nil {
		t.Error(err)
	}
	s.now = nil
}

func (s *etcdSuccession) cluster() uint64 { return uint64(s.now.Server.Cluster().ID()) }

// forget drops what was known of a history that a restore has undone.
func (d *etcdDiff) forget() {
	for _, w := range append(d.watches, d.live) {
		w.end()
	}
	d.watches, d.broken, d.members, d.live = nil, nil, nil, nil
}

// again opens the watches that the end of the connection has broken.
func (d *etcdDiff) again(t *rapid.T) {
	if d.live != nil {
		d.broken = append(append(d.broken, d.watches...), d.live)
	}
	d.broken = slices.DeleteFunc(d.broken, func(w *etcdWatch) bool {
		w.end()
		return w.compacted != 0
	})
	d.watches, d.seen = nil, d.e.Header().Rev
	d.live = d.open(t, d.seen+1)
	for len(d.broken) > 0 {
		d.resume(t, 0)
	}
	d.check(t)
	d.watches = slices.DeleteFunc(d.watches, func(w *etcdWatch) bool {
		d.receive(t, w)
		return true
	})
}

// end ends the watch, whatever it has still to deliver.
func (w *etcdWatch) end() {
	w.cancel()
	for range w.ch {
	}
}

// etcdShort is a lease with the lowest TTL, just granted.
type etcdShort struct {
	id   kv.LeaseID
	sent time.Time
}

func (d *etcdDiff) shortLease(t *rapid.T) etcdShort {
	s := etcdShort{sent: time.Now()}
	s.id = d.grantBoth(t, 1)
	var x kv.Txn
	x.Put(kv.NodeKey("short"), kv.Record{State: "short"}, s.id)
	x.Get(kv.Master)
	d.both(t, &x)
	return s
}

// survived compares the TTL of the lease after the restart, and gives it back.
// Where the machine was slow it may have expired, before or afterwards.
func (d *etcdDiff) survived(t *rapid.T, s etcdShort, started time.Time) bool {
	l, _ := d.e.Lease(s.id)
	r, err := d.c.TimeToLive(d.ctx, d.lease(s.id))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.c.Revoke(d.ctx, d.lease(s.id))
	o, err := etcdOutcome(err)
	d.e.Revoke(s.id)
	switch {
	case o == kv.Unknown:
		t.Fatal(err)
	case r.TTL >= 0 && time.Duration(r.GrantedTTL)*time.Second != l.TTL:
		t.Fatalf("after the restart etcd's TTL is %d s, the model's %s", r.GrantedTTL, l.TTL)
	case r.TTL < 0 && time.Since(s.sent) < time.Second,
		r.TTL >= 0 && o == kv.LeaseGone && time.Since(started) < l.TTL+d.e.election:
		t.Fatalf("lease %s expired early", s.id)
	}
	return r.TTL >= 0
}

// extended compares how long the last lease lives after a start, which began
// after the given instant and made a leader.
func (d *etcdDiff) extended(t *rapid.T, started time.Time) {
	l := d.leases[len(d.leases)-1]
	life, err := etcdAskLife(d.ctx, d.c, d.lease(l))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := etcdExtended(d.e, l, life, started); err != nil {
		t.Fatal(err)
	}
}

// etcdSave is `etcdctl snapshot save`.
func etcdSave(t *rapid.T, b *etcdBridge, file string) {
	r, err := b.c.Snapshot(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// etcdRestore is `etcdutl snapshot restore`.
func etcdRestore(t *rapid.T, file, dir, token string) {
	cfg := etcdSettings(dir, etcdRealHeartbeat, etcdSlowElection)
	err := snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, Name: cfg.Name, OutputDataDir: dir,
		PeerURLs:            []string{cfg.AdvertisePeerUrls[0].String()},
		InitialCluster:      cfg.InitialCluster,
		InitialClusterToken: token,
	})
	if err != nil {
		t.Fatal(err)
	}
}
