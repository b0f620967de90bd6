// Package etcdtest runs a real etcd inside the process, for tests and for the
// demo: one member with short ticks, so that the shortest lease lives one
// second, and with everything that production meets: login, TLS, a restart with
// the same data, a replacement by an empty one, and links that go silent.
package etcdtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// startTimeout bounds how long a member may take to elect itself.
const startTimeout = 20 * time.Second

// Options say how the etcd differs from a plain one on free ports.
type Options struct {
	// Dir holds the data; empty means a temporary directory, removed by Close.
	Dir string
	// ClientPort and PeerPort on 127.0.0.1; 0 means a free one, kept for restarts.
	ClientPort, PeerPort int
	// TickMs and ElectionMs decide the shortest TTL: with 10 and 100, the
	// defaults here, it is 1 s; with etcd's own 100 and 1000 it is 2 s.
	TickMs, ElectionMs uint
	// TLS makes the client port speak TLS with these files.
	TLS *ServerTLS
	// TokenTTL is how long a login lasts unused; 0 means etcd's 5 minutes.
	// etcd rounds to seconds and looks once a second.
	TokenTTL time.Duration
	// LoginCost is bcrypt's; 0 means the cheapest. etcd's own, 10, costs 70 ms.
	LoginCost uint
	// Fsync makes writes survive a crash of the machine, as tests need not.
	Fsync bool
}

// ServerTLS are the files of the client port.
type ServerTLS struct {
	Cert, Key string
	// ClientCA, if set, makes the server demand client certificates signed by it.
	ClientCA string
}

// Server is an etcd that can be stopped and started again.
type Server struct {
	opts    Options
	ownsDir bool

	mu    sync.Mutex
	etcd  *embed.Etcd // nil while stopped
	halt  context.CancelFunc
	token string
}

// Start returns when the etcd serves requests.
func Start(o Options) (*Server, error) {
	s := &Server{opts: o, token: rand.Text()}
	if s.opts.TickMs == 0 {
		s.opts.TickMs, s.opts.ElectionMs = 10, 100
	}
	if s.opts.Dir == "" {
		dir, err := os.MkdirTemp("", "etcdtest-")
		if err != nil {
			return nil, fmt.Errorf("cannot start etcd: %w", err)
		}
		s.opts.Dir, s.ownsDir = dir, true
	}
	for _, port := range []*int{&s.opts.ClientPort, &s.opts.PeerPort} {
		if *port != 0 {
			continue
		}
		free, err := FreePort()
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		*port = free
	}
	if err := s.Restart(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// FreePort finds a port of 127.0.0.1 on which nobody listens, below the range
// from which the kernel serves outgoing connections: it stays free while the
// server behind it is down.
func FreePort() (int, error) {
	var b [2]byte
	for range 200 {
		if _, err := rand.Read(b[:]); err != nil {
			return 0, fmt.Errorf("cannot choose a port: %w", err)
		}
		port := 20000 + (int(b[0])<<8|int(b[1]))%12000
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return 0, fmt.Errorf("cannot release port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, errors.New("cannot find a free port of 127.0.0.1 from 20000 to 31999")
}

// Addr is the host:port for clients.
func (s *Server) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.opts.ClientPort))
}

// Endpoint is the URL for clients.
func (s *Server) Endpoint() string { return s.url(s.opts.ClientPort, s.opts.TLS != nil).String() }

func (s *Server) url(port int, secure bool) *url.URL {
	u := &url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	if secure {
		u.Scheme = "https"
	}
	return u
}

// Stop ends the etcd and keeps its data and ports. Open streams end at once
// instead of holding up the shutdown, as they would with a graceful stop.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *Server) stop() {
	if s.etcd == nil {
		return
	}
	s.halt()
	s.etcd.Close()
	s.etcd = nil
}

// Restart stops the etcd if it runs and starts it with its data.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	return s.start()
}

// Wipe replaces the etcd by an empty one at the same address. Its revisions
// begin anew and it calls itself another cluster.
func (s *Server) Wipe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
	if err := os.RemoveAll(s.opts.Dir); err != nil {
		return fmt.Errorf("cannot empty etcd: %w", err)
	}
	s.token = rand.Text()
	return s.start()
}

// Close stops the etcd and removes a temporary data directory. Close its
// clients first: they would go on trying.
func (s *Server) Close() error {
	s.Stop()
	if !s.ownsDir {
		return nil
	}
	return os.RemoveAll(s.opts.Dir)
}

// Client is a plain client for what a test does behind the back of the code
// under test. The caller closes it.
func (s *Server) Client() (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: []string{s.Endpoint()}, DialTimeout: startTimeout, Logger: zap.NewNop(),
	})
}

func (s *Server) start() error {
	ctx, halt := context.WithCancel(context.Background())
	e, err := embed.StartEtcd(s.config(ctx))
	if err != nil {
		halt()
		return fmt.Errorf("cannot start etcd in %s: %w", s.opts.Dir, err)
	}
	s.etcd, s.halt = e, halt
	select {
	case <-e.Server.ReadyNotify():
		return nil
	case err = <-e.Err():
	case <-time.After(startTimeout):
		err = fmt.Errorf("it is not ready after %s", startTimeout)
	}
	s.stop()
	return fmt.Errorf("cannot start etcd in %s: %w", s.opts.Dir, err)
}

func (s *Server) config(ctx context.Context) *embed.Config {
	cfg := embed.NewConfig()
	cfg.Name = "etcdtest"
	cfg.Dir = s.opts.Dir
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	cfg.TickMs, cfg.ElectionMs = s.opts.TickMs, s.opts.ElectionMs
	cfg.UnsafeNoFsync = !s.opts.Fsync
	cfg.InitialClusterToken = s.token
	peer := *s.url(s.opts.PeerPort, false)
	client := *s.url(s.opts.ClientPort, s.opts.TLS != nil)
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	if t := s.opts.TLS; t != nil {
		cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile = t.Cert, t.Key
		cfg.ClientTLSInfo.TrustedCAFile = t.ClientCA
		cfg.ClientTLSInfo.ClientCertAuth = t.ClientCA != ""
	}
	if s.opts.TokenTTL > 0 {
		cfg.AuthTokenTTL = uint(s.opts.TokenTTL.Round(time.Second) / time.Second)
	}
	cfg.BcryptCost = max(4, s.opts.LoginCost)
	cfg.GRPCAdditionalServerOptions = []grpc.ServerOption{
		grpc.ChainStreamInterceptor(endWith(ctx)),
	}
	return cfg
}

// endWith makes streams end when ctx does.
func endWith(ctx context.Context) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
		sctx, cancel := context.WithCancel(ss.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		err := h(srv, streamWithContext{ss, sctx})
		if ctx.Err() != nil {
			return status.Error(codes.Unavailable, "etcdserver: server stopped")
		}
		return err
	}
}

type streamWithContext struct {
	grpc.ServerStream
	ctx context.Context
}

func (s streamWithContext) Context() context.Context { return s.ctx }
