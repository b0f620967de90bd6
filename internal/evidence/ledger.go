package evidence

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// Ack is a row that a server acknowledged as committed.
type Ack struct {
	Writer, Via string
	Row         int64
	Epoch       int64     // the server's own data said so in the same statement
	Server      int64     // microseconds of 1970 at which its postmaster began: it names the process
	Sent, At    time.Time // of the statement, and of its acknowledgement
}

func (a Ack) String() string {
	const precise = "15:04:05.000000"
	return fmt.Sprintf("row %d of %s by way of %s: epoch %d of server %d, sent %s, acknowledged %s",
		a.Row, a.Writer, a.Via, a.Epoch, a.Server, a.Sent.Format(precise), a.At.Format(precise))
}

// Ledger holds what was acknowledged, to be held against what is there later. It
// may be used by many goroutines at once. An acknowledgement takes 48 bytes.
type Ledger struct {
	// Pace, Table and Reign are to be changed before the first use only.
	Pace  Pace
	Table string
	// Reign is the SQL expression by which a server says under which epoch it
	// accepts a row. The default is our own record of it (SPEC P4); a peer's servers
	// have none, and say the timeline.
	Reign string

	mu      sync.Mutex
	base    time.Time
	streams []*stream
	rows    map[string]int64 // the last row that each writer tried
	entries []entry          // in the order of their times
}

// stream is a writer by one way.
type stream struct {
	writer, via string
	count       int
	last        time.Duration
}

// entry is an Ack in short. Times count from the ledger's base.
type entry struct {
	row, epoch, server int64
	sent, at           time.Duration
	stream             int32
}

// NewLedger is a ledger whose writers insert a row each every 20 ms into the
// table "ledger".
func NewLedger() *Ledger {
	return &Ledger{
		Pace: Pace{
			Statement: 20 * time.Millisecond, Answer: 3 * time.Second,
			Connect: 2 * time.Second, Reconnect: 50 * time.Millisecond,
		},
		Table: "ledger", Reign: "(select max(epoch) from msdha.epoch)",
		base: time.Now(), rows: map[string]int64{},
	}
}

func (l *Ledger) client() client { return client{name: l.Table, pace: l.Pace} }

func (l *Ledger) table() string { return pgx.Identifier{l.Table}.Sanitize() }

// Prepare creates the table on the master, and fails if there is one. It waits
// for no slave, since there may be none yet.
func (l *Ledger) Prepare(ctx context.Context, dsn string) error {
	return l.client().create(ctx, dsn,
		"create table "+l.table()+" (writer text, row bigint, primary key (writer, row))")
}

// Write inserts rows until ctx ends, and connects again when it must; dsn is
// asked at each connect, and may be empty while there is nothing to connect to.
// via says by what way the rows go: a frontend, or straight to a node. A writer
// that is started again goes on with its next row.
func (l *Ledger) Write(ctx context.Context, writer, via string, dsn func() string) {
	id := l.stream(writer, via)
	l.client().run(ctx, dsn, func(s *session) error {
		e := entry{row: l.next(writer), stream: id, sent: time.Since(l.base)}
		err := l.insert(ctx, s, writer, &e)
		if err == nil && !s.warned {
			l.note(e)
		}
		return err
	})
}

// insert returns the epoch of the reign under which the server accepted the row,
// and which server it was. The epoch is right because a master records it before
// it admits clients (SPEC P4), and it never gets a record of a later reign: what
// comes from another server is received by standbys only, and those accept no
// row. Under READ COMMITTED the subquery reads with the snapshot of the whole
// statement, which is taken after the statement was sent: no server whose later
// epoch is committed by then can answer with the earlier one.
//
// Success is read from ReadyForQuery, behind the commit and its wait for
// standbys: an implicit transaction commits after its CommandComplete.
func (l *Ledger) insert(ctx context.Context, s *session, writer string, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, l.Pace.Answer)
	defer cancel()
	return s.QueryRow(ctx, "insert into "+l.table()+` values ($1, $2) returning
		`+l.Reign+`,
		(extract(epoch from pg_postmaster_start_time()) * 1000000)::bigint`,
		writer, e.row).Scan(&e.epoch, &e.server)
}

func (l *Ledger) stream(writer, via string) int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.streams, func(s *stream) bool { return s.writer == writer && s.via == via })
	if i < 0 {
		i = len(l.streams)
		l.streams = append(l.streams, &stream{writer: writer, via: via})
	}
	return int32(i)
}

func (l *Ledger) next(writer string) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows[writer]++
	return l.rows[writer]
}

// note reads the clock under the lock, so that entries are in the order of their
// times. That may be later than the acknowledgement arrived, never earlier: what
// was sent after it, was sent after the acknowledgement.
func (l *Ledger) note(e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.at = time.Since(l.base)
	l.entries = append(l.entries, e)
	s := l.streams[e.stream]
	s.count++
	s.last = e.at
}

// ack spells an entry out. The caller holds the lock.
func (l *Ledger) ack(e *entry) Ack {
	s := l.streams[e.stream]
	return Ack{
		Writer: s.writer, Via: s.via, Row: e.row, Epoch: e.epoch, Server: e.server,
		Sent: l.base.Add(e.sent), At: l.base.Add(e.at),
	}
}

// lookUp reads which rows are there, as a bit set for each writer.
func (l *Ledger) lookUp(ctx context.Context, dsn string) (map[string][]uint64, error) {
	s, err := l.client().connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer s.quit()
	present := l.emptySets()
	rows, err := s.Query(ctx, "select writer, row from "+l.table())
	if err != nil {
		return nil, err
	}
	var writer string
	var row int64
	_, err = pgx.ForEachRow(rows, []any{&writer, &row}, func() error {
		if set := present[writer]; row/64 < int64(len(set)) { // else it was added just now
			set[row/64] |= 1 << (row % 64)
		}
		return nil
	})
	return present, err
}
