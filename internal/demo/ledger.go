package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// The writers' pace: a row every 20 ms, and a new connection 50 ms after one
// was lost.
const (
	writePace     = 20 * time.Millisecond
	reconnectPace = 50 * time.Millisecond
	throughCount  = 3 // writers through the frontend
)

// ack is a row that a server acknowledged as committed. The epoch is what that
// server's own data said in the same statement.
type ack struct {
	writer  string
	row     int64
	epoch   int64
	through bool // by way of the frontend
	at      time.Time
}

// ledger holds what was acknowledged, to be held against what is there later.
type ledger struct {
	mu   sync.Mutex
	acks []ack
	last time.Time // through the frontend
}

func newLedger() *ledger { return &ledger{} }

// prepare creates the table.
func (l *ledger) prepare(ctx context.Context, dsn string) error {
	c, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer c.Close(ctx) //nolint:errcheck // nothing is pending
	_, err = c.Exec(ctx, `set synchronous_commit = local;
		create table demo (writer text, row bigint, primary key (writer, row))`)
	return err
}

// startWriters starts all writers; the result waits for them to end with ctx.
func (d *demo) startWriters(ctx context.Context) func() {
	var wait sync.WaitGroup
	for i := range throughCount {
		wait.Go(func() { d.ledger.write(ctx, fmt.Sprintf("w%d", i+1), dsn(d.port), true) })
	}
	for _, n := range d.nodes {
		wait.Go(func() { d.ledger.write(ctx, "direct-"+n.name, n.dsn(), false) })
	}
	wait.Go(func() { d.showRate(ctx) })
	return wait.Wait
}

// write inserts rows for as long as it can, and connects again when it cannot.
func (l *ledger) write(ctx context.Context, writer, dsn string, through bool) {
	var row int64
	for ctx.Err() == nil {
		c, err := connect(ctx, dsn)
		if err == nil {
			row = l.session(ctx, c, writer, row, through)
			closeSoon(c)
		}
		_ = sleep(ctx, reconnectPace)
	}
}

func connect(ctx context.Context, dsn string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return pgx.Connect(ctx, dsn)
}

func closeSoon(c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_ = c.Close(ctx)
}

// session writes until the connection fails. A slave refuses, which costs the
// connection nothing: a direct writer goes on asking.
func (l *ledger) session(ctx context.Context, c *pgx.Conn, writer string, row int64, through bool) int64 {
	pace := time.NewTicker(writePace)
	defer pace.Stop()
	for ctx.Err() == nil && !c.IsClosed() {
		row++
		epoch, err := insert(ctx, c, writer, row)
		if err == nil {
			l.note(ack{writer: writer, row: row, epoch: epoch, through: through, at: time.Now()})
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
		}
	}
	return row
}

func insert(ctx context.Context, c *pgx.Conn, writer string, row int64) (epoch int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err = c.QueryRow(ctx, `insert into demo values ($1, $2)
		returning (select max(epoch) from msdha.epoch)`, writer, row).Scan(&epoch)
	return epoch, err
}

func (l *ledger) note(a ack) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acks = append(l.acks, a)
	if a.through {
		l.last = a.at
	}
}

func (l *ledger) lastThrough() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acks)
}

// gap is the longest time without an acknowledgement through the frontend that
// overlaps the span, and when the first one of an epoch above old came.
func (l *ledger) gap(from, to time.Time, old int64) (longest time.Duration, first time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last time.Time
	for _, a := range l.acks {
		if !a.through {
			continue
		}
		if !last.IsZero() && a.at.After(from) && last.Before(to) {
			longest = max(longest, a.at.Sub(last))
		}
		last = a.at
		if first.IsZero() && a.at.After(from) && a.epoch > old {
			first = a.at
		}
	}
	return longest, first
}

// rows reads all rows that are there.
func (l *ledger) rows(ctx context.Context, dsn string) (map[string]map[int64]bool, error) {
	c, err := connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer closeSoon(c)
	rows, err := c.Query(ctx, "select writer, row from demo")
	if err != nil {
		return nil, err
	}
	present := map[string]map[int64]bool{}
	var writer string
	var row int64
	_, err = pgx.ForEachRow(rows, []any{&writer, &row}, func() error {
		if present[writer] == nil {
			present[writer] = map[int64]bool{}
		}
		present[writer][row] = true
		return nil
	})
	return present, err
}

// settle counts acknowledged rows that are missing, and acknowledgements by a
// server of an old epoch after one of a later epoch: two masters.
func (l *ledger) settle(r *Report, present map[string]map[int64]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var newest int64
	for i := range l.acks { // in the order of time
		a := &l.acks[i]
		if a.epoch < newest {
			r.TwoMasters++
		}
		newest = max(newest, a.epoch)
		if !present[a.writer][a.row] {
			r.Lost++
		}
	}
	r.Acked = len(l.acks)
}

// showRate shows that clients are served, or are not.
func (d *demo) showRate(ctx context.Context) {
	const every = 2 * time.Second
	was := d.ledger.count()
	for sleep(ctx, every) == nil {
		n := d.ledger.count()
		m := d.observer.master()
		who := "nobody is master"
		if !m.published.IsZero() {
			who = fmt.Sprintf("%s is master of epoch %d", m.node, m.epoch)
		}
		d.timeline.say("    %3.0f rows/s acknowledged, %s", float64(n-was)/every.Seconds(), who)
		was = n
	}
}
