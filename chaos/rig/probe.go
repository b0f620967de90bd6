package rig

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// How often a probe asks, and how long it waits for an answer: shorter than the
// writers, since it is to tell when they could have been served.
const (
	probePace   = 20 * time.Millisecond
	probeLimit  = time.Second
	probeLocate = time.Second
)

// AwaitPrimary asks by way of that member until another PostgreSQL process than old
// (evidence.Ack.Server) answers that it is a primary, and returns when that was; it
// is zero if ctx ended before. It stays in one session as long as that lasts.
func (m *Member) AwaitPrimary(ctx context.Context, old int64) time.Time {
	var located time.Time
	for ctx.Err() == nil {
		if time.Since(located) > probeLocate { // a restart may have changed its address
			_ = m.locate(ctx) // the old one is as good
			located = time.Now()
		}
		at := m.converse(ctx, func(ctx context.Context, conn *pgx.Conn) (bool, error) {
			var standby bool
			var server int64
			err := conn.QueryRow(ctx, `select pg_is_in_recovery(),
				(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint`).Scan(&standby, &server)
			return !standby && server != old, err
		})
		if !at.IsZero() {
			return at
		}
		rest(ctx)
	}
	return time.Time{}
}

// AwaitStandby asks a primary until a standby streams from it, and returns when that
// was; it is zero if ctx ended before.
func (m *Member) AwaitStandby(ctx context.Context) time.Time {
	for ctx.Err() == nil {
		at := m.converse(ctx, func(ctx context.Context, conn *pgx.Conn) (streams bool, err error) {
			err = conn.QueryRow(ctx, "select exists (select from pg_stat_replication where state = 'streaming')").
				Scan(&streams)
			return streams, err
		})
		if !at.IsZero() {
			return at
		}
		rest(ctx)
	}
	return time.Time{}
}

func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(probePace):
	}
}

// converse asks in one session until the answer is yes, and returns when that was; it
// is zero if the session was lost.
func (m *Member) converse(ctx context.Context, ask func(context.Context, *pgx.Conn) (bool, error)) time.Time {
	within := func(do func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(ctx, probeLimit)
		defer cancel()
		return do(ctx)
	}
	var conn *pgx.Conn
	err := within(func(ctx context.Context) (err error) {
		conn, err = pgx.Connect(ctx, DSN(m))
		return err
	})
	if err != nil {
		return time.Time{}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), probePace)
		defer cancel()
		_ = conn.Close(ctx) // whoever is silent is left
	}()
	for ctx.Err() == nil {
		var yes bool
		err := within(func(ctx context.Context) (err error) {
			yes, err = ask(ctx, conn)
			return err
		})
		switch {
		case err != nil:
			return time.Time{}
		case yes:
			return time.Now()
		}
		rest(ctx)
	}
	return time.Time{}
}
