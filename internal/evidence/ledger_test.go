package evidence

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"msdha/internal/pgtest"
)

const ms = time.Millisecond

// said is a fabricated acknowledgement; times are milliseconds.
type said struct {
	via                      string
	epoch, server, sent, got int64
}

func fabricate(all ...said) *Ledger {
	l := NewLedger()
	for _, a := range all {
		id := l.stream("w-"+a.via, a.via)
		l.entries = append(l.entries, entry{
			row: l.next("w-" + a.via), epoch: a.epoch, server: a.server, stream: id,
			sent: time.Duration(a.sent) * ms, at: time.Duration(a.got) * ms,
		})
	}
	return l
}

func TestTwoMasters(t *testing.T) {
	for _, c := range []struct {
		name string
		acks []said
		want int
	}{
		{"one reign", []said{{"f", 1, 7, 0, 5}, {"f", 1, 7, 10, 15}}, 0},
		{"a failover", []said{{"f", 1, 7, 0, 5}, {"f", 2, 8, 10, 15}, {"f", 2, 8, 20, 25}}, 0},
		{"sent to the old master after the new one's answer", []said{
			{"f", 1, 7, 0, 5}, {"f", 2, 8, 10, 15}, {"n1", 1, 7, 16, 20},
		}, 1},
		{"every one of them counts", []said{{"f", 3, 8, 10, 15}, {"n1", 2, 7, 16, 20}, {"n2", 1, 9, 21, 22}}, 2},
		{"merely delayed", []said{{"f", 2, 8, 10, 15}, {"n1", 1, 7, 9, 400}}, 0},
		{"sent while the new one's answer was under way", []said{{"f", 2, 8, 10, 15}, {"n1", 1, 7, 14, 20}}, 0},
		{"sent at the very moment", []said{{"f", 2, 8, 10, 15}, {"n1", 1, 7, 15, 20}}, 0},
		{"two servers under one epoch", []said{{"f", 2, 8, 10, 15}, {"n1", 2, 7, 9, 16}}, 1},
		{"a late answer hides no later proof", []said{
			{"f", 2, 8, 10, 15}, {"n1", 1, 7, 9, 16}, {"f", 2, 8, 20, 25}, {"n1", 1, 7, 26, 27},
		}, 1},
	} {
		l := fabricate(c.acks...)
		v := l.overlaps(l.entries)
		if v.TwoMasters != c.want || len(v.Overlaps) != c.want || v.Acked != len(c.acks) {
			t.Errorf("%s: %v, want %d of two masters", c.name, v, c.want)
		}
	}
}

func TestOverlapNamesBoth(t *testing.T) {
	l := fabricate(said{"f", 2, 8, 10, 15}, said{"n1", 1, 7, 16, 20})
	o := l.overlaps(l.entries).Overlaps[0]
	if o.Earlier.Via != "f" || o.Earlier.Epoch != 2 || o.Later.Writer != "w-n1" || o.Later.Row != 1 {
		t.Errorf("got %+v", o)
	}
	if d := o.Later.Sent.Sub(o.Earlier.At); d != ms {
		t.Errorf("sent %v after", d)
	}
	text := l.overlaps(l.entries).String()
	if !strings.Contains(text, "two masters: row 1 of w-n1 by way of n1: epoch 1") {
		t.Errorf("it says %q", text)
	}
}

// TestLongestGapAndOthers: when it began and ended, and who answered then.
func TestLongestGapAndOthers(t *testing.T) {
	l := fabricate(said{"f", 1, 7, 0, 100}, said{"f", 1, 7, 100, 200}, said{"n1", 1, 7, 200, 250},
		said{"f", 2, 9, 500, 700}, said{"f", 2, 9, 700, 800}, said{"n1", 3, 8, 900, 950})
	at := func(ms int64) time.Time { return l.base.Add(time.Duration(ms) * time.Millisecond) }
	for _, c := range []struct {
		from, to, begin, end int64
		via                  []string
	}{
		{150, 1000, 200, 700, []string{"f"}},
		{150, 1000, 250, 700, nil},
		{750, 1400, 800, 1400, []string{"f"}},
		{0, 150, 0, 100, []string{"f"}},
		{0, 1000, 0, 1000, []string{"nobody"}},
	} {
		begin, end := l.LongestGap(at(c.from), at(c.to), c.via...)
		if !begin.Equal(at(c.begin)) || !end.Equal(at(c.end)) {
			t.Errorf("from %d to %d by %v: from %v to %v, want from %d to %d",
				c.from, c.to, c.via, begin.Sub(l.base), end.Sub(l.base), c.begin, c.end)
		}
	}
	for via, want := range map[string]int64{"f": 9, "n1": 8, "nobody": 0} {
		if got := l.Server(via); got != want {
			t.Errorf("the last server by %s is %d, want %d", via, got, want)
		}
	}
}

func TestGap(t *testing.T) {
	l := fabricate(
		said{"f", 1, 7, 0, 100}, said{"n1", 1, 7, 0, 150}, said{"f", 1, 7, 0, 200},
		said{"n2", 2, 8, 0, 600}, said{"g", 2, 8, 0, 1000}, said{"f", 2, 8, 0, 1100},
	)
	at := func(n int64) time.Time { return l.base.Add(time.Duration(n) * ms) }
	for _, c := range []struct {
		from, to int64
		via      []string
		want     time.Duration
	}{
		{100, 1100, []string{"f"}, 900 * ms},
		{100, 1100, []string{"f", "g"}, 800 * ms},
		{100, 1100, nil, 400 * ms},
		{250, 300, []string{"f"}, 900 * ms},    // the span lies within the gap
		{50, 300, []string{"g"}, 950 * ms},     // nothing before
		{1050, 9000, []string{"g"}, 8000 * ms}, // nothing after
		{0, 5000, []string{"nobody"}, 5000 * ms},
		{100, 200, []string{"f"}, 100 * ms},
	} {
		if got := l.Gap(at(c.from), at(c.to), c.via...); got != c.want {
			t.Errorf("gap from %d to %d by way of %v: %v, want %v", c.from, c.to, c.via, got, c.want)
		}
	}
	if got := l.First(at(0), 1, "f", "g"); !got.Equal(at(1000)) {
		t.Errorf("the first of a later epoch came at %v", got.Sub(l.base))
	}
	if got := l.First(at(700), 0); !got.Equal(at(1000)) {
		t.Errorf("the first after 700 ms came at %v", got.Sub(l.base))
	}
	if got := l.First(at(0), 2); !got.IsZero() {
		t.Errorf("there is none above 2, got %v", got)
	}
}

// primary is a PostgreSQL that has the record of a reign (SPEC P4).
func primary(t *testing.T) *pgtest.Server {
	t.Helper()
	s := pgtest.Start(t)
	s.Exec(`create schema msdha; create table msdha.epoch (epoch bigint); insert into msdha.epoch values (3)`)
	return s
}

// during runs until done says so.
func during(t *testing.T, run func(context.Context), done func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { run(ctx) })
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Error("it takes over a minute")
			break
		}
		time.Sleep(5 * ms)
	}
	cancel()
	wait.Wait()
}

func TestLedger(t *testing.T) {
	s := primary(t)
	l := NewLedger()
	if err := l.Prepare(t.Context(), s.DSN()); err != nil {
		t.Fatal(err)
	}
	if err := l.Prepare(t.Context(), s.DSN()); err == nil {
		t.Error("a table that is there is taken for this ledger's")
	}
	write := func(ctx context.Context) {
		var wait sync.WaitGroup
		for _, w := range []string{"w1", "w2"} {
			wait.Go(func() { l.Write(ctx, w, "f"+w, s.DSN) })
		}
		wait.Wait()
	}
	begin := time.Now()
	during(t, write, func() bool { return l.Count("fw1") > 5 && l.Count("fw2") > 5 })
	during(t, write, func() bool { return l.Count() > 30 }) // they go on with their next row
	v, err := l.Check(t.Context(), s.DSN())
	if err != nil || v.Lost != 0 || v.TwoMasters != 0 || v.Acked != l.Count() || v.Acked != len(l.entries) {
		t.Errorf("%v, %v", v, err)
	}
	if got := l.First(begin, 2); !got.After(begin) || l.Last("fw1").Before(got) || !l.First(begin, 3).IsZero() {
		t.Errorf("the first came at %v", got)
	}
	if l.entries[0].sent >= l.entries[0].at || l.entries[0].server < 1e15 {
		t.Errorf("entry %+v", l.entries[0])
	}

	s.Exec(`delete from ledger where writer = 'w2' and row = 4; update msdha.epoch set epoch = 2`)
	during(t, write, func() bool { return l.Count("fw2") > 40 })
	v, err = l.Check(t.Context(), s.DSN())
	if err != nil || v.Lost != 1 || len(v.LostAcks) != 1 || v.LostAcks[0].Writer != "w2" || v.LostAcks[0].Row != 4 {
		t.Errorf("a row was deleted: %v, %v", v, err)
	}
	if v.TwoMasters == 0 || len(v.Overlaps) == 0 || v.Overlaps[0].Later.Epoch != 2 {
		t.Errorf("the epoch fell: %v", v)
	}
}

// TestNotAcknowledged: what fails at commit, and what was committed with a
// warning, is no acknowledgement.
func TestNotAcknowledged(t *testing.T) {
	s := primary(t)
	l := NewLedger()
	if err := l.Prepare(t.Context(), s.DSN()); err != nil {
		t.Fatal(err)
	}
	s.Exec(`create function judge() returns trigger language plpgsql as $$ begin
			if new.row % 3 = 0 then raise exception 'not that one'; end if;
			if new.row % 3 = 1 then raise warning 'perhaps'; end if;
			return null; end $$;
		create constraint trigger judge after insert on ledger deferrable initially deferred
			for each row execute function judge()`)
	during(t, func(ctx context.Context) { l.Write(ctx, "w", "f", s.DSN) }, func() bool { return l.Count() > 4 })
	if i := slices.IndexFunc(l.entries, func(e entry) bool { return e.row%3 != 2 }); i >= 0 {
		t.Errorf("row %d is taken for acknowledged", l.entries[i].row)
	}
	if v, err := l.Check(t.Context(), s.DSN()); err != nil || v.Lost != 0 {
		t.Errorf("%v, %v", v, err)
	}
}

// TestWriterGoesOn after its server refused it or was not there: addresses are
// asked for each time.
func TestWriterGoesOn(t *testing.T) {
	s := primary(t)
	l := NewLedger()
	l.Pace.Reconnect = ms
	if err := l.Prepare(t.Context(), s.DSN()); err != nil {
		t.Fatal(err)
	}
	addresses := []string{"", "host=/nowhere", "port=x"}
	dsn := func() string {
		if len(addresses) == 0 {
			return s.DSN()
		}
		next := addresses[0]
		addresses = addresses[1:]
		return next
	}
	cut := false
	during(t, func(ctx context.Context) { l.Write(ctx, "w", "f", dsn) }, func() bool {
		if l.Count() > 3 && !cut {
			cut = true
			s.Exec("select pg_terminate_backend(pid) from pg_stat_activity where query like 'insert into%'")
		}
		return l.Count() > 9
	})
	if !cut || len(addresses) > 0 {
		t.Errorf("cut %v, %d addresses left", cut, len(addresses))
	}
}
