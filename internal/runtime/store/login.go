package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/v3/credentials"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/status"
)

// maxLogins is how often one request may be refused for its token: etcd forgets
// tokens when they expire, when a member restarts and whenever users change, and
// the last can happen several times in a row while an operator sets them up.
const maxLogins = 4

// login holds the token that every request carries, and renews it when etcd
// refuses it: expiry of a token is no loss of anything (F19).
type login struct {
	user, password string
	tokens         credentials.PerRPCCredentialsBundle
	timeout        time.Duration
	logger         *slog.Logger
	count          atomic.Uint64 // logins so far

	mu      sync.Mutex
	running map[*grpc.ClientConn]*attempt
	renewed chan struct{} // closed at the next success
}

// attempt is a login that is under way.
type attempt struct {
	ended chan struct{}
	err   error // once it has ended
}

func newLogin(c *Config) *login {
	return &login{
		user: c.Username, password: c.Password, timeout: c.DialTimeout, logger: c.Logger,
		tokens:  credentials.NewPerRPCCredentialBundle(),
		running: map[*grpc.ClientConn]*attempt{}, renewed: make(chan struct{}),
	}
}

// ensure logs in where that has not happened since the login numbered seen, and
// gives the number of the one in force. Requests that are refused together share
// one login for each connection, since each costs etcd some 70 ms.
//
// A login outlives the request that began it, up to its own timeout: where etcd
// is so busy that it takes longer than a request may, it serves the repeat. It
// would else be begun anew each time, until authority is over. Without a connection
// it ends with that request, for gRPC to say why there is none.
func (l *login) ensure(ctx context.Context, conn *grpc.ClientConn, seen uint64) (uint64, error) {
	if l.user == "" {
		return seen, nil // nothing, or the name in a certificate
	}
	l.mu.Lock()
	if n := l.count.Load(); n > seen {
		l.mu.Unlock()
		return n, nil
	}
	renewed, own := l.renewed, l.running[conn]
	if own == nil {
		own = &attempt{ended: make(chan struct{})}
		l.running[conn] = own
		if conn.GetState() != connectivity.Ready {
			l.mu.Unlock()
			l.run(ctx, conn, own)
			return l.count.Load(), own.err
		}
		go l.run(context.WithoutCancel(ctx), conn, own)
	}
	l.mu.Unlock()
	select {
	case <-renewed: // by way of any connection
	case <-own.ended:
		if own.err != nil {
			return seen, own.err
		}
	case <-ctx.Done():
		return seen, status.FromContextError(ctx.Err()).Err()
	}
	return l.count.Load(), nil
}

// run logs in. It ends early with its connection.
func (l *login) run(ctx context.Context, conn *grpc.ClientConn, a *attempt) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	resp, err := pb.NewAuthClient(conn).Authenticate(ctx,
		&pb.AuthenticateRequest{Name: l.user, Password: l.password}, grpc.WaitForReady(true))
	l.mu.Lock()
	defer l.mu.Unlock()
	defer close(a.ended)
	delete(l.running, conn)
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrAuthNotEnabled):
		l.tokens.UpdateAuthToken("")
	case err != nil:
		a.err = err
		return
	default:
		l.tokens.UpdateAuthToken(resp.Token)
	}
	n := l.count.Add(1)
	close(l.renewed)
	l.renewed = make(chan struct{})
	l.logger.Debug("logged in to etcd", "user", l.user, "login", n)
}

// isTokenError tells that etcd refused a request because of the token, before
// doing anything.
func isTokenError(err error) bool {
	err = rpctypes.Error(err)
	return errors.Is(err, rpctypes.ErrInvalidAuthToken) ||
		errors.Is(err, rpctypes.ErrAuthOldRevision) || errors.Is(err, rpctypes.ErrUserEmpty)
}
