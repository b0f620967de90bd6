package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"

	"msdha/internal/fsm/kv"
)

// callOptions: wait for the connection as long as the deadline allows, so that a
// broken one does not end requests faster than anybody can repeat them; and take
// answers of any size, since what others wrote is not ours to choose.
var callOptions = []grpc.CallOption{
	grpc.WaitForReady(true), grpc.MaxCallRecvMsgSize(math.MaxInt32),
}

// Lease is what etcd granted: never less than was asked for, often more.
type Lease struct {
	ID  kv.LeaseID
	TTL time.Duration
}

// Grant asks for a lease of at least ttl, which is rounded up to whole seconds.
// A grant whose outcome is unknown may leave a lease that expires by itself.
func (s *Store) Grant(ctx context.Context, ttl time.Duration) (
	Lease, kv.Header, kv.Outcome, error,
) {
	var resp *pb.LeaseGrantResponse
	req := &pb.LeaseGrantRequest{TTL: int64(math.Ceil(ttl.Seconds()))}
	outcome, err := s.doAny(ctx, fmt.Sprintf("get a lease of %s", ttl),
		func(ctx context.Context, l *lane) (err error) {
			resp, err = pb.NewLeaseClient(l.conn()).LeaseGrant(ctx, req, callOptions...)
			return err
		})
	if err != nil {
		return Lease{}, kv.Header{}, outcome, err
	}
	lease := Lease{ID: kv.LeaseID(resp.ID), TTL: time.Duration(resp.TTL) * time.Second}
	return lease, header(resp.Header), outcome, nil
}

// KeepAlive renews a lease once and gives the TTL that it was renewed to. It
// opens a stream, sends one request, takes one answer and ends the stream:
// clientv3's KeepAlive cannot match answers to requests, and its KeepAliveOnce
// repeats failed requests without telling (SPEC R1). attempt as in Txn.
//
// The header is older than the renewal and was not read linearizably: it proves
// nothing about revisions (SPEC K4).
func (s *Store) KeepAlive(ctx context.Context, lease kv.LeaseID, attempt int) (
	time.Duration, kv.Header, kv.Outcome, error,
) {
	var resp *pb.LeaseKeepAliveResponse
	outcome, err := s.do(ctx, attempt, fmt.Sprintf("renew the lease %s", lease),
		func(ctx context.Context, l *lane) (err error) {
			resp, err = keepAliveOnce(ctx, l.conn(), lease)
			return err
		})
	if err != nil {
		return 0, kv.Header{}, outcome, err
	}
	return time.Duration(resp.TTL) * time.Second, header(resp.Header), outcome, nil
}

func keepAliveOnce(ctx context.Context, conn *grpc.ClientConn, lease kv.LeaseID) (
	*pb.LeaseKeepAliveResponse, error,
) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream
	stream, err := pb.NewLeaseClient(conn).LeaseKeepAlive(ctx, callOptions...)
	if err != nil {
		return nil, err
	}
	// EOF means that the stream has ended; Recv knows why.
	err = stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(lease)})
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	resp, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if resp.TTL <= 0 {
		return nil, rpctypes.ErrGRPCLeaseNotFound
	}
	return resp, nil
}

// Revoke ends a lease, and with it all its keys, at one revision.
func (s *Store) Revoke(ctx context.Context, lease kv.LeaseID) (kv.Header, kv.Outcome, error) {
	var resp *pb.LeaseRevokeResponse
	outcome, err := s.doAny(ctx, fmt.Sprintf("revoke the lease %s", lease),
		func(ctx context.Context, l *lane) (err error) {
			resp, err = pb.NewLeaseClient(l.conn()).LeaseRevoke(ctx,
				&pb.LeaseRevokeRequest{ID: int64(lease)}, callOptions...)
			return err
		})
	return header(resp.GetHeader()), outcome, err
}

// List gives every key of the group, foreign ones included, as of the header's
// revision, in etcd's order. The read is linearizable.
func (s *Store) List(ctx context.Context) ([]kv.Item, kv.Header, kv.Outcome, error) {
	var resp *pb.RangeResponse
	req := &pb.RangeRequest{Key: []byte(s.prefix), RangeEnd: []byte(s.end)}
	outcome, err := s.doAny(ctx, "list the keys below "+s.prefix,
		func(ctx context.Context, l *lane) (err error) {
			resp, err = pb.NewKVClient(l.conn()).Range(ctx, req, callOptions...)
			return err
		})
	if err != nil {
		return nil, kv.Header{}, outcome, err
	}
	items := make([]kv.Item, len(resp.Kvs))
	for i, pair := range resp.Kvs {
		items[i] = s.item(pair)
	}
	return items, header(resp.Header), outcome, nil
}

func (s *Store) item(pair *mvccpb.KeyValue) kv.Item {
	k := s.parse(pair.Key)
	return kv.Item{
		Key: k, Present: true,
		Create: kv.Revision(pair.CreateRevision), Mod: kv.Revision(pair.ModRevision),
		Lease: kv.LeaseID(pair.Lease), Record: kv.Decode(k, pair.Value),
	}
}

func (s *Store) parse(key []byte) kv.Key {
	return kv.ParseKey(strings.TrimPrefix(string(key), s.prefix))
}
