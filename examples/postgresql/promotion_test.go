package postgresql_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// readOnly is the SQLSTATE with which a standby refuses a write.
const readOnly = "25006"

// TestNothingBeforeTheEpoch: whatever clients do on a standby while it is
// promoted, their first write lies behind the record of the epoch (SPEC P4).
// Each writes down the newest epoch it sees.
func TestNothingBeforeTheEpoch(t *testing.T) {
	g := newGroup(t, 1, "MSDHA_MEMBERS=")
	n := g.nodes[0]
	n.create()
	n.serve()
	g.reign(n)
	n.exec("create table w (seen bigint)")
	for range 5 {
		n.stop()
		g.vacate()
		n.join()
		n.serve()
		refused, ended := promoteUnderFire(n)
		early, err := n.query(fmt.Sprintf("select count(*) from w where seen < %d", g.epoch))
		must(t, err)
		if early != "0" {
			t.Errorf("epoch %d: %s rows were written under an older epoch", g.epoch, early)
		}
		if refused == 0 || ended == 0 {
			t.Errorf("the clients did not try: %d writes refused, %d sessions ended", refused, ended)
		}
		n.exec("truncate w")
	}
}

// promoteUnderFire runs the master hook while clients write: some over sessions
// that are open, some that reconnect at once, and some whose connection is open
// but whose login comes at any time during the promotion.
func promoteUnderFire(n *node) (refused, ended int64) {
	const loops, latecomers = 6, 40
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c := &clients{node: n, opened: make(chan struct{}, loops)}
	var group sync.WaitGroup
	for i := range loops {
		host := "127.0.0.1"
		if i%2 == 1 {
			host = n.home
		}
		group.Go(func() { c.loop(ctx, host) })
	}
	var early []net.Conn
	for range latecomers {
		conn, err := net.Dial("tcp", "127.0.0.1:"+n.port)
		must(n.g.t, err)
		early = append(early, conn)
	}
	for range loops {
		<-c.opened
	}
	n.g.claim(n)
	began := time.Now()
	for i, conn := range early {
		group.Go(func() {
			wait := time.NewTimer(time.Duration(i) * 5 * time.Millisecond)
			defer wait.Stop()
			<-wait.C
			c.late(ctx, conn)
		})
	}
	n.mustHook("master")
	n.g.t.Logf("the master hook took %v", time.Since(began))
	eventually(n.g.t, "a write", func() error {
		if c.written.Load() == 0 {
			return errNone
		}
		return nil
	})
	cancel()
	group.Wait()
	return c.refused.Load(), c.ended.Load()
}

// clients count what became of their attempts to write.
type clients struct {
	node                    *node
	opened                  chan struct{} // one for each loop that has had its first answer
	written, refused, ended atomic.Int64
}

// loop writes, and connects again whenever its session ends.
func (c *clients) loop(ctx context.Context, host string) {
	dsn := fmt.Sprintf("host=%s port=%s user=postgres dbname=postgres sslmode=disable",
		host, c.node.port)
	first := sync.OnceFunc(func() { c.opened <- struct{}{} })
	for ctx.Err() == nil {
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			c.write(ctx, conn, first)
		}
	}
}

// late logs in over a connection that has been open for a while.
func (c *clients) late(ctx context.Context, open net.Conn) {
	config, err := pgx.ParseConfig(c.node.dsn())
	if err == nil {
		config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return open, nil }
		var conn *pgx.Conn
		if conn, err = pgx.ConnectConfig(ctx, config); err == nil {
			c.write(ctx, conn, func() {})
			return
		}
	}
	_ = open.Close()
}

// write writes until the session ends.
func (c *clients) write(ctx context.Context, conn *pgx.Conn, answered func()) {
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing depends on it
	for {
		_, err := conn.Exec(ctx, "insert into w select coalesce(max(epoch), 0) from msdha.epoch")
		var told *pgconn.PgError
		switch {
		case err == nil:
			c.written.Add(1)
		case errors.As(err, &told) && told.Code == readOnly:
			c.refused.Add(1)
		case ctx.Err() != nil:
			return
		default:
			c.ended.Add(1)
			return
		}
		answered()
	}
}
