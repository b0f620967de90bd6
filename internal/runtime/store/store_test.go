package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
	"msdha/internal/testkit"
)

// patience is how long a test waits for what must happen; nothing is concluded
// from how fast it does.
const patience = 20 * time.Second

// shared is one etcd for all tests that do it no harm, each in a group of its own.
var shared struct {
	server *etcdtest.Server
	admin  *clientv3.Client
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if shared.server, err = etcdtest.Start(etcdtest.Options{}); err != nil {
		return 1, err
	}
	if shared.admin, err = shared.server.Client(); err != nil {
		return 1, err
	}
	code = m.Run()
	if err := shared.admin.Close(); err != nil {
		return 1, err
	}
	if err := shared.server.Close(); err != nil {
		return 1, err
	}
	if code == 0 {
		err = goleak.Find()
	}
	return code, err
}

var groups atomic.Int64

// config is for the shared etcd and a group that no other test has.
func config(t *testing.T) Config {
	t.Helper()
	return Config{
		Endpoints: []string{shared.server.Endpoint()}, Prefix: "/msdha",
		Group: fmt.Sprintf("g%d", groups.Add(1)), Logger: testLogger(t),
	}
}

func open(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, srv *etcdtest.Server) *clientv3.Client {
	t.Helper()
	c, err := srv.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// within is a context for one request that should succeed.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// eventually repeats a request, each time as another attempt, until it is OK.
func eventually(t *testing.T, d time.Duration,
	request func(ctx context.Context, attempt int) (kv.Outcome, error),
) {
	t.Helper()
	deadline := time.Now().Add(d)
	for attempt := 0; ; attempt++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		outcome, err := request(ctx, attempt)
		cancel()
		if outcome == kv.OK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not successful within %s: %v: %v", d, outcome, err)
		}
	}
}

func expect(t *testing.T, want, got kv.Outcome, err error, text ...string) {
	t.Helper()
	if got != want || (err == nil) != (want == kv.OK) {
		t.Fatalf("the outcome is %v (%v), want %v", got, err, want)
	}
	for _, s := range text {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("the error %q lacks %q", err, s)
		}
	}
}

func mustGrant(t *testing.T, s *Store, ttl time.Duration) kv.LeaseID {
	t.Helper()
	lease, _, outcome, err := s.Grant(within(t, patience), ttl)
	expect(t, kv.OK, outcome, err)
	return lease.ID
}

func put(t *testing.T, c *clientv3.Client, key, value string,
	opts ...clientv3.OpOption,
) kv.Revision {
	t.Helper()
	resp, err := c.Put(within(t, patience), key, value, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return kv.Revision(resp.Header.Revision)
}

// testLogger logs at every level and holds that no password shows up.
func testLogger(t *testing.T) *slog.Logger {
	t.Helper()
	l := &testkit.Output{}
	t.Cleanup(func() {
		if strings.Contains(l.String(), secret) {
			t.Errorf("the log has the password:\n%s", l)
		}
		if t.Failed() {
			t.Logf("log:\n%s", l)
		}
	})
	return loggerTo(l)
}

func loggerTo(l *testkit.Output) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// secret is the password in all tests.
const secret = "s3cr3t"

func itoa(n int) string { return strconv.Itoa(n) }
