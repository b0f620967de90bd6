package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/grpc/connectivity"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// short is a deadline that a request is meant to miss.
const short = 300 * time.Millisecond

func through(t *testing.T, relays ...*etcdtest.Relay) Config {
	t.Helper()
	c := config(t)
	c.Endpoints = nil
	for _, r := range relays {
		c.Endpoints = append(c.Endpoints, "http://"+r.Addr())
	}
	return c
}

func readMaster(s *Store) func(context.Context, int) (kv.Outcome, error) {
	return func(ctx context.Context, attempt int) (kv.Outcome, error) {
		var x kv.Txn
		x.Get(kv.Master)
		_, _, outcome, err := s.Txn(ctx, &x, attempt)
		return outcome, err
	}
}

func TestUnreachableEtcdIsNoErrorOfOpen(t *testing.T) {
	port, err := etcdtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	srv := etcdtest.Options{ClientPort: port}
	c := config(t)
	c.Endpoints = []string{"http://127.0.0.1:" + itoa(port)}
	c.Username, c.Password = "u", secret // a login must not be waited for either
	s := open(t, c)
	_, _, outcome, err := s.Grant(within(t, short), time.Second)
	expect(t, kv.Unknown, outcome, err, "connection refused", "no answer in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not a missed deadline", err)
	}
	_, outcome, err = s.Revoke(within(t, short), 1)
	expect(t, kv.Unknown, outcome, err)
	_, _, outcome, err = s.KeepAlive(within(t, short), 1, 0)
	expect(t, kv.Unknown, outcome, err)
	_, _, outcome, err = s.List(within(t, short))
	expect(t, kv.Unknown, outcome, err)
	end := s.Watch(within(t, short), 1, nil)
	expect(t, kv.Unknown, end.Outcome, end.Err)

	etcdtest.MustStart(t, srv)
	eventually(t, patience, readMaster(s))
}

func TestExecutedWithoutReplyIsUnknown(t *testing.T) {
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	s := open(t, through(t, relay))
	eventually(t, patience, readMaster(s))

	for _, tt := range []struct {
		name string
		end  func(cancel context.CancelFunc)
	}{
		{"deadline", func(context.CancelFunc) {}},
		{"cut", func(context.CancelFunc) { relay.Cut() }},
		{"canceled", func(cancel context.CancelFunc) { cancel() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key := kv.NodeKey(tt.name)
			var x kv.Txn
			x.IfCreate(key, 0)
			x.Put(key, kv.Record{State: "ready"}, 0)
			x.Get(key)
			relay.Hold(false, true)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			executed := make(chan bool, 1)
			go func() {
				executed <- appears(t, s.Prefix()+tt.name)
				tt.end(cancel)
			}()
			_, _, outcome, err := s.Txn(ctx, &x, 0)
			expect(t, kv.Unknown, outcome, err)
			if !<-executed {
				t.Error("etcd has not executed the transaction")
			}
			relay.Hold(false, false)
			eventually(t, patience, readMaster(s))
		})
	}
}

// appears waits until etcd has the key.
func appears(t *testing.T, key string) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		resp, err := shared.admin.Get(t.Context(), key)
		if err == nil && resp.Count == 1 {
			return true
		}
	}
	return false
}

func TestStoppedEtcdIsUnknownAndComesBack(t *testing.T) {
	srv := etcdtest.MustStart(t, etcdtest.Options{})
	c := config(t)
	c.Endpoints = []string{srv.Endpoint()}
	s := open(t, c)
	lease := mustGrant(t, s, 60*time.Second)
	ended := make(chan WatchEnd, 1)
	out := make(chan Batch, 100)
	go func() { ended <- s.Watch(t.Context(), 1, out) }()
	<-out // the watch stands

	srv.Stop()
	end := <-ended
	expect(t, kv.Unknown, end.Outcome, end.Err)
	_, _, outcome, err := s.KeepAlive(within(t, short), lease, 0)
	expect(t, kv.Unknown, outcome, err)
	var x kv.Txn
	x.Put(kv.Control, kv.Record{Raw: "{}"}, 0)
	x.Get(kv.Control)
	_, _, outcome, err = s.Txn(within(t, short), &x, 1)
	expect(t, kv.Unknown, outcome, err)

	if err := srv.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func(ctx context.Context, attempt int) (kv.Outcome, error) {
		_, _, outcome, err := s.KeepAlive(ctx, lease, attempt)
		return outcome, err
	})
}

func TestAttemptsRotateOverEndpoints(t *testing.T) {
	a, b := etcdtest.MustRelay(t, shared.server.Addr()), etcdtest.MustRelay(t, shared.server.Addr())
	s := open(t, through(t, a, b))
	lease := mustGrant(t, s, 60*time.Second)
	for _, l := range s.lanes {
		if !l.awaitReady(within(t, patience)) {
			t.Fatal("not connected")
		}
	}
	s.good.Store(0)

	a.Hold(true, true)
	_, _, outcome, err := s.KeepAlive(within(t, short), lease, 0)
	expect(t, kv.Unknown, outcome, err, a.Addr())
	_, _, outcome, err = s.KeepAlive(within(t, patience), lease, 1)
	expect(t, kv.OK, outcome, err)
	// The endpoint that answered is now the first choice.
	_, _, outcome, err = s.KeepAlive(within(t, patience), lease, 0)
	expect(t, kv.OK, outcome, err)
	// The other is left alone as long as there is a better one.
	_, _, outcome, err = s.KeepAlive(within(t, patience), lease, 1)
	expect(t, kv.OK, outcome, err)

	// Requests without a number rotate by themselves.
	s.good.Store(0)
	s.lanes[0].setSuspect(false)
	_, _, outcome, err = s.List(within(t, short))
	expect(t, kv.Unknown, outcome, err, a.Addr())
	_, _, outcome, err = s.List(within(t, patience))
	expect(t, kv.OK, outcome, err)

	// When all have failed, the attempts still take turns.
	b.Hold(true, true)
	_, _, outcome, err = s.KeepAlive(within(t, short), lease, 0)
	expect(t, kv.Unknown, outcome, err, b.Addr())
	_, _, outcome, err = s.KeepAlive(within(t, short), lease, 1)
	expect(t, kv.Unknown, outcome, err, a.Addr())
	a.Hold(false, false)
	eventually(t, patience, readMaster(s))
}

func TestDeadEndpointCostsNothing(t *testing.T) {
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	port, err := etcdtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	c := through(t, relay)
	c.Endpoints = append([]string{"http://127.0.0.1:" + itoa(port)}, c.Endpoints...)
	s := open(t, c)
	for attempt := range 4 {
		outcome, err := readMaster(s)(within(t, patience), attempt)
		expect(t, kv.OK, outcome, err)
	}
}

// A connection that something on the way has forgotten, while TCP still
// acknowledges everything, is noticed by nobody but us.
func TestForgottenConnectionIsReplaced(t *testing.T) {
	t.Parallel()
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	s := open(t, through(t, relay))
	for _, l := range s.lanes {
		if !l.awaitReady(within(t, patience)) {
			t.Fatal("not connected")
		}
	}
	relay.Freeze()
	outcome, err := readMaster(s)(within(t, short), 0)
	expect(t, kv.Unknown, outcome, err)
	eventually(t, patience, readMaster(s))
}

// TestWhoWaitsFollowsAReplacedConnection: etcd is away for so long that every
// connection is replaced, while a watch, which has no deadline, waits for one.
func TestWhoWaitsFollowsAReplacedConnection(t *testing.T) {
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	relay.Hold(true, true)
	s := open(t, through(t, relay))
	out, ended := make(chan Batch), make(chan WatchEnd, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- s.Watch(ctx, 1, out) }()
	old := s.lanes[0].conn()
	for state := old.GetState(); state != connectivity.Connecting; state = old.GetState() {
		old.WaitForStateChange(within(t, patience), state)
	}
	time.Sleep(short) // the more, the surer it waits by now; any time must do
	for _, l := range s.lanes {
		l.mu.Lock()
		l.waiting = time.Now().Add(-2 * stall)
		l.mu.Unlock()
		if !l.silent() {
			t.Fatal("the connection was not replaced")
		}
	}
	relay.Hold(false, false)
	select {
	case <-out:
	case <-within(t, patience).Done():
		t.Error("the watch does not come")
	}
	cancel()
	go func() {
		for range out { // what was on its way
		}
	}()
	<-ended
	close(out)
}

func TestCloseEndsEverything(t *testing.T) {
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	s := open(t, through(t, relay))
	eventually(t, patience, readMaster(s))
	relay.Hold(false, true)
	done := make(chan kv.Outcome, 2)
	go func() {
		outcome, _ := readMaster(s)(t.Context(), 0)
		done <- outcome
	}()
	go func() { done <- s.Watch(t.Context(), 1, make(chan Batch)).Outcome }()
	s.Close()
	for range 2 {
		select {
		case outcome := <-done:
			if outcome != kv.Unknown {
				t.Errorf("a request ended as %v", outcome)
			}
		case <-time.After(patience):
			t.Fatal("a request outlives the store")
		}
	}
	s.Close()
}
