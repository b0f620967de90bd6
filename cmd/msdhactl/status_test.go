package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/etcdtest"
)

// Read the difference before committing what this writes.
var updateStatus = flag.Bool("update-status", false, "write testdata/status anew")

// testLimit ends what should have ended by itself long before.
const testLimit = 60 * time.Second

// environment is a source with these variables and nothing else.
func environment(variables ...string) func() config.Source {
	return func() config.Source {
		return config.Source{
			Environ: variables, ReadFile: os.ReadFile,
			Hostname: func() (string, error) { return "here", nil },
		}
	}
}

// runStatus runs the command as main does.
func runStatus(t *testing.T, env func() config.Source, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	var out, errs bytes.Buffer
	c := statusCommand(env)
	c.SetOut(&out)
	c.SetErr(&errs)
	c.SetArgs(append([]string{}, args...)) // nil would mean the test's own
	err = c.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

// fixture is an etcd that tests write to by hand.
type fixture struct {
	*etcdtest.Server
	client *clientv3.Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	s, err := etcdtest.Start(etcdtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &fixture{s, c}
}

// put writes a key of the group g on a lease with a number of the test's own
// choice; 0 is none.
func (f *fixture) put(t *testing.T, group string, k handmade) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	if k.lease != 0 {
		// The hour makes what is left of it four digits, in every run.
		_, err := pb.NewLeaseClient(f.client.ActiveConnection()).LeaseGrant(ctx,
			&pb.LeaseGrantRequest{TTL: 3600, ID: k.lease})
		if err != nil && !strings.Contains(err.Error(), "lease already exists") {
			t.Fatal(err)
		}
	}
	_, err := f.client.Put(ctx, "/msdha/"+group+"/"+k.path, k.value, clientv3.WithLease(clientv3.LeaseID(k.lease)))
	if err != nil {
		t.Fatal(err)
	}
}

var varies = []struct {
	text *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`revision \d+`), "revision N"},
	{regexp.MustCompile(`"revision": \d+`), `"revision": N`},
	{regexp.MustCompile(`\b3[56]\d\d of 3600(\s+)s`), "LEFT of 3600${1}s"},
	{regexp.MustCompile(`"left_seconds": 3[56]\d\d\b`), `"left_seconds": LEFT`},
	{regexp.MustCompile(`\bends,(\s+)in (?:59m\d+|1h0m0)s(\s+)unless`), "ends,${1}in LEFT${2}unless"},
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	for _, v := range varies {
		got = v.text.ReplaceAllString(got, v.with)
	}
	path := filepath.Join("testdata", "status", name)
	if *updateStatus {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs, see go test -update-status\n--- got\n%s--- want\n%s", path, got, want)
	}
}

func TestStatus(t *testing.T) {
	f := newFixture(t)
	for _, c := range groups {
		t.Run(c.name, func(t *testing.T) {
			for _, k := range c.keys {
				f.put(t, c.name, k)
			}
			env := environment("ETCDCTL_ENDPOINTS="+f.Endpoint(), "MSDHA_GROUP="+c.name)
			text, stderr, err := runStatus(t, env)
			if err != nil || stderr != "" {
				t.Fatalf("%v, %q", err, stderr)
			}
			golden(t, c.name+".txt", text)
			for line := range strings.Lines(text) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > textWidth {
					t.Errorf("%d columns: %s", n, line)
				}
			}
			raw, _, err := runStatus(t, env, "--json")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, c.name+".json", raw)
			var back groupStatus
			if err := json.Unmarshal([]byte(raw), &back); err != nil {
				t.Fatal(err)
			}
			if (back.Master == nil) != (len(back.Why) > 0) {
				t.Errorf("master %v, but why nobody is promoted: %q", back.Master, back.Why)
			}
		})
	}
}

// failing is an environment in which there is no status to show.
type failing struct {
	name string
	env  []string
	code int
	want []string // parts of the error
}

// failures are for an etcd that demands a login, and a port without one.
func failures(endpoint string, nobody int) []failing {
	at := "ETCDCTL_ENDPOINTS=" + endpoint
	return []failing{
		{"nothing is set", nil, fsm.ExitConfig, []string{"ETCDCTL_ENDPOINTS", "MSDHA_GROUP"}},
		{
			"not built",
			[]string{at, "MSDHA_GROUP=g", "MSDHA_HOLD=5s"},
			fsm.ExitConfig,
			[]string{"MSDHA_HOLD", "not built"},
		},
		{
			"unreachable",
			[]string{
				"ETCDCTL_ENDPOINTS=http://127.0.0.1:" + itoa(nobody), "MSDHA_GROUP=g", "MSDHA_START_PATIENCE=1s",
			},
			fsm.ExitUnavailable,
			[]string{itoa(nobody), "refused"},
		},
		{"login is demanded", []string{at, "MSDHA_GROUP=g"}, fsm.ExitConfig, []string{"ETCDCTL_USER"}},
		{
			"wrong password",
			[]string{at, "MSDHA_GROUP=g", "ETCDCTL_USER=alice:wrong"},
			fsm.ExitConfig,
			[]string{"authentication failed", "ETCDCTL_PASSWORD"},
		},
		{
			"another group's keys",
			[]string{at, "MSDHA_GROUP=h", "ETCDCTL_USER=alice:alicepw"},
			fsm.ExitConfig,
			[]string{"permission denied", "/msdha/h/"},
		},
	}
}

func TestStatusFails(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	if err := etcdtest.EnableAuth(ctx, f.client, "rootpw", "alice", "alicepw", "/msdha/g/"); err != nil {
		t.Fatal(err)
	}
	nobody, err := etcdtest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range failures(f.Endpoint(), nobody) {
		t.Run(c.name, func(t *testing.T) {
			stdout, _, err := runStatus(t, environment(c.env...))
			var fails *failure
			if !errors.As(err, &fails) || fails.ExitCode() != c.code || stdout != "" {
				t.Fatalf("got %v and %q, want an error with code %d", err, stdout, c.code)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("the error %q lacks %q", err, w)
				}
			}
			if strings.Contains(err.Error(), "alicepw") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	t.Run("may read", func(t *testing.T) {
		stdout, _, err := runStatus(t, environment("ETCDCTL_ENDPOINTS="+f.Endpoint(), "MSDHA_GROUP=g",
			"ETCDCTL_USER=alice:alicepw"))
		if err != nil || !strings.Contains(stdout, "no node is registered") {
			t.Errorf("%v, %q", err, stdout)
		}
	})
}

func TestStatusHasPatience(t *testing.T) {
	f := newFixture(t)
	f.put(t, "g", handmade{"n1", "ready", 1})
	f.Stop()
	restarted := make(chan error, 1)
	go func() { restarted <- f.Restart() }()
	stdout, _, err := runStatus(t, environment("ETCDCTL_ENDPOINTS="+f.Endpoint(), "MSDHA_GROUP=g",
		"MSDHA_START_PATIENCE=50s"))
	if err != nil || !strings.Contains(stdout, "n1") {
		t.Errorf("%v, %q", err, stdout)
	}
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
}
