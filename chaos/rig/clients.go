package rig

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"msdha/internal/evidence"
)

// Clients are those outside: writers through each frontend, a writer straight to
// each PostgreSQL, and users of the registers through the frontends. In a benchmark
// there are four writers through the frontend and nobody else.
type Clients struct {
	Ledger *evidence.Ledger

	cluster *Cluster
	base    context.Context // ends never
	cancel  context.CancelFunc
	wait    sync.WaitGroup
}

// The writers of a benchmark: 80 rows in a second, as the peers' figures in the
// baselines were measured with.
const benchWriters = 4

var benchPace = evidence.Pace{
	Statement: 50 * time.Millisecond, Answer: 2 * time.Second,
	Connect: 2 * time.Second, Reconnect: 50 * time.Millisecond,
}

// startClients creates the tables on the master and starts the writers. reign is
// how a server says its epoch, empty for our own way.
func startClients(ctx context.Context, c *Cluster, master *Member, reign string) (*Clients, error) {
	k := &Clients{Ledger: evidence.NewLedger(), cluster: c, base: context.WithoutCancel(ctx)}
	if c.Opts.Bench {
		k.Ledger.Pace = benchPace
	}
	k.Ledger.Reign = cmp.Or(reign, k.Ledger.Reign)
	if err := k.Ledger.Prepare(ctx, dsn(master)); err != nil {
		return nil, fmt.Errorf("cannot create the writers' table on %s: %w", master.Name, err)
	}
	k.Work()
	return k, nil
}

// Work starts the writers, for the first time or after Rest.
func (k *Clients) Work() {
	k.Rest()
	var writers context.Context
	writers, k.cancel = context.WithCancel(k.base)
	perFront := 2
	switch {
	case k.cluster.Opts.Bench:
		perFront = benchWriters
	case k.cluster.Opts.Quiet:
		perFront = 1
	}
	for _, f := range k.cluster.Fronts {
		for i := range perFront {
			k.write(writers, fmt.Sprintf("%s-%d", f.Name, i+1), f)
		}
	}
	if k.cluster.Opts.Bench {
		return
	}
	for _, n := range k.cluster.Nodes {
		k.write(writers, "direct-"+n.Name, n)
	}
}

func (k *Clients) write(ctx context.Context, writer string, to *Member) {
	at := func() string { return dsn(to) }
	if k.cluster.Opts.Bench {
		at = func() string { return DSN(to) } // it keeps its address, and asking the engine takes time
	}
	k.wait.Go(func() { k.Ledger.Write(ctx, writer, to.Name, at) })
}

// Rest ends the writers; what they wrote stays in the ledger.
func (k *Clients) Rest() {
	if k == nil || k.cancel == nil {
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
