// Package store is the only code that talks to etcd. It turns the plain data of
// package kv into requests, one attempt each, and says of every request what is
// known of its end: executed, refused, or neither (kv.Outcome).
//
// It decides nothing: when to repeat, and what an answer means, is up to the
// machines of package fsm.
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"msdha/internal/fsm/kv"
)

// Store is a group's place in etcd. Its methods may be called concurrently.
//
// Every request takes its deadline from its context, and needs one: without, it
// waits as long as etcd is away. The outcome is always set, and is kv.OK exactly
// when the error is nil.
type Store struct {
	config Config
	prefix string
	end    string // first key behind the prefix
	login  *login
	lanes  []*lane
	// good is the lane that answered last. A repeat begins one lane further.
	good    atomic.Int64
	closing context.Context // ends with Close
	close   context.CancelFunc
	// misses counts unanswered requests that have no attempt number of their own.
	misses atomic.Int64
}

// Open checks the configuration, reads the certificates and begins to connect.
// It does not wait for etcd: an etcd that cannot be reached, or refuses the
// login, is reported by the requests.
func Open(c Config) (*Store, error) {
	endpoints, err := c.settle()
	s := &Store{config: c, prefix: kv.Prefix(c.Prefix, c.Group), login: newLogin(&c)}
	s.closing, s.close = context.WithCancel(context.Background())
	s.end = clientv3.GetPrefixRangeEnd(s.prefix)
	_, errTLS := c.tlsConfig()
	if err := errors.Join(err, errTLS); err != nil {
		return nil, err
	}
	s.warnPlain(endpoints)
	if len(endpoints) == 1 {
		endpoints = append(endpoints, endpoints[0]) // a repeat needs another connection
	}
	for i, e := range endpoints {
		l, err := newLane(i, e, func() (*clientv3.Client, error) {
			cfg, err := s.clientConfig(e)
			if err != nil {
				return nil, err
			}
			return clientv3.New(cfg)
		})
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("cannot use the etcd endpoint %q: %w", e, err)
		}
		s.lanes = append(s.lanes, l)
	}
	return s, nil
}

// warnPlain speaks up where etcdctl silently does without the certificates.
func (s *Store) warnPlain(endpoints []string) {
	if tls, err := s.config.tlsConfig(); tls == nil || err != nil {
		return
	}
	for _, e := range endpoints {
		if strings.HasPrefix(e, "http://") {
			s.config.Logger.Warn("certificates are configured, but this endpoint is used without TLS; "+
				"write https:// in ETCDCTL_ENDPOINTS", "endpoint", e)
		}
	}
}

// Close ends all connections. Requests that are under way end with Unknown,
// watches as lost.
func (s *Store) Close() {
	s.close()
	for _, l := range s.lanes {
		l.close()
	}
}

// Prefix is what every key of the group begins with.
func (s *Store) Prefix() string { return s.prefix }

// pick chooses the connection for an attempt, counted from 0: the one that
// answered last, then the others in turn. Passed over, as long as there is a
// better one, is what has just failed to answer, and what is not connected. Where
// nothing is connected, the first that gets so is taken.
func (s *Store) pick(ctx context.Context, attempt int) *lane {
	n := len(s.lanes)
	first := (int(s.good.Load()) + max(attempt, 0)) % n
	var fallback *lane
	for i := range n {
		l := s.lanes[(first+i)%n]
		switch {
		case !l.ready():
		case !l.suspected():
			return l
		case fallback == nil:
			fallback = l
		}
	}
	if fallback != nil {
		return fallback
	}
	ctx, cancel := leaveTime(ctx)
	defer cancel()
	connected := make(chan *lane, n)
	for _, l := range s.lanes {
		go func() {
			if l.awaitReady(ctx) {
				connected <- l
			}
		}()
	}
	select {
	case l := <-connected:
		return l
	case <-ctx.Done():
		return s.lanes[first]
	}
}

// leaveTime ends a tenth before ctx's deadline: then the request goes to a
// connection that is not ready, because only gRPC can say why it is not.
func leaveTime(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, deadline.Add(-time.Until(deadline)/10))
}

// do runs one request: send it, classify how it ended, and word the error. A
// request that etcd refused for its token alone was not executed; it is sent
// again with a new one, as far as the deadline allows.
func (s *Store) do(ctx context.Context, attempt int, what string,
	send func(context.Context, *lane) error,
) (kv.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	l := s.pick(ctx, attempt)
	l.sent()
	err := s.withLogin(ctx, l, send)
	if err == nil {
		l.heard()
		l.setSuspect(false)
		s.good.Store(int64(l.index))
		return kv.OK, nil
	}
	outcome := classify(err)
	if isTokenError(err) && s.login.user != "" {
		outcome = kv.Unknown // etcd knows the user, only the token keeps changing
	}
	s.observe(l, outcome, status.Code(err))
	return outcome, s.explain(ctx, what, l.endpoint, err)
}

// observe draws the conclusions from a failed request for its connection: an
// error is a sign of life too, unless nothing but our own patience ended it.
func (s *Store) observe(l *lane, outcome kv.Outcome, code codes.Code) {
	if code == codes.Canceled {
		return // by the caller, or by the replacement of the connection
	}
	// Asking for what is compacted (OutOfRange) is not the connection's fault.
	l.setSuspect(outcome == kv.Unknown && code != codes.OutOfRange)
	if code != codes.DeadlineExceeded {
		l.heard()
		return
	}
	if l.silent() {
		s.config.Logger.Warn("etcd does not answer; the connection is replaced",
			"endpoint", l.endpoint, "silent", stall)
	}
}

func (s *Store) withLogin(ctx context.Context, l *lane,
	send func(context.Context, *lane) error,
) error {
	// Zero logins seen: only the very first requests wait for one.
	number, err := s.login.ensure(ctx, l.conn(), 0)
	for try := 0; err == nil; try++ {
		err = send(ctx, l)
		if !isTokenError(err) || try == maxLogins {
			return err
		}
		number, err = s.login.ensure(ctx, l.conn(), number)
	}
	return err
}

// doAny is do for requests whose repeats nobody counts.
func (s *Store) doAny(ctx context.Context, what string,
	send func(context.Context, *lane) error,
) (kv.Outcome, error) {
	outcome, err := s.do(ctx, int(s.misses.Load()), what, send)
	switch {
	case outcome != kv.Unknown:
		s.misses.Store(0)
	case !errors.Is(err, context.Canceled) && !errors.Is(err, rpctypes.ErrCompacted):
		s.misses.Add(1)
	}
	return outcome, err
}

func header(h *pb.ResponseHeader) kv.Header {
	return kv.Header{Cluster: h.GetClusterId(), Rev: kv.Revision(h.GetRevision())}
}
