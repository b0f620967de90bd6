package store

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"msdha/internal/fsm/kv"
)

func TestClassify(t *testing.T) {
	tests := []struct {
		err  error
		want kv.Outcome
	}{
		{nil, kv.OK},
		{rpctypes.ErrGRPCLeaseNotFound, kv.LeaseGone},

		{rpctypes.ErrGRPCPermissionDenied, kv.Failed},
		{rpctypes.ErrGRPCAuthFailed, kv.Failed},
		{rpctypes.ErrGRPCUserEmpty, kv.Failed},
		{rpctypes.ErrGRPCUserNotFound, kv.Failed},
		{rpctypes.ErrGRPCEmptyKey, kv.Failed},
		{rpctypes.ErrGRPCTooManyOps, kv.Failed},
		{rpctypes.ErrGRPCDuplicateKey, kv.Failed},
		{rpctypes.ErrGRPCRequestTooLarge, kv.Failed},
		{rpctypes.ErrGRPCLeaseTTLTooLarge, kv.Failed},
		{
			status.Error(codes.ResourceExhausted,
				"grpc: received message larger than max (3145728 vs. 2097152)"), kv.Failed,
		},

		{rpctypes.ErrGRPCInvalidAuthToken, kv.Unknown},
		{rpctypes.ErrGRPCAuthOldRevision, kv.Unknown},
		{rpctypes.ErrGRPCNoSpace, kv.Unknown},
		{rpctypes.ErrGRPCRequestTooManyRequests, kv.Unknown},
		{rpctypes.ErrGRPCNoLeader, kv.Unknown},
		{rpctypes.ErrGRPCNotLeader, kv.Unknown},
		{rpctypes.ErrGRPCLeaderChanged, kv.Unknown},
		{rpctypes.ErrGRPCStopped, kv.Unknown},
		{rpctypes.ErrGRPCTimeout, kv.Unknown},
		{rpctypes.ErrGRPCTimeoutDueToLeaderFail, kv.Unknown},
		{rpctypes.ErrGRPCTimeoutDueToConnectionLost, kv.Unknown},
		{rpctypes.ErrGRPCTimeoutWaitAppliedIndex, kv.Unknown},
		{rpctypes.ErrGRPCUnhealthy, kv.Unknown},
		{rpctypes.ErrGRPCCorrupt, kv.Unknown},
		{rpctypes.ErrGRPCNotCapable, kv.Unknown},
		{rpctypes.ErrGRPCNotSupportedForLearner, kv.Unknown},
		{rpctypes.ErrGRPCCanceled, kv.Unknown},
		{rpctypes.ErrGRPCDeadlineExceeded, kv.Unknown},
		{rpctypes.ErrGRPCCompacted, kv.Unknown},
		{status.Error(codes.Unknown, "lease: not a primary lessor"), kv.Unknown},
		{status.Error(codes.Unavailable, "connection refused"), kv.Unknown},
		{status.Error(codes.Unavailable, "error reading from server: EOF"), kv.Unknown},
		{status.Error(codes.Canceled, "grpc: the client connection is closing"), kv.Unknown},
		{status.Error(codes.DeadlineExceeded, "context deadline exceeded"), kv.Unknown},
		{status.Error(codes.Internal, "stream terminated by RST_STREAM"), kv.Unknown},
		{status.Error(codes.Unimplemented, "unexpected HTTP status code: 404"), kv.Unknown},
		{status.Error(codes.ResourceExhausted, "too many pings"), kv.Unknown},
		// A proxy's own words, not etcd's.
		{status.Error(codes.PermissionDenied, "forbidden"), kv.Unknown},
		{status.Error(codes.InvalidArgument, "bad request"), kv.Unknown},
		{context.DeadlineExceeded, kv.Unknown},
		{context.Canceled, kv.Unknown},
		{errors.New("anything"), kv.Unknown},
	}
	for _, tt := range tests {
		if got := classify(tt.err); got != tt.want {
			t.Errorf("%v is classified as %v, want %v", tt.err, got, tt.want)
		}
	}
}

// fakeEtcd answers what a real one answers only in moments that cannot be staged.
type fakeEtcd struct {
	pb.UnimplementedKVServer
	pb.UnimplementedAuthServer
	pb.UnimplementedWatchServer

	mu     sync.Mutex
	errs   []error  // one for each Txn; no more: success
	txns   int      // sent so far
	tokens []string // that came with them
	watch  metadata.MD
}

func (f *fakeEtcd) Txn(ctx context.Context, _ *pb.TxnRequest) (*pb.TxnResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.txns++
	md, _ := metadata.FromIncomingContext(ctx)
	f.tokens = append(f.tokens, md.Get(rpctypes.TokenFieldNameGRPC)...)
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		return nil, err
	}
	return &pb.TxnResponse{Responses: make([]*pb.ResponseOp, 1)}, nil
}

func (f *fakeEtcd) Authenticate(context.Context, *pb.AuthenticateRequest) (
	*pb.AuthenticateResponse, error,
) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &pb.AuthenticateResponse{Token: string(rune('a' + len(f.tokens)))}, nil
}

func (f *fakeEtcd) Watch(stream pb.Watch_WatchServer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch, _ = metadata.FromIncomingContext(stream.Context())
	return rpctypes.ErrGRPCNoLeader
}

func startFake(t *testing.T, f *fakeEtcd) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := grpc.NewServer()
	pb.RegisterKVServer(srv, f)
	pb.RegisterAuthServer(srv, f)
	pb.RegisterWatchServer(srv, f)
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

func TestRefusedTokensAreRenewed(t *testing.T) {
	token, old, empty := rpctypes.ErrGRPCInvalidAuthToken, rpctypes.ErrGRPCAuthOldRevision,
		rpctypes.ErrGRPCUserEmpty
	tests := []struct {
		name   string
		user   string
		errs   []error
		want   kv.Outcome
		txns   int
		tokens []string
	}{
		{"accepted", "u", nil, kv.OK, 1, []string{"a"}},
		{"expired", "u", []error{token}, kv.OK, 2, []string{"a", "b"}},
		{"users change", "u", []error{old, old, token}, kv.OK, 4, []string{"a", "b", "c", "d"}},
		{"forgotten", "u", []error{empty}, kv.OK, 2, []string{"a", "b"}},
		{
			"never accepted", "u", slices.Repeat([]error{token}, 20), kv.Unknown, 1 + maxLogins,
			[]string{"a", "b", "c", "d", "e"},
		},
		{
			"always forgotten", "u", slices.Repeat([]error{empty}, 20), kv.Unknown, 1 + maxLogins,
			[]string{"a", "b", "c", "d", "e"},
		},
		{"users change, name in certificate", "", []error{old, old}, kv.OK, 3, nil},
		{"login demanded", "", slices.Repeat([]error{empty}, 20), kv.Failed, 1 + maxLogins, nil},
		{"executed, perhaps", "u", []error{rpctypes.ErrGRPCNoSpace}, kv.Unknown, 1, []string{"a"}},
		{"not repeated", "u", []error{rpctypes.ErrGRPCTimeout}, kv.Unknown, 1, []string{"a"}},
		{"refused", "u", []error{rpctypes.ErrGRPCPermissionDenied}, kv.Failed, 1, []string{"a"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fakeEtcd{errs: tt.errs}
			c := config(t)
			c.Endpoints = []string{startFake(t, f)}
			if tt.user != "" {
				c.Username, c.Password = tt.user, secret
			}
			s := open(t, c)
			var x kv.Txn
			x.Get(kv.Master)
			_, _, outcome, err := s.Txn(within(t, patience), &x, 0)
			expect(t, tt.want, outcome, err)
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.txns != tt.txns || !slices.Equal(f.tokens, tt.tokens) {
				t.Errorf("%d requests with the tokens %q, want %d with %q",
					f.txns, f.tokens, tt.txns, tt.tokens)
			}
		})
	}
}

func TestWatchRequiresALeader(t *testing.T) {
	f := &fakeEtcd{}
	c := config(t)
	c.Endpoints = []string{startFake(t, f)}
	s := open(t, c)
	end := s.Watch(within(t, patience), 1, nil)
	if end.Outcome != kv.Unknown || !errors.Is(end.Err, rpctypes.ErrNoLeader) {
		t.Errorf("the watch ended with %v: %v", end.Outcome, end.Err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := f.watch.Get(rpctypes.MetadataRequireLeaderKey); !slices.Equal(got, []string{"true"}) {
		t.Errorf("the watch demands a leader by %q", got)
	}
}

func TestErrorsHaveACause(t *testing.T) {
	s := open(t, config(t))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, outcome, err := s.Grant(ctx, time.Second)
	expect(t, kv.Unknown, outcome, err, "cannot get a lease of 1s at etcd "+shared.server.Endpoint())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not the context's error", err)
	}
	_, _, outcome, err = s.KeepAlive(within(t, patience), 0x7777, 0)
	expect(t, kv.LeaseGone, outcome, err)
	if !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		t.Errorf("%v is not etcd's error", err)
	}
}
