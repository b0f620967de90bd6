package store

import (
	"context"
	"fmt"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"msdha/internal/fsm/kv"
)

// Remaining is what is left of a lease, in whole seconds, rounded down by etcd.
// After a change of etcd's leader Left may exceed Granted.
type Remaining struct {
	Left    time.Duration
	Granted time.Duration
}

// TimeToLive asks how long a lease lives if nobody renews it: for people, as
// nothing may be decided by what another node's clock says (SPEC R2). A lease
// that does not exist gives LeaseGone.
func (s *Store) TimeToLive(ctx context.Context, lease kv.LeaseID) (
	Remaining, kv.Header, kv.Outcome, error,
) {
	var resp *pb.LeaseTimeToLiveResponse
	outcome, err := s.doAny(ctx, fmt.Sprintf("ask how long the lease %s lives", lease),
		func(ctx context.Context, l *lane) (err error) {
			resp, err = pb.NewLeaseClient(l.conn()).LeaseTimeToLive(ctx,
				&pb.LeaseTimeToLiveRequest{ID: int64(lease)}, callOptions...)
			if err == nil && resp.TTL < 0 { // how etcd answers for a lease that is gone
				return rpctypes.ErrGRPCLeaseNotFound
			}
			return err
		})
	if err != nil {
		return Remaining{}, kv.Header{}, outcome, err
	}
	left := Remaining{
		Left:    time.Duration(resp.TTL) * time.Second,
		Granted: time.Duration(resp.GrantedTTL) * time.Second,
	}
	return left, header(resp.Header), outcome, nil
}
