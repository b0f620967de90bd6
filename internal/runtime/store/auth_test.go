package store

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// startLocked is an etcd that demands a login: root may do everything, user
// "msdha" only what is below /msdha/. Both have the password secret+"@/".
func startLocked(t *testing.T, o etcdtest.Options) *etcdtest.Server {
	t.Helper()
	srv := etcdtest.MustStart(t, o)
	c := client(t, srv)
	err := etcdtest.EnableAuth(within(t, patience), c, secret+"@/", "msdha", secret+"@/", "/msdha/")
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

func loginTo(t *testing.T, srv *etcdtest.Server) Config {
	t.Helper()
	c := config(t)
	user := url.UserPassword("msdha", secret+"@/").String()
	c.Endpoints = []string{strings.Replace(srv.Endpoint(), "://", "://"+user+"@", 1)}
	return c
}

func TestLogin(t *testing.T) {
	srv := startLocked(t, etcdtest.Options{})
	s := open(t, loginTo(t, srv))
	lease := mustGrant(t, s, 60*time.Second)
	w := watchFrom(t, s, head(t, s).Rev+1)
	var x kv.Txn
	x.Put(kv.NodeKey("a"), kv.Record{State: "ready"}, lease)
	x.Get(kv.NodeKey("a"))
	_, h, outcome, err := s.Txn(within(t, patience), &x, 0)
	expect(t, kv.OK, outcome, err)
	if b := w.next(false); b.Header != h {
		t.Errorf("watched %+v, want %+v", b, h)
	}
	if n := s.login.count.Load(); n != 1 {
		t.Errorf("logged in %d times for five requests", n)
	}

	t.Run("member forgets its tokens", func(t *testing.T) {
		srv.Stop()
		end := w.ended()
		expect(t, kv.Unknown, end.Outcome, end.Err)
		if err := srv.Restart(); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, func(ctx context.Context, attempt int) (kv.Outcome, error) {
			_, _, outcome, err := s.KeepAlive(ctx, lease, attempt)
			return outcome, err
		})
		w := watchFrom(t, s, h.Rev)
		w.next(false)
		if n := s.login.count.Load(); n != 2 {
			t.Errorf("logged in %d times, want 2", n)
		}
	})
	t.Run("watch is refused for its token", func(t *testing.T) {
		s.login.tokens.UpdateAuthToken("expired.1")
		w := watchFrom(t, s, h.Rev)
		w.next(false)
		if n := s.login.count.Load(); n != 3 {
			t.Errorf("logged in %d times, want 3", n)
		}
	})
	t.Run("users change", func(t *testing.T) {
		root, err := clientv3.New(clientv3.Config{
			Endpoints: []string{srv.Endpoint()}, Username: "root", Password: secret + "@/",
			DialTimeout: patience,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		for _, name := range []string{"x", "y", "z"} {
			if _, err := root.UserAdd(within(t, patience), name, name); err != nil {
				t.Fatal(err)
			}
			_, _, outcome, err := s.Txn(within(t, patience), &x, 0)
			expect(t, kv.OK, outcome, err)
		}
	})
}

func TestLoginExpires(t *testing.T) {
	t.Parallel()
	srv := startLocked(t, etcdtest.Options{TokenTTL: time.Second})
	s := open(t, loginTo(t, srv))
	lease := mustGrant(t, s, 60*time.Second)
	for logins := s.login.count.Load(); s.login.count.Load() == logins; {
		<-time.After(2500 * time.Millisecond) // unused, a token lives at most twice its TTL
		_, _, outcome, err := s.KeepAlive(within(t, patience), lease, 0)
		expect(t, kv.OK, outcome, err)
	}
}

// TestLoginTakesLongerThanARequestMay is a busy etcd: a login that a request has
// not the time to wait for serves its repeats.
func TestLoginTakesLongerThanARequestMay(t *testing.T) {
	srv := startLocked(t, etcdtest.Options{LoginCost: 8})
	c := loginTo(t, srv)
	c.DialTimeout = patience // with the race detector on a busy machine a login takes seconds
	s := open(t, c)
	deadline := time.Now().Add(2 * patience)
	for attempt := 0; ; attempt++ {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // a login takes 15 at least
		_, _, outcome, err := s.List(ctx)
		cancel()
		if outcome == kv.OK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests failed, the last with: %v", attempt+1, err)
		}
	}
}

func TestRefusedLogins(t *testing.T) {
	srv := startLocked(t, etcdtest.Options{})
	tests := []struct {
		name string
		bend func(*Config)
		text []string
	}{
		{"wrong password", func(c *Config) {
			c.Endpoints, c.Username, c.Password = []string{srv.Endpoint()}, "msdha", secret
		}, []string{"authentication failed", `ETCDCTL_USER ("msdha")`}},
		{"unknown user", func(c *Config) {
			c.Endpoints, c.Username, c.Password = []string{srv.Endpoint()}, "nobody", secret
		}, []string{"authentication failed", `ETCDCTL_USER ("nobody")`}},
		{"no login", func(c *Config) { c.Endpoints = []string{srv.Endpoint()} }, []string{
			"user name is empty", "set ETCDCTL_USER",
		}},
		{"no permission", func(c *Config) { c.Prefix = "/other" }, []string{
			"permission denied", `grant the user "msdha" readwrite on /other/`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := loginTo(t, srv)
			tt.bend(&c)
			s := open(t, c)
			var x kv.Txn
			x.Delete(kv.Control)
			x.Get(kv.Control)
			_, _, outcome, err := s.Txn(within(t, patience), &x, 0)
			expect(t, kv.Failed, outcome, err, tt.text...)
			checkSecret(t, err)
			_, _, outcome, err = s.List(within(t, patience))
			expect(t, kv.Failed, outcome, err, tt.text...)
			end := s.Watch(within(t, patience), 1, nil)
			expect(t, kv.Failed, end.Outcome, end.Err, tt.text...)
			checkSecret(t, end.Err)
		})
	}
}

func checkSecret(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error has the password: %v", err)
	}
}

func TestLoginWhereNoneIsNeeded(t *testing.T) {
	c := config(t)
	c.Username, c.Password = "u", secret
	s := open(t, c)
	mustGrant(t, s, time.Second)
}
