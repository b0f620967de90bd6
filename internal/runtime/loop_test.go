package runtime

import (
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/etcdtest"
)

// script is a machine that notes what it is given and does as told.
type script struct {
	t    *testing.T
	seen []fsm.Event
	last fsm.Instant
	next fsm.Instant
	end  fsm.EventKind // upon which it exits
}

func (s *script) Step(now fsm.Instant, ev *fsm.Event, out *fsm.Effects) {
	if now < s.last {
		s.t.Errorf("time goes back from %d to %d", s.last, now)
	}
	s.last = now
	s.seen = append(s.seen, *ev)
	out.List = append(out.List, fsm.Effect{Kind: fsm.Allow, Until: now})
	if ev.Kind == fsm.Tick && now >= s.next {
		s.next = fsm.Never
	}
	if ev.Kind == s.end {
		out.List = append(out.List, fsm.Effect{Kind: fsm.Exit, Code: 7}, fsm.Effect{Kind: fsm.Unroute})
	}
}

func (s *script) Next() fsm.Instant { return s.next }

// hands are a driver that notes what it is told.
type hands struct {
	loop  *loop
	done  []fsm.EffectKind
	steps int
}

func (h *hands) stepped(fsm.Instant) { h.steps++ }

func (h *hands) execute(e *fsm.Effect, _ fsm.Instant) {
	h.done = append(h.done, e.Kind)
	if e.Kind == fsm.Exit {
		h.loop.end(e.Code)
	}
}

func testLoop(t *testing.T, s *script) (*loop, *hands) {
	t.Helper()
	l, err := newLoop(s, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	h := &hands{loop: l}
	l.driver = h
	return l, h
}

// TestLoop: events in the order of posting, ticks when they are due, effects in
// their order, and nothing after the end.
func TestLoop(t *testing.T) {
	t.Parallel()
	due := fsm.Instant(clock.Now()).Add(50 * time.Millisecond)
	s := &script{t: t, next: due, end: fsm.TreeGone}
	l, h := testLoop(t, s)
	go func() {
		l.send(fsm.Event{Kind: fsm.GuardLost})
		l.send(fsm.Event{Kind: fsm.StopRequested})
		for clock.Now() < int64(due) {
			time.Sleep(time.Millisecond)
		}
		time.AfterFunc(20*time.Millisecond, func() { l.send(fsm.Event{Kind: fsm.TreeGone}) })
	}()
	if code := l.run(fsm.Event{Kind: fsm.Started}); code != 7 {
		t.Errorf("exit code %d", code)
	}
	l.send(fsm.Event{Kind: fsm.GuardLost}) // returns, and is dropped
	var kinds []fsm.EventKind
	ticked := false
	for _, ev := range s.seen {
		if ev.Kind == fsm.Tick {
			ticked = ticked || s.last >= due
			continue
		}
		kinds = append(kinds, ev.Kind)
	}
	want := []fsm.EventKind{fsm.Started, fsm.GuardLost, fsm.StopRequested, fsm.TreeGone}
	if len(kinds) != len(want) {
		t.Fatalf("events %v", kinds)
	}
	for i := range want {
		if kinds[i] != want[i] {
			t.Errorf("event %d is %v, want %v", i, kinds[i], want[i])
		}
	}
	if !ticked {
		t.Error("no tick came")
	}
	if h.steps != len(s.seen) {
		t.Errorf("%d steps were shown, of %d", h.steps, len(s.seen))
	}
	if last := h.done[len(h.done)-1]; last != fsm.Unroute {
		t.Errorf("the last effect is %v: those of the last step are all carried out", last)
	}
}

// TestLoopTakesAllSenders: more of them than there is room for.
func TestLoopTakesAllSenders(t *testing.T) {
	t.Parallel()
	s := &script{t: t, next: fsm.Never, end: fsm.TreeGone}
	l, _ := testLoop(t, s)
	const senders = 500
	for range senders {
		go l.send(fsm.Event{Kind: fsm.GuardLost})
	}
	go func() {
		for count := make(chan int); ; time.Sleep(time.Millisecond) {
			l.post(func() { go func(n int) { count <- n }(len(s.seen)) })
			if <-count > senders {
				l.send(fsm.Event{Kind: fsm.TreeGone})
				return
			}
		}
	}()
	l.run(fsm.Event{Kind: fsm.Started})
	if len(s.seen) != senders+2 {
		t.Errorf("%d events", len(s.seen))
	}
}

// TestFrontendLeavesNothing runs a frontend in this process, whose goroutines
// are counted at the end.
func TestFrontendLeavesNothing(t *testing.T) {
	t.Parallel()
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	g := newGroup(t, 2*time.Second)
	one := echo(t)
	log := NewLogger(testWriter{t}, false, slog.LevelInfo)
	defer log.Close()
	f, err := newFrontend(config.Frontend{
		Common: config.Common{
			Etcd: config.Etcd{Endpoints: []string{"http://" + relay.Addr()}}, Group: g.name, Prefix: "/msdha",
			Name: "f", TTL: 2 * time.Second, StartPatience: config.Forever,
		},
		Port: uint16(freePort(t)), HTTPListen: localPort(t),
	}, "test", log)
	g.must(err)
	code := make(chan int)
	go func() { code <- f.loop.run(fsm.Event{Kind: fsm.Started}) }()
	g.reign("a", one, 5)
	addr := &front{&program{t: t, name: "f"}, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(f.cfg.Port)))}
	s := addr.awaitSession(one)
	relay.Hold(true, true)
	s.awaitReset(t)
	f.loop.send(fsm.Event{Kind: fsm.StopRequested})
	if got := <-code; got != fsm.ExitOK {
		t.Errorf("exit code %d", got)
	}
	begun := time.Now()
	f.close()
	if took := time.Since(begun); took > patience/4 {
		t.Errorf("close took %v", took)
	}
}

// TestComplaints: a key that does not parse is worth a line when it changes.
func TestComplaints(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	log, lines := countingLogger()
	st, err := OpenStore(&config.Common{
		Etcd: config.Etcd{Endpoints: []string{shared.server.Endpoint()}}, Group: g.name, Prefix: "/msdha",
	}, log)
	g.must(err)
	defer st.Close()
	r := &requests{store: st, log: log}
	item := func(k kv.Key, mod kv.Revision, bad string) kv.Item {
		return kv.Item{Key: k, Mod: mod, Present: true, Record: kv.Record{Bad: bad}}
	}
	for i, c := range []struct {
		items []kv.Item
		want  int
	}{
		{nil, 0},
		{[]kv.Item{item(kv.Master, 5, "broken"), item(kv.NodeKey("a"), 6, "")}, 1},
		{[]kv.Item{item(kv.Master, 5, "broken")}, 1},
		{[]kv.Item{item(kv.Master, 7, "broken"), item(kv.EpochKey, 7, "broken")}, 3},
		{[]kv.Item{item(kv.Master, 8, ""), item(kv.Master, 9, "broken")}, 4},
	} {
		r.complain(c.items)
		if got := lines(); got != c.want {
			t.Errorf("after step %d: %d lines, want %d", i+1, got, c.want)
		}
	}
}
