//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"msdha/internal/fsm/kv"
)

// TestEtcdAgainstReal holds the model against etcd itself. What surprised:
//
//   - A condition on values over a range is false if the range is empty, while
//     one on revisions or leases is evaluated once with zeros.
//   - An unknown lease fails a transaction only if its put would be executed; a
//     key that is put twice fails it in any case, as the request is malformed.
//   - Putting the value that is there already consumes a revision. Granting a
//     lease, renewing one, and revoking one without keys consume none.
//   - A TTL of 0 or below is granted, at the minimum.
//   - A watch may begin at the very revision of the last compaction, and gets
//     its changes, deletions included.
//   - Compacting at the revision of the last compaction again is an error.
//   - An expired lease still accepts puts until it is revoked, and the keys go
//     with it; a keepalive waits for the revocation and is then refused.
//
// The members of this test share one etcd, because starting it costs more than
// all they do. Real expiry apart, leases here outlive the test: what expiry
// does to keys is what revocation does.
func TestEtcdAgainstReal(t *testing.T) {
	c := etcdStart(t)
	t.Run("operations", func(t *testing.T) { etcdTestOperations(t, c) })
	t.Run("expiry", func(t *testing.T) { etcdTestExpiry(t, c) })
	t.Run("expired lease", func(t *testing.T) { etcdTestExpiredLease(t, c) })
}

const (
	etcdRealHeartbeat = 10 * time.Millisecond
	etcdRealElection  = 100 * time.Millisecond
)

// etcdReal is a member inside this process, and a client of it alone.
type etcdReal struct {
	*embed.Etcd
	c *clientv3.Client
}

// etcdStart runs a member with the lowest minimum TTL there is, and ends it
// with the test.
func etcdStart(t *testing.T) *clientv3.Client {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	dir := filepath.Join(t.TempDir(), "etcd")
	real, err := etcdServe(etcdSettings(dir, etcdRealHeartbeat, etcdRealElection))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := real.stop(); err != nil {
			t.Error(err)
		}
	})
	return real.c
}

// etcdSettings are those of a member on free ports that is a cluster by itself.
func etcdSettings(dir string, heartbeat, election time.Duration) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.TickMs, cfg.ElectionMs = uint(heartbeat.Milliseconds()), uint(election.Milliseconds())
	cfg.LogLevel, cfg.LogOutputs = "fatal", []string{"/dev/null"}
	cfg.UnsafeNoFsync = true
	free := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = free, free
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = free, free
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	return cfg
}

// etcdServe starts a member and waits until it serves requests, which one of
// several does only when most of them run.
func etcdServe(cfg *embed.Config) (*etcdReal, error) {
	server, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("cannot start etcd in %s: %w", cfg.Dir, err)
	}
	select {
	case <-server.Server.ReadyNotify():
	case <-time.After(time.Minute):
		server.Close()
		return nil, fmt.Errorf("etcd in %s is not ready after a minute", cfg.Dir)
	}
	c, err := clientv3.New(clientv3.Config{
		Endpoints:   []string{server.Clients[0].Addr().String()},
		DialTimeout: time.Minute,
		// It would log every refusal, and half of the requests want to be refused.
		Logger: zap.NewNop(),
	})
	if err != nil {
		server.Close()
		return nil, fmt.Errorf("cannot connect to etcd: %w", err)
	}
	return &etcdReal{server, c}, nil
}

// stop ends the member, its client first: the server waits for open streams.
func (r *etcdReal) stop() error {
	err := r.c.Close()
	r.Close()
	if err != nil {
		return fmt.Errorf("cannot close the client: %w", err)
	}
	return nil
}

// etcdBridge translates between the model and one group in the real etcd, whose
// revisions and lease ids are other numbers.
type etcdBridge struct {
	c      *clientv3.Client
	ctx    context.Context
	prefix string
	base   int64 // real revision minus the model's
	real   map[kv.LeaseID]clientv3.LeaseID
	model  map[int64]kv.LeaseID
}

// etcdNewBridge ties a new model, at revision 1, to a fresh prefix.
func etcdNewBridge(ctx context.Context, c *clientv3.Client, group string) (*etcdBridge, error) {
	b := &etcdBridge{
		c: c, ctx: ctx, prefix: kv.Prefix("/test", group),
		real: map[kv.LeaseID]clientv3.LeaseID{0: 0}, model: map[int64]kv.LeaseID{0: 0},
	}
	// The write puts the model's first revision above any earlier compaction.
	r, err := b.elsewhere()
	b.base = r - 1
	return b, err
}

func (b *etcdBridge) elsewhere() (int64, error) {
	r, err := b.c.Put(b.ctx, "/elsewhere", "")
	if err != nil {
		return 0, fmt.Errorf("cannot write: %w", err)
	}
	return r.Header.Revision, nil
}

func (b *etcdBridge) path(k kv.Key) string { return b.prefix + k.Path() }

// rev gives the real revision; 0 is the absence of a key on both sides.
func (b *etcdBridge) rev(r kv.Revision) int64 {
	if r == 0 {
		return 0
	}
	return int64(r) + b.base
}

// lease gives the real lease; what was never granted is nobody's lease there.
func (b *etcdBridge) lease(l kv.LeaseID) clientv3.LeaseID {
	if id, ok := b.real[l]; ok {
		return id
	}
	return 1
}

func (b *etcdBridge) bind(model kv.LeaseID, real clientv3.LeaseID) {
	b.real[model], b.model[int64(real)] = real, model
}

// etcdRecord is a record of the key that says text, and etcdValue its value:
// plain where package kv keeps plain text, JSON otherwise.
func etcdRecord(k kv.Key, text string) kv.Record {
	switch k.Kind {
	case kv.KindNode, kv.KindForeign:
		return kv.Record{State: text}
	case kv.KindConfig, kv.KindControl:
		return kv.Record{Raw: text}
	}
	return kv.Record{Node: text}
}

func etcdValue(r kv.Record) string {
	if r.Node != "" {
		return `{"node":"` + r.Node + `"}`
	}
	return r.State + r.Raw
}

func (b *etcdBridge) item(in *mvccpb.KeyValue) kv.Item {
	path := strings.TrimPrefix(string(in.Key), b.prefix)
	key := kv.ParseKey(path)
	text := strings.TrimSuffix(strings.TrimPrefix(string(in.Value), `{"node":"`), `"}`)
	return kv.Item{
		Key: key, Present: true,
		Create: kv.Revision(in.CreateRevision - b.base), Mod: kv.Revision(in.ModRevision - b.base),
		Lease: b.model[in.Lease], Record: etcdRecord(key, text),
	}
}

// change translates an event; the deletion's carries key and revision only.
func (b *etcdBridge) change(ev *clientv3.Event) kv.Item {
	it := b.item(ev.Kv)
	if ev.Type == clientv3.EventTypeDelete {
		return kv.Item{Key: it.Key, Mod: it.Mod}
	}
	return it
}

func (b *etcdBridge) compare(c *kv.Compare) clientv3.Cmp {
	path := b.path(c.Key)
	switch c.Target {
	case kv.TargetCreate:
		return clientv3.Compare(clientv3.CreateRevision(path), "=", b.rev(c.Rev))
	case kv.TargetMod:
		return clientv3.Compare(clientv3.ModRevision(path), "=", b.rev(c.Rev))
	case kv.TargetLease:
		return clientv3.Compare(clientv3.LeaseValue(path), "=", b.lease(c.Lease))
	case kv.TargetText:
		return clientv3.Compare(clientv3.Value(b.prefix), "!=", c.Text).WithPrefix()
	default: // kv.TargetNewest
		return clientv3.Compare(clientv3.ModRevision(path), "<", b.rev(c.Rev)+1).WithPrefix()
	}
}

// txn executes a transaction as production must: the reads in both branches,
// linearizable, and after the writes.
func (b *etcdBridge) txn(t *kv.Txn) (r kv.Result, rev kv.Revision, o kv.Outcome, err error) {
	var cmps []clientv3.Cmp
	for i := range t.If[:t.NIf] {
		cmps = append(cmps, b.compare(&t.If[i]))
	}
	var writes, reads []clientv3.Op
	for i := range t.Then[:t.NThen] {
		switch op := &t.Then[i]; op.Kind {
		case kv.OpPut:
			writes = append(writes, clientv3.OpPut(b.path(op.Key), etcdValue(op.Record),
				clientv3.WithLease(b.lease(op.Lease))))
		default: // kv.OpDelete
			writes = append(writes, clientv3.OpDelete(b.path(op.Key)))
		}
	}
	for _, k := range t.Read[:t.NRead] {
		reads = append(reads, clientv3.OpGet(b.path(k)))
	}
	then := append(writes, reads...)
	reply, err := b.c.Txn(b.ctx).If(cmps...).Then(then...).Else(reads...).Commit()
	if o, err := etcdOutcome(err); o != kv.OK {
		return r, 0, o, err
	}
	r.Succeeded = reply.Succeeded
	answers := reply.Responses[len(reply.Responses)-t.NRead:]
	for i, a := range answers {
		r.Items[i] = kv.Item{Key: t.Read[i]}
		if kvs := a.GetResponseRange().Kvs; len(kvs) == 1 {
			r.Items[i] = b.item(kvs[0])
		}
	}
	return r, kv.Revision(reply.Header.Revision - b.base), kv.OK, nil
}

// etcdOutcome says what the model must say where etcd answers with err, which
// it gives back unless that is a class of its own.
func etcdOutcome(err error) (kv.Outcome, error) {
	switch {
	case err == nil:
		return kv.OK, nil
	case errors.Is(err, rpctypes.ErrLeaseNotFound):
		return kv.LeaseGone, nil
	case errors.Is(err, rpctypes.ErrDuplicateKey), errors.Is(err, rpctypes.ErrLeaseTTLTooLarge),
		errors.Is(err, rpctypes.ErrCompacted), errors.Is(err, rpctypes.ErrFutureRev):
		return kv.Failed, nil
	}
	return kv.Unknown, err
}

// list reads the whole group, linearizably unless told otherwise.
func (b *etcdBridge) list(opts ...clientv3.OpOption) (items []kv.Item, rev kv.Revision, err error) {
	r, err := b.c.Get(b.ctx, b.prefix, append(opts, clientv3.WithPrefix())...)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot read: %w", err)
	}
	for _, in := range r.Kvs {
		items = append(items, b.item(in))
	}
	return items, kv.Revision(r.Header.Revision - b.base), nil
}
