package rig

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"msdha/internal/evidence"
)

// Clients are those outside: writers through each frontend, a writer straight to
// each PostgreSQL, and users of the registers through the frontends.
type Clients struct {
	Ledger *evidence.Ledger

	cluster *Cluster
	cancel  context.CancelFunc
	wait    sync.WaitGroup
}

// startClients creates the tables on the master and starts the writers.
func startClients(ctx context.Context, c *Cluster, master *Member) (*Clients, error) {
	k := &Clients{Ledger: evidence.NewLedger(), cluster: c}
	if err := k.Ledger.Prepare(ctx, dsn(master)); err != nil {
		return nil, fmt.Errorf("cannot create the writers' table on %s: %w", master.Name, err)
	}
	var writers context.Context
	writers, k.cancel = context.WithCancel(context.WithoutCancel(ctx))
	perFront := 2
	if c.Opts.Quiet {
		perFront = 1
	}
	for _, f := range c.Fronts {
		for i := range perFront {
			k.write(writers, fmt.Sprintf("%s-%d", f.Name, i+1), f)
		}
	}
	for _, n := range c.Nodes {
		k.write(writers, "direct-"+n.Name, n)
	}
	return k, nil
}

func (k *Clients) write(ctx context.Context, writer string, to *Member) {
	k.wait.Go(func() { k.Ledger.Write(ctx, writer, to.Name, func() string { return dsn(to) }) })
}

func (k *Clients) stop() {
	if k == nil {
		return
	}
	k.cancel()
	k.wait.Wait()
}

// dsn leads straight to a member. One without an address refuses. The address is
// looked up each time: containers that the engine restarts together may swap theirs.
func dsn(m *Member) string {
	ctx, cancel := context.WithTimeout(context.Background(), askLimit)
	defer cancel()
	if err := m.locate(ctx); err != nil {
		return "host=127.0.0.1 port=1 connect_timeout=1" // nobody is there
	}
	ip, port := m.IP(), 5432
	if ip == "" {
		ip, port = "127.0.0.1", 1
	}
	return fmt.Sprintf("host=%s port=%d user=postgres password=%s dbname=postgres sslmode=disable "+
		"connect_timeout=2 application_name=chaos", ip, port, password)
}

// Dial opens a connection to the member's port 5432 and says nothing.
func (m *Member) Dial(ctx context.Context) (net.Conn, error) {
	d := net.Dialer{Timeout: askLimit}
	return d.DialContext(ctx, "tcp", net.JoinHostPort(m.IP(), "5432"))
}

// query asks a member's PostgreSQL for one value.
func query[T any](ctx context.Context, m *Member, sql string) (value T, err error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn(m))
	if err != nil {
		return value, err
	}
	defer conn.Close(ctx) //nolint:errcheck // only read
	return value, conn.QueryRow(ctx, sql).Scan(&value)
}

// Tool runs one of PostgreSQL's own clients as a user would, beside the nodes.
func (c *Cluster) Tool(ctx context.Context, program string, args ...string) (string, error) {
	command := []string{
		"env", "PGPASSWORD=" + password, "PGUSER=postgres", "PGDATABASE=postgres", "PGCONNECT_TIMEOUT=5",
		"timeout", "60", "/usr/lib/postgresql/15/bin/" + program,
	}
	return c.holder.Exec(ctx, "root", append(command, args...)...)
}

// DSN is how a client outside reaches several members, whichever of them answers.
func DSN(members ...*Member) string {
	var hosts []string
	for _, m := range members {
		hosts = append(hosts, m.IP())
	}
	return fmt.Sprintf("host=%s user=postgres password=%s dbname=postgres sslmode=disable connect_timeout=2",
		strings.Join(hosts, ","), password)
}

// SQL runs a statement in a member's PostgreSQL, whatever it returns.
func (m *Member) SQL(ctx context.Context, statement string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn(m))
	if err != nil {
		return m.did("connect to", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending
	_, err = conn.Exec(ctx, statement)
	return m.did("run SQL on", err)
}
