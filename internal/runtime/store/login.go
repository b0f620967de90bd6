package store

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/v3/credentials"
	"google.golang.org/grpc"
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
	turn           chan struct{} // held while logging in
}

func newLogin(c *Config) *login {
	l := &login{
		user: c.Username, password: c.Password, timeout: c.DialTimeout, logger: c.Logger,
		tokens: credentials.NewPerRPCCredentialBundle(), turn: make(chan struct{}, 1),
	}
	return l
}

// ensure logs in where that has not happened since the login numbered seen, and
// gives the number of the one in force. Requests that are refused together share
// one login, since each costs etcd some 70 ms; the others go on meanwhile.
func (l *login) ensure(ctx context.Context, conn *grpc.ClientConn, seen uint64) (uint64, error) {
	if l.user == "" {
		return seen, nil // nothing, or the name in a certificate
	}
	if n := l.count.Load(); n > seen {
		return n, nil
	}
	// Somebody with a patient context must not keep others from trying.
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return seen, status.FromContextError(ctx.Err()).Err()
	}
	if n := l.count.Load(); n > seen {
		return n, nil
	}
	resp, err := pb.NewAuthClient(conn).Authenticate(ctx,
		&pb.AuthenticateRequest{Name: l.user, Password: l.password}, grpc.WaitForReady(true))
	switch {
	case errors.Is(rpctypes.Error(err), rpctypes.ErrAuthNotEnabled):
		l.tokens.UpdateAuthToken("")
	case err != nil:
		return seen, err
	default:
		l.tokens.UpdateAuthToken(resp.Token)
	}
	n := l.count.Add(1)
	l.logger.Debug("logged in to etcd", "user", l.user, "login", n)
	return n, nil
}

// isTokenError tells that etcd refused a request because of the token, before
// doing anything.
func isTokenError(err error) bool {
	err = rpctypes.Error(err)
	return errors.Is(err, rpctypes.ErrInvalidAuthToken) ||
		errors.Is(err, rpctypes.ErrAuthOldRevision) || errors.Is(err, rpctypes.ErrUserEmpty)
}
