package evidence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"
)

// RegisterVerdict is what a history shows. One that was not judged has not passed.
type RegisterVerdict struct {
	Ops     int // by all clients, whatever their outcome
	Unknown int // writes without an answer; the data told their outcome afterwards
	Refused int
	Standby int // reads that a standby answered, stale or not
	Lost    int // writes that were acknowledged, or read by a client, and are not there

	Judged       bool // an order was searched for, and there is one, or none
	Linearizable bool
	Info         string // why not, and the first operations that say so

	shown *porcupine.LinearizationInfo
}

func (v RegisterVerdict) String() string {
	result := "not judged"
	switch {
	case v.Judged && v.Linearizable:
		result = "linearizable"
	case v.Judged:
		result = "not linearizable"
	}
	s := fmt.Sprintf("%s: %d operations, %d writes without an answer, %d refused, %d reads by a standby, %d lost",
		result, v.Ops, v.Unknown, v.Refused, v.Standby, v.Lost)
	if v.Info != "" {
		s += "\n" + v.Info
	}
	return s
}

// found is what the data says after the end.
type found struct {
	written    map[int64]bool  // numbers of writes
	values     map[int64]int64 // by key
	sent, read time.Duration   // when values were read
}

// Check says whether the history is linearizable. It is to be called after all
// clients have ended, with the address of the one master, which must stay so
// until Check returns.
//
// Operations without an answer are known by what is in the data, which is right
// only if none of them takes effect later. Check ends what sessions of them are
// left on the master. What it cannot see is the caller's to ensure: that data of
// no other server will become the group's, so each one must have become a slave
// of this master, or have ended for good.
func (r *Register) Check(ctx context.Context, dsn string) (RegisterVerdict, error) {
	r.mu.Lock()
	ops, running := slices.Clone(r.ops), r.running
	r.mu.Unlock()
	if running > 0 {
		return RegisterVerdict{}, fmt.Errorf("cannot check a register that %d clients still use", running)
	}
	f, err := r.find(ctx, dsn)
	if err != nil {
		return RegisterVerdict{}, fmt.Errorf("cannot read the register: %w", err)
	}
	return judge(ops, f, r.Limit, r.StaleStandbys), nil
}

// find ends old sessions, then reads what there is.
func (r *Register) find(ctx context.Context, dsn string) (*found, error) {
	s, err := r.client(0).connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	defer s.quit()
	var standby bool
	if err := s.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&standby); err != nil {
		return nil, err
	}
	if standby {
		return nil, errors.New("the server is a standby, which may lack what its master has")
	}
	for left := 1; left > 0; {
		// Clients send nothing before they are logged in, and are listed then.
		err := s.QueryRow(ctx, `select count(pg_terminate_backend(pid)) from pg_stat_activity
			where application_name = $1 and pid <> pg_backend_pid()`, r.Table).Scan(&left)
		if err == nil && left > 0 {
			err = sleep(ctx, 10*time.Millisecond)
		}
		if err != nil {
			return nil, err
		}
	}
	f := &found{written: map[int64]bool{}, values: map[int64]int64{}, sent: time.Since(r.base)}
	var key, value, id int64
	if err := each(ctx, s, "select key, value from "+r.table(), []any{&key, &value}, func() {
		f.values[key] = value
	}); err != nil {
		return nil, err
	}
	f.read = time.Since(r.base)
	return f, each(ctx, s, "select id from "+r.log(), []any{&id}, func() { f.written[id] = true })
}

// each calls take for each row.
func each(ctx context.Context, s *session, sql string, row []any, take func()) error {
	rows, err := s.Query(ctx, sql)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, row, func() error {
		take()
		return nil
	})
	return err
}

// judge holds a history against the data after the end.
func judge(ops []operation, f *found, limit time.Duration, stale bool) RegisterVerdict {
	v := RegisterVerdict{Ops: len(ops)}
	v.tally(ops, f)
	if v.Lost > 0 {
		return v
	}
	if stale {
		ops = slices.DeleteFunc(ops, func(op operation) bool { return op.kind == read && op.standby })
	}
	histories := history(ops, f)
	deadline := time.Now().Add(limit)
	for _, key := range slices.Sorted(maps.Keys(histories)) {
		result, info := porcupine.CheckOperationsVerbose(model, histories[key],
			max(time.Until(deadline), time.Nanosecond)) // 0 would be no limit
		switch result {
		case porcupine.Illegal:
			v.Judged, v.shown = true, &info
			v.Info = fmt.Sprintf("there is no order for the %d operations of key %d", len(histories[key]), key)
			return v
		case porcupine.Unknown:
			v.Info = fmt.Sprintf("no order was found or excluded within %v, at key %d", limit, key)
			return v
		}
	}
	v.Judged, v.Linearizable = true, true
	return v
}

// tally counts outcomes. A value that a client has read, and that is not there,
// is as lost as an acknowledged one.
func (v *RegisterVerdict) tally(ops []operation, f *found) {
	seen := map[int64]bool{}
	for i := range ops {
		if op := &ops[i]; op.kind == read && op.outcome == done {
			seen[op.value] = true
			if op.standby {
				v.Standby++
			}
		}
	}
	var lost []string
	for i := range ops {
		op := &ops[i]
		switch {
		case op.outcome == refused:
			v.Refused++
		case op.outcome == unknown && op.kind != read:
			v.Unknown++
		}
		if op.kind == read || op.outcome == unequal || f.written[op.id] {
			continue
		}
		if op.outcome == done || seen[op.id] {
			v.Lost++
			if len(lost) < named {
				lost = append(lost, "lost: "+op.String())
			}
		}
	}
	v.Info = strings.Join(lost, "\n")
}

// Visualize writes a page that shows what of a history is not linearizable, for a
// browser. It fails if there is nothing to show.
func (v RegisterVerdict) Visualize(path string) error {
	if v.shown == nil {
		return errors.New("cannot show a violation: none was found")
	}
	if err := porcupine.VisualizePath(model, *v.shown, path); err != nil {
		return fmt.Errorf("cannot show a violation: %w", err)
	}
	return nil
}
