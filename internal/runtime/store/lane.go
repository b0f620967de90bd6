package store

import (
	"context"
	"net"
	"strings"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
)

// stall is how long a connection may leave requests unanswered before it is
// given up for dead, by the kernel where not even TCP acknowledges (gRPC sets
// TCP_USER_TIMEOUT to it), by the lane where something in between still does.
const stall = 3 * time.Second

// lane is one connection to one endpoint. A request that fails on one lane is
// repeated on another (SPEC R1), so there are at least two.
//
// clientv3 dials, and interprets endpoints as etcdctl does. Requests use the
// connection with etcd's own gRPC stubs: clientv3's methods repeat some requests
// by themselves, resume watches unnoticed and log in before every stream, while
// here one request means one attempt with one outcome.
type lane struct {
	index    int
	endpoint string
	dial     func() (*clientv3.Client, error)

	mu     sync.Mutex
	client *clientv3.Client
	// waiting is when the oldest request was sent that nothing was heard after;
	// zero when there is none.
	waiting time.Time
	// suspect is set while the last request left its outcome open.
	suspect bool
	closed  bool
}

func newLane(index int, endpoint string, dial func() (*clientv3.Client, error)) (*lane, error) {
	l := &lane{index: index, endpoint: endpoint, dial: dial}
	client, err := dial()
	if err != nil {
		return nil, err
	}
	client.ActiveConnection().Connect()
	l.client = client
	return l, nil
}

func (l *lane) conn() *grpc.ClientConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client.ActiveConnection()
}

func (l *lane) ready() bool { return l.conn().GetState() == connectivity.Ready }

func (l *lane) suspected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.suspect
}

func (l *lane) setSuspect(suspect bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.suspect = suspect
}

// awaitReady waits for the lane's connection to get ready; false at ctx's end. One
// that is replaced meanwhile never gets ready, and its successor counts (found by
// chaos, f35-soak: a watch, which has no deadline, waited for ever).
func (l *lane) awaitReady(ctx context.Context) bool {
	for {
		conn := l.conn()
		state := conn.GetState()
		switch {
		case state == connectivity.Ready:
			return true
		case state == connectivity.Shutdown && l.isClosed():
			return false
		case state == connectivity.Shutdown:
			continue // it has just been replaced
		case state == connectivity.Idle:
			conn.Connect() // nobody else may ask anything of it
		}
		if !conn.WaitForStateChange(ctx, state) {
			return false
		}
	}
}

func (l *lane) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// sent notes that a request leaves.
func (l *lane) sent() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting.IsZero() {
		l.waiting = time.Now()
	}
}

// heard notes any sign of life.
func (l *lane) heard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = time.Time{}
}

// silent notes that a request went without answer, and replaces the connection
// when that has lasted too long. True means that it was replaced.
func (l *lane) silent() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.waiting.IsZero() || time.Since(l.waiting) < stall {
		return false
	}
	l.waiting = time.Time{}
	client, err := l.dial()
	if err != nil {
		return false // certificates are unreadable just now; the old connection may recover
	}
	_ = l.client.Close() // it reports its own cancellation
	client.ActiveConnection().Connect()
	l.client, l.suspect = client, false
	return true
}

func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		_ = l.client.Close() // it reports its own cancellation
	}
	l.closed = true
}

// clientConfig dials one endpoint. It has no username: clientv3.New would log in
// at once, wait for it, and fail while etcd is away.
func (s *Store) clientConfig(endpoint string) (clientv3.Config, error) {
	tls, err := s.config.tlsConfig()
	if err != nil {
		return clientv3.Config{}, err
	}
	return clientv3.Config{
		Endpoints: []string{endpoint},
		TLS:       tls,
		Logger:    zap.NewNop(),
		// A watch keeps its connection under observation. Idle connections are left
		// to TCP's own probes: etcd closes clients that ping without a stream.
		DialKeepAliveTime:    10 * time.Second, // the least that gRPC allows
		DialKeepAliveTimeout: stall,
		MaxUnaryRetries:      1,
		DialOptions: []grpc.DialOption{
			grpc.WithPerRPCCredentials(s.login.tokens.PerRPCCredentials()),
			grpc.WithContextDialer(dialTCP),
			grpc.WithIdleTimeout(0),
			grpc.WithConnectParams(grpc.ConnectParams{
				// gRPC's own backoff rises to two minutes: far longer than any TTL.
				Backoff: backoff.Config{
					BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
					MaxDelay: time.Second,
				},
				MinConnectTimeout: s.config.DialTimeout,
			}),
		},
	}, nil
}

// dialTCP dials as gRPC does, but with probes that find a dead idle connection
// within seconds instead of hours.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: time.Second, Count: 3,
	}}
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		return d.DialContext(ctx, "unix", strings.TrimPrefix(path, "//"))
	}
	return d.DialContext(ctx, "tcp", addr)
}
