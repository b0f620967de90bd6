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
	probeLimit  = 400 * time.Millisecond
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
		if at := m.probe(ctx, old); !at.IsZero() {
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

// probe is one session, zero if it was lost.
func (m *Member) probe(ctx context.Context, old int64) time.Time {
	dialing, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	conn, err := pgx.Connect(dialing, DSN(m))
	if err != nil {
		return time.Time{}
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), probePace)
		defer cancel()
		_ = conn.Close(ctx) // whoever is silent is left
	}()
	for ctx.Err() == nil {
		standby, server, err := identify(ctx, conn)
		if err != nil {
			return time.Time{}
		}
		if !standby && server != old {
			return time.Now()
		}
		rest(ctx)
	}
	return time.Time{}
}

func identify(ctx context.Context, conn *pgx.Conn) (standby bool, server int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	err = conn.QueryRow(ctx, `select pg_is_in_recovery(),
		(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint`).Scan(&standby, &server)
	return standby, server, err
}
