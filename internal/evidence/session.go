package evidence

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Pace is how often a client asks, and how long it waits for an answer.
type Pace struct {
	Statement time.Duration // from the beginning of one statement to the next
	Answer    time.Duration // limit of a statement; then the connection is given up
	Connect   time.Duration // limit of a connection's setup
	Reconnect time.Duration // after a connection was lost or refused
}

// quitLimit bounds the farewell to a server that may not answer. longestPause is
// what the pauses of a client that does not cancel are doubled up to.
const (
	quitLimit    = 100 * time.Millisecond
	longestPause = 16 * time.Second
)

// client is how sessions are made.
type client struct {
	name string // application_name
	pace Pace
	// stays: a statement that is given up is not cancelled. Cancelling one that
	// waits for synchronous standbys would commit it here alone, for all to see.
	// The server may go on with it for long, so each time in a row that a statement
	// is given up doubles the pause before the next session.
	stays bool
}

// session is a connection that notices warnings. A statement whose wait for
// synchronous standbys was cancelled is reported as a success with a warning
// ("The transaction has already committed locally, but might not have been
// replicated to the standby"), so a success with one acknowledges nothing.
type session struct {
	*pgx.Conn
	warned bool
}

var errStays = errors.New("a statement that was given up is not cancelled")

func (c client) connect(ctx context.Context, dsn string) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.pace.Connect)
	defer cancel()
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	s := &session{}
	cfg.RuntimeParams["application_name"] = c.name
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			s.warned = true
		}
	}
	// pgx dials again only to cancel.
	var connected atomic.Bool
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.stays && connected.Load() {
			return nil, errStays
		}
		return dial(ctx, network, address)
	}
	s.Conn, err = pgx.ConnectConfig(ctx, cfg)
	connected.Store(true)
	return s, err
}

// create makes what a history is written into, without waiting for any slave.
func (c client) create(ctx context.Context, dsn, tables string) error {
	s, err := c.connect(ctx, dsn)
	if err == nil {
		defer s.quit()
		_, err = s.Exec(ctx, "set synchronous_commit = local; "+tables)
	}
	if err != nil {
		return fmt.Errorf("cannot create the table %s: %w; if it exists, choose another Table", c.name, err)
	}
	return nil
}

// quit ends the session without waiting long for a server that is silent.
func (s *session) quit() {
	ctx, cancel := context.WithTimeout(context.Background(), quitLimit)
	defer cancel()
	_ = s.Close(ctx)
}

// run calls ask at the pace until ctx ends, and connects again whenever the
// connection was lost. dsn is asked at each connect, since addresses change; an
// empty one means that there is nothing to connect to now.
func (c client) run(ctx context.Context, dsn func() string, ask func(*session) error) {
	var pause time.Duration
	for ctx.Err() == nil {
		wait := c.pace.Reconnect
		if at := dsn(); at != "" {
			if s, err := c.connect(ctx, at); err == nil {
				answers, err := s.converse(ctx, c.pace.Statement, ask)
				s.quit()
				pause = c.pauseAfter(pause, answers, err)
				wait = pause
			}
		}
		_ = sleep(ctx, wait)
	}
}

// pauseAfter is the pause after a session of so many answers that ended with err.
func (c client) pauseAfter(pause time.Duration, answers int, err error) time.Duration {
	switch {
	case !c.stays || !errors.Is(err, context.DeadlineExceeded):
		return c.pace.Reconnect
	case answers > 0:
		return c.pace.Answer
	}
	return min(max(2*pause, c.pace.Answer), longestPause)
}

// converse asks until the connection fails. A refusal costs the connection
// nothing: who asks a slave to write goes on asking.
func (s *session) converse(ctx context.Context, pace time.Duration, ask func(*session) error) (int, error) {
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	answers := 0
	for {
		s.warned = false
		err := ask(s)
		if ctx.Err() != nil || s.IsClosed() {
			return answers, err
		}
		answers++
		select {
		case <-ticks.C:
		case <-ctx.Done():
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
