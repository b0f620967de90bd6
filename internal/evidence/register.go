package evidence

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Register is a history of random reads, writes and compare-and-sets of some
// keys, by clients that may go different ways. It may be used by many goroutines
// at once.
//
// Every operation is one statement, and so one transaction, at READ COMMITTED.
// That is enough for PostgreSQL itself to be linearizable for each key. A read
// has one snapshot, taken between question and answer, in which every transaction
// is visible that was acknowledged before: a transaction becomes visible, then
// its locks are released, then it is acknowledged. A writer holds the row's lock
// until it is visible, so writes of one key take effect in the order of their
// commits. A compare-and-set that had to wait for the lock evaluates its
// condition again with the newest version of the row, and one that did not find
// its condition true is a read of its snapshot. Only operations of several
// statements, or about several keys at once, would need more: those see several
// snapshots, or have no lock in common.
//
// Waiting for synchronous standbys comes before a transaction becomes visible, so
// nobody reads what may yet be lost, but for two ways of PostgreSQL: a master that
// crashed and starts again shows what waited, and so does one that was told to
// cancel the wait. Clients therefore cancel nothing.
type Register struct {
	// These are to be changed before the first use only.
	Pace   Pace
	Table  string        // and Table_log
	Keys   int           // in use at one time
	PerKey int           // operations, on average; then fresh keys are used
	Limit  time.Duration // of Check's search for an order
	// StaleStandbys leaves reads out of the history that a standby answered. They are
	// counted all the same.
	StaleStandbys bool

	seed    uint64
	mu      sync.Mutex
	base    time.Time
	running int
	drawn   int64       // the number of the last operation
	clients int         // numbers of clients given out
	ops     []operation // in the order of their ends
}

// kind is what an operation does.
type kind uint8

const (
	read kind = iota
	write
	compareAndSet
)

// outcome is what a client knows of its operation.
type outcome uint8

const (
	unknown outcome = iota // it may take effect at any time later, or never
	refused                // the server said that it had no effect
	done
	unequal // a compare-and-set that found another value
)

// operation is one of them. A write's value is the operation's own number, so
// that a value says who wrote it; a key that nobody wrote has 0.
type operation struct {
	id, key  int64
	old      int64 // what compareAndSet compares with
	value    int64 // written or read
	sent, at time.Duration
	client   int32
	kind     kind
	outcome  outcome
	standby  bool // a standby answered
}

// NewRegister is a register of five keys, whose clients ask every 20 ms. What
// they ask is drawn from the seed and the client's name.
func NewRegister(seed uint64) *Register {
	return &Register{
		Pace: Pace{
			Statement: 20 * time.Millisecond, Answer: 3 * time.Second,
			Connect: 2 * time.Second, Reconnect: 50 * time.Millisecond,
		},
		Table: "register", Keys: 5, PerKey: 300, Limit: time.Minute,
		seed: seed, base: time.Now(),
	}
}

func (r *Register) table() string { return pgx.Identifier{r.Table}.Sanitize() }
func (r *Register) log() string   { return pgx.Identifier{r.Table + "_log"}.Sanitize() }

func (r *Register) client(answer time.Duration) client {
	pace := r.Pace
	if answer > 0 {
		pace.Answer = answer
	}
	return client{name: r.Table, pace: pace, stays: true}
}

// Prepare creates the tables on the master, and fails if there are some.
func (r *Register) Prepare(ctx context.Context, dsn string) error {
	return r.client(0).create(ctx, dsn, "create table "+r.table()+
		" (key bigint primary key, value bigint not null); create table "+r.log()+" (id bigint primary key)")
}

// Run is one client: it asks until ctx ends, and connects again when it must. dsn
// is asked at each connect, and may be empty. answer is its patience with a
// statement; 0 is the pace's. It talks to whatever server answers: one that is no
// master must be seen, not avoided.
func (r *Register) Run(ctx context.Context, name string, answer time.Duration, dsn func() string) {
	r.count(1)
	defer r.count(-1)
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(name))
	d := &dice{rand: rand.New(rand.NewPCG(r.seed, hash.Sum64())), seen: map[int64]int64{}, client: r.newClient()}
	c := r.client(answer)
	c.run(ctx, dsn, func(s *session) error {
		op := r.draw(d)
		err := r.perform(ctx, c.pace.Answer, s, &op)
		r.note(&op, err, s.warned)
		if op.outcome == unknown && op.kind != read {
			d.client = r.newClient() // for this one the operation goes on
		}
		if op.outcome == done {
			d.seen[op.key] = op.value
		}
		return err
	})
}

func (r *Register) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running += n
}

func (r *Register) newClient() int32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clients++
	return int32(r.clients - 1)
}

// dice is what a client draws from.
type dice struct {
	rand   *rand.Rand
	seen   map[int64]int64 // the last value of each key
	client int32
}

// draw chooses an operation. Keys are replaced by fresh ones after a while: the
// search for an order takes memory with the square of a key's operations, and
// time with those that may take effect at any time later.
func (r *Register) draw(d *dice) operation {
	r.mu.Lock()
	r.drawn++
	id := r.drawn
	r.mu.Unlock()
	generation := (id - 1) / int64(r.Keys*r.PerKey)
	op := operation{id: id, key: generation*int64(r.Keys) + d.rand.Int64N(int64(r.Keys)), client: d.client}
	switch n := d.rand.IntN(10); {
	case n < 5:
		op.kind = read
	case n < 8 && d.seen[op.key] != 0:
		op.kind, op.old, op.value = compareAndSet, d.seen[op.key], id
	default:
		op.kind, op.value = write, id
	}
	op.sent = time.Since(r.base)
	return op
}

// perform asks the server. That a write took effect is recorded in the same
// statement, so that it is known afterwards of those without an answer.
func (r *Register) perform(ctx context.Context, answer time.Duration, s *session, op *operation) error {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	var tag pgconn.CommandTag
	var err error
	switch op.kind {
	case read:
		return s.QueryRow(ctx, "select coalesce((select value from "+r.table()+
			" where key = $1), 0), pg_is_in_recovery()", op.key).Scan(&op.value, &op.standby)
	case write:
		_, err = s.Exec(ctx, "with w as (insert into "+r.table()+` values ($1, $2)
			on conflict (key) do update set value = excluded.value returning 1)
			insert into `+r.log()+" select $2 from w", op.key, op.value)
	case compareAndSet:
		tag, err = s.Exec(ctx, "with w as (update "+r.table()+` set value = $2
			where key = $1 and value = $3 returning 1)
			insert into `+r.log()+" select $2 from w", op.key, op.value, op.old)
		if err == nil && tag.RowsAffected() == 0 {
			op.outcome = unequal
		}
	}
	return err
}

// note records an operation that has ended for its client. Only an ERROR aborts a
// transaction for certain; a FATAL may come after its commit, and a WARNING says
// that it may be committed here alone. A read is a read with any warning.
func (r *Register) note(op *operation, err error, warned bool) {
	var said *pgconn.PgError
	switch {
	case errors.As(err, &said) && said.SeverityUnlocalized == "ERROR":
		op.outcome = refused
	case err != nil || warned && op.kind != read:
		op.outcome = unknown
	case op.outcome != unequal:
		op.outcome = done
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	op.at = time.Since(r.base)
	r.ops = append(r.ops, *op)
}
