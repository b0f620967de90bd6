package store

import (
	"context"
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"msdha/internal/fsm/kv"
)

// Txn executes a transaction, linearizably, even if it only reads. attempt counts
// the tries of one round from 0 and chooses the connection: the one that answered
// last, then the next endpoint, and so on (SPEC R1).
//
// LeaseGone means that a lease with which the transaction would have written does
// not exist, and that nothing was written.
func (s *Store) Txn(ctx context.Context, t *kv.Txn, attempt int) (
	kv.Result, kv.Header, kv.Outcome, error,
) {
	what := "execute the transaction on " + subject(t)
	req, err := s.translate(t)
	if err != nil {
		return kv.Result{}, kv.Header{}, kv.Failed, fmt.Errorf("cannot %s: %w", what, err)
	}
	var resp *pb.TxnResponse
	outcome, err := s.do(ctx, attempt, what, func(ctx context.Context, l *lane) (err error) {
		resp, err = pb.NewKVClient(l.conn()).Txn(ctx, req, callOptions...)
		if err == nil && len(resp.Responses) < t.NRead {
			err = status.Errorf(codes.Internal, "%d answers to %d reads", len(resp.Responses), t.NRead)
		}
		return err
	})
	if err != nil {
		return kv.Result{}, kv.Header{}, outcome, err
	}
	result := kv.Result{Succeeded: resp.Succeeded}
	// The reads are the last operations of either branch.
	reads := resp.Responses[len(resp.Responses)-t.NRead:]
	for i, r := range reads {
		result.Items[i] = kv.Item{Key: t.Read[i]}
		if kvs := r.GetResponseRange().GetKvs(); len(kvs) == 1 {
			result.Items[i] = s.item(kvs[0])
		}
	}
	return result, header(resp.Header), outcome, nil
}

// subject names what a transaction is about, for messages.
func subject(t *kv.Txn) string {
	switch {
	case t.NThen > 0:
		return t.Then[0].Key.Path()
	case t.NRead > 0:
		return t.Read[0].Path()
	}
	return "nothing"
}

// translate turns the data into etcd's request. It adds no condition of its own.
func (s *Store) translate(t *kv.Txn) (*pb.TxnRequest, error) {
	if t.NRead == 0 {
		return nil, errors.New("it reads nothing, and etcd may serve it from stale state")
	}
	req := &pb.TxnRequest{}
	for i := range t.If[:t.NIf] {
		c, err := s.compare(&t.If[i])
		if err != nil {
			return nil, err
		}
		req.Compare = append(req.Compare, c)
	}
	for _, op := range t.Then[:t.NThen] {
		switch op.Kind {
		case kv.OpPut:
			req.Success = append(req.Success, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
				RequestPut: &pb.PutRequest{
					Key: s.key(op.Key), Value: []byte(kv.Encode(op.Key, op.Record)),
					Lease: int64(op.Lease),
				},
			}})
		case kv.OpDelete:
			req.Success = append(req.Success, &pb.RequestOp{
				Request: &pb.RequestOp_RequestDeleteRange{
					RequestDeleteRange: &pb.DeleteRangeRequest{Key: s.key(op.Key)},
				},
			})
		default:
			return nil, fmt.Errorf("it has a write of kind %d", op.Kind)
		}
	}
	for _, k := range t.Read[:t.NRead] {
		read := &pb.RequestOp{Request: &pb.RequestOp_RequestRange{
			RequestRange: &pb.RangeRequest{Key: s.key(k)},
		}}
		req.Success = append(req.Success, read)
		req.Failure = append(req.Failure, read)
	}
	return req, nil
}

func (s *Store) key(k kv.Key) []byte { return []byte(s.prefix + k.Path()) }

func (s *Store) compare(c *kv.Compare) (*pb.Compare, error) {
	switch c.Target {
	case kv.TargetCreate:
		return &pb.Compare{
			Key: s.key(c.Key), Result: pb.Compare_EQUAL, Target: pb.Compare_CREATE,
			TargetUnion: &pb.Compare_CreateRevision{CreateRevision: int64(c.Rev)},
		}, nil
	case kv.TargetMod:
		return &pb.Compare{
			Key: s.key(c.Key), Result: pb.Compare_EQUAL, Target: pb.Compare_MOD,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: int64(c.Rev)},
		}, nil
	case kv.TargetLease:
		return &pb.Compare{
			Key: s.key(c.Key), Result: pb.Compare_EQUAL, Target: pb.Compare_LEASE,
			TargetUnion: &pb.Compare_Lease{Lease: int64(c.Lease)},
		}, nil
	case kv.TargetText:
		// A range compares each of its keys. An empty range fails any comparison of
		// values; kv.Compare says why that never matters.
		return &pb.Compare{
			Key: []byte(s.prefix), RangeEnd: []byte(s.end),
			Result: pb.Compare_NOT_EQUAL, Target: pb.Compare_VALUE,
			TargetUnion: &pb.Compare_Value{Value: []byte(c.Text)},
		}, nil
	case kv.TargetNewest:
		folder := kv.Key{Kind: c.Key.Kind}.Path()
		if len(folder) == 0 || folder[len(folder)-1] != '/' {
			return nil, fmt.Errorf("it asks for the newest key of kind %d, "+
				"which has no folder", c.Key.Kind)
		}
		from := s.prefix + folder
		return &pb.Compare{
			Key: []byte(from), RangeEnd: []byte(clientv3.GetPrefixRangeEnd(from)),
			Result: pb.Compare_LESS, Target: pb.Compare_MOD,
			TargetUnion: &pb.Compare_ModRevision{ModRevision: int64(c.Rev) + 1},
		}, nil
	}
	return nil, fmt.Errorf("it compares the target %d", c.Target)
}
