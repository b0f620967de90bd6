package evidence

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// lived is a fabricated history: operations of key 1, times in milliseconds. The
// number of an operation is what it writes.
type lived struct {
	ops     []operation
	written []int64 // in the data at the end
	value   int64   // at the end
}

func (h *lived) op(k kind, o outcome, old, value, sent, at int64) *lived {
	op := operation{
		id: 1000 + int64(len(h.ops)), key: 1, kind: k, outcome: o, old: old, value: value,
		sent: time.Duration(sent) * ms, at: time.Duration(at) * ms, client: int32(len(h.ops)),
	}
	if k != read {
		op.id = value
	}
	h.ops = append(h.ops, op)
	return h
}

func (h *lived) write(value, sent, at int64) *lived { return h.op(write, done, 0, value, sent, at) }
func (h *lived) read(value, sent, at int64) *lived  { return h.op(read, done, 0, value, sent, at) }
func (h *lived) swap(old, value, sent, at int64) *lived {
	return h.op(compareAndSet, done, old, value, sent, at)
}

func (h *lived) end(value int64, written ...int64) *lived {
	h.value, h.written = value, written
	return h
}

func (h *lived) judge(limit time.Duration) RegisterVerdict {
	f := &found{
		written: map[int64]bool{}, values: map[int64]int64{1: h.value},
		sent: time.Hour, read: time.Hour + ms,
	}
	for _, id := range h.written {
		f.written[id] = true
	}
	return judge(h.ops, f, limit, false)
}

func TestJudge(t *testing.T) {
	const passed, violated, unjudged = "linearizable", "not linearizable", "not judged"
	h := func() *lived { return &lived{} }
	for _, c := range []struct {
		name, want string
		history    *lived
	}{
		{"nothing written", passed, h().read(0, 0, 1).end(0)},
		{"one after another", passed, h().write(1, 0, 1).read(1, 2, 3).swap(1, 2, 4, 5).read(2, 6, 7).end(2, 1, 2)},
		{"either order", passed, h().write(1, 0, 10).write(2, 0, 10).read(2, 11, 12).read(2, 13, 14).end(2, 1, 2)},
		{"a read during a write", passed, h().write(1, 0, 1).write(2, 2, 9).read(2, 3, 4).end(2, 1, 2)},
		{"back and forth", violated, h().write(1, 0, 10).write(2, 0, 10).
			read(2, 11, 12).read(1, 13, 14).end(1, 1, 2)},
		{"a stale read", violated, h().write(1, 0, 1).write(2, 2, 3).read(1, 4, 5).end(2, 1, 2)},
		{"a read before the first write took effect", violated, h().write(1, 0, 1).read(0, 2, 3).end(1, 1)},
		{"a lost update", violated, h().write(1, 0, 1).swap(1, 2, 2, 9).swap(1, 3, 2, 9).end(3, 1, 2, 3)},
		{"a lost write whose record is there", violated, h().write(1, 0, 1).write(2, 2, 3).end(1, 1, 2)},
		{"a comparison with what is there fails", violated, h().write(1, 0, 1).
			op(compareAndSet, unequal, 1, 2, 2, 3).end(1, 1)},
		{"a comparison with what is not there fails", passed, h().write(1, 0, 1).write(2, 2, 3).
			op(compareAndSet, unequal, 1, 3, 4, 5).end(2, 1, 2)},
		{"two masters", violated, h().write(1, 0, 1).write(2, 10, 11).read(2, 12, 13).read(1, 14, 15).
			read(2, 16, 17).end(2, 1, 2)},
		{"two masters, and the old one's write is lost", unjudged, h().write(1, 0, 1).write(2, 10, 11).
			write(3, 12, 13).end(2, 1, 2)},
		{"an unknown write takes effect late", passed, h().write(1, 0, 1).op(write, unknown, 0, 2, 2, 3).
			read(1, 4, 5).write(3, 6, 7).read(3, 8, 9).read(2, 10, 11).end(2, 1, 2, 3)},
		{"an unknown write takes effect once", violated, h().write(1, 0, 1).op(write, unknown, 0, 2, 2, 3).
			read(2, 4, 5).write(3, 6, 7).read(3, 8, 9).read(2, 10, 11).end(2, 1, 2, 3)},
		{"an unknown write takes effect too early", violated, h().write(1, 0, 1).read(2, 2, 3).
			op(write, unknown, 0, 2, 4, 5).end(2, 1, 2)},
		{"an unknown write is never seen, and is there", violated, h().write(1, 0, 1).
			op(compareAndSet, unknown, 7, 2, 2, 3).end(1, 1, 2)},
		{"an unknown write never takes effect", passed, h().write(1, 0, 1).op(write, unknown, 0, 2, 2, 3).
			read(1, 4, 5).end(1, 1)},
		{"a refused write never takes effect", passed, h().write(1, 0, 1).op(write, refused, 0, 2, 2, 3).end(1, 1)},
		{"an unknown read says nothing", passed, h().write(1, 0, 1).op(read, unknown, 0, 0, 2, 3).end(1, 1)},
		{"an acknowledged write is lost", unjudged, h().write(1, 0, 1).write(2, 2, 3).end(1, 1)},
		{"an unknown write was read, and is lost", unjudged, h().write(1, 0, 1).op(write, unknown, 0, 2, 2, 3).
			read(2, 4, 5).end(1, 1)},
	} {
		v := c.history.judge(time.Minute)
		if got, _, _ := strings.Cut(v.String(), ":"); got != c.want {
			t.Errorf("%s: got %v, want %s", c.name, v, c.want)
		}
		if (c.want == unjudged) != (v.Lost == 1) || (c.want == passed) != (v.Info == "") {
			t.Errorf("%s: %d lost, info %q", c.name, v.Lost, v.Info)
		}
		if err := v.Visualize(filepath.Join(t.TempDir(), "x.html")); (err == nil) != (c.want == violated) {
			t.Errorf("%s: shown: %v", c.name, err)
		}
	}
}

// TestJudgeInTime: a search that is given up has not passed.
func TestJudgeInTime(t *testing.T) {
	h := &lived{}
	written := []int64{1}
	for id := int64(2); id <= 30; id++ {
		h.write(id, 0, 500) // in any order
		written = append(written, id)
	}
	h.write(1, 0, 500).read(1, 10, 20).read(2, 30, 40).read(1, 50, 60).end(30, written...)
	v := h.judge(20 * ms)
	if v.Judged || v.Linearizable || !strings.Contains(v.Info, "within 20ms, at key 1") {
		t.Errorf("got %v", v)
	}
}

func newRegister(t *testing.T, dsn string) *Register {
	t.Helper()
	r := NewRegister(1)
	r.Pace.Statement, r.PerKey = 2*ms, 40
	if err := r.Prepare(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *Register) tried() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ops)
}

// clients4 are four clients, one of which has less patience.
func (r *Register) clients4(dsn func() string) func(context.Context) {
	return func(ctx context.Context) {
		var wait sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			wait.Go(func() { r.Run(ctx, name, 0, dsn) })
		}
		r.Run(ctx, "d", time.Second, dsn)
		wait.Wait()
	}
}

// TestRegister: PostgreSQL by itself is linearizable, and stays so for clients
// whose connections are cut.
func TestRegister(t *testing.T) {
	s := primary(t)
	r := newRegister(t, s.DSN())
	if err := r.Prepare(t.Context(), s.DSN()); err == nil {
		t.Error("tables that are there are taken for this register's")
	}
	next := 0
	during(t, r.clients4(s.DSN), func() bool {
		if n := r.tried(); n > next {
			next = n + 100
			s.Exec("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'register'")
		}
		return r.tried() > 1000
	})
	v, err := r.Check(t.Context(), s.DSN())
	if err != nil || !v.Judged || !v.Linearizable || v.Lost > 0 || v.Standby > 0 || v.Ops < 1000 {
		t.Errorf("%v, %v", v, err)
	}
	kinds := map[kind]map[outcome]int{read: {}, write: {}, compareAndSet: {}}
	for i := range r.ops {
		kinds[r.ops[i].kind][r.ops[i].outcome]++
	}
	if kinds[read][done] < 100 || kinds[write][done] < 100 || kinds[compareAndSet][done] < 50 ||
		kinds[compareAndSet][unequal] < 10 {
		t.Errorf("operations and outcomes: %v", kinds)
	}

	i := 0
	for r.ops[i].kind != write || r.ops[i].outcome != done {
		i++
	}
	s.Exec("delete from register_log where id = " + strconv.FormatInt(r.ops[i].id, 10))
	if v, err := r.Check(t.Context(), s.DSN()); err != nil || v.Judged || v.Lost != 1 {
		t.Errorf("a write was removed: %v, %v", v, err)
	}
}

// TestRegisterStandby: a client that is led to a standby reads what is stale, and
// that is not linearizable.
func TestRegisterStandby(t *testing.T) {
	s := primary(t)
	r := newRegister(t, s.DSN())
	slave := s.Standby()
	slave.Exec("select pg_wal_replay_pause()")
	during(t, func(ctx context.Context) {
		var wait sync.WaitGroup
		wait.Go(func() { r.Run(ctx, "misled", 0, slave.DSN) })
		r.Run(ctx, "a", 0, s.DSN)
		wait.Wait()
	}, func() bool { return r.tried() > 300 })
	if _, err := r.Check(t.Context(), slave.DSN()); err == nil {
		t.Error("a standby's data is taken for the master's")
	}
	v, err := r.Check(t.Context(), s.DSN())
	if err != nil || !v.Judged || v.Linearizable || v.Standby < 10 || v.Refused < 10 || v.Lost > 0 {
		t.Errorf("%v, %v", v, err)
	}
	r.StaleStandbys = true
	if v, err := r.Check(t.Context(), s.DSN()); err != nil || !v.Linearizable || v.Standby < 10 {
		t.Errorf("without what the standby answered: %v, %v", v, err)
	}
	page := filepath.Join(t.TempDir(), "violation.html")
	if err := v.Visualize(page); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "compare ") {
		t.Errorf("the page has %d bytes, %v", len(text), err)
	}
}

// TestRegisterLostUpdate: a server that now and then acknowledges a write and
// keeps the old value is caught.
func TestRegisterLostUpdate(t *testing.T) {
	s := primary(t)
	r := newRegister(t, s.DSN())
	s.Exec(`create function forget() returns trigger language plpgsql as $$ begin
			if new.value % 7 = 0 then new.value = old.value; end if;
			return new; end $$;
		create trigger forget before update on register for each row execute function forget()`)
	during(t, func(ctx context.Context) { r.Run(ctx, "a", 0, s.DSN) }, func() bool { return r.tried() > 100 })
	if v, err := r.Check(t.Context(), s.DSN()); err != nil || !v.Judged || v.Linearizable || v.Lost > 0 {
		t.Errorf("%v, %v", v, err)
	}
}

// TestRegisterUnknown: a statement that is given up is not cancelled. It waits
// behind a lock, and takes effect when its client has long gone on.
func TestRegisterUnknown(t *testing.T) {
	s := primary(t)
	r := newRegister(t, s.DSN())
	r.Keys, r.PerKey = 1, 1000
	s.Exec("insert into register values (0, 0)")
	ctx := t.Context()
	lock, err := client{name: "lock", pace: r.Pace}.connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.quit()
	if _, err := lock.Exec(ctx, "begin; update register set value = 0"); err != nil {
		t.Fatal(err)
	}
	c := r.client(60 * ms)
	hasty, err := c.connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hasty.Config().DialFunc(ctx, "unix", "/"); !errors.Is(err, errStays) { // pgx's way to cancel
		t.Errorf("it could cancel: %v", err)
	}
	late := operation{id: 1 << 40, value: 1 << 40, kind: write, client: r.newClient(), sent: time.Since(r.base)}
	err = r.perform(ctx, c.pace.Answer, hasty, &late)
	r.note(&late, err, false)
	if pause := c.pauseAfter(0, 1, err); pause != c.pace.Answer || late.outcome != unknown {
		t.Errorf("outcome %d, pause %v: %v", late.outcome, pause, err)
	}
	if _, err := lock.Exec(ctx, "commit"); err != nil {
		t.Fatal(err)
	}
	during(t, func(ctx context.Context) { r.Run(ctx, "b", 0, s.DSN) }, func() bool { return r.tried() > 50 })
	v, err := r.Check(ctx, s.DSN())
	if err != nil || !v.Judged || !v.Linearizable || v.Unknown < 1 {
		t.Errorf("%v, %v", v, err)
	}
	if f, err := r.find(ctx, s.DSN()); err != nil || !f.written[late.id] {
		t.Errorf("what was given up did not take effect: %v", err)
	}
}

// TestRegisterCheckIsLast: nobody writes any more once the data is read.
func TestRegisterCheckIsLast(t *testing.T) {
	s := primary(t)
	r := newRegister(t, s.DSN())
	ctx := t.Context()
	left, err := r.client(0).connect(ctx, s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	defer left.quit()
	if _, err := r.Check(ctx, s.DSN()); err != nil {
		t.Error(err)
	}
	if _, err := left.Exec(ctx, "select 1"); err == nil {
		t.Error("an old session goes on after the check")
	}
	during(t, func(ctx context.Context) { r.Run(ctx, "a", 0, s.DSN) }, func() bool {
		if r.tried() == 0 {
			return false
		}
		if _, err := r.Check(ctx, s.DSN()); err == nil {
			t.Error("it is checked while a client uses it")
		}
		return true
	})
}

// TestPauses: who does not cancel must not fill the server with what it gave up.
func TestPauses(t *testing.T) {
	c := NewRegister(1).client(time.Second)
	var got []time.Duration
	var pause time.Duration
	for range 6 {
		pause = c.pauseAfter(pause, 0, context.DeadlineExceeded)
		got = append(got, pause/time.Second)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 16}; !slices.Equal(got, want) {
		t.Errorf("pauses of %v s, want %v", got, want)
	}
	if p := c.pauseAfter(pause, 1, context.DeadlineExceeded); p != time.Second {
		t.Errorf("after an answer: %v", p)
	}
	if p := c.pauseAfter(pause, 0, io.EOF); p != c.pace.Reconnect {
		t.Errorf("after a connection was cut: %v", p)
	}
}
