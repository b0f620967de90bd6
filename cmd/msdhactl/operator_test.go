package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/testkit"
)

// group is one in a real etcd, whose nodes are keys that tests write.
type group struct {
	*fixture
	name string
	op   *operator
	s    *session
}

func newGroup(t *testing.T, f *fixture, name string, keys ...[]handmade) *group {
	t.Helper()
	for _, k := range together(keys...) {
		f.put(t, name, k)
	}
	g := &group{fixture: f, name: name}
	g.op = &operator{environment: environment("ETCDCTL_ENDPOINTS="+f.Endpoint(), "MSDHA_GROUP="+name)}
	s, err := g.op.open(&testkit.Output{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	g.s = s
	return g
}

// msdhactl runs a command line as main does.
func (g *group) msdhactl(ctx context.Context, out *testkit.Output, line string) error {
	c := newRoot()
	for _, old := range c.Commands() {
		for _, mine := range g.op.commands() {
			if old.Name() == mine.Name() {
				c.RemoveCommand(old)
			}
		}
	}
	c.AddCommand(g.op.commands()...)
	c.SetOut(out)
	c.SetErr(out)
	words := strings.Fields(line)
	if i := strings.IndexByte(line, 0); i >= 0 { // with empty words, as shells ask for completions
		words = append(strings.Fields(line[:i]), strings.Split(line[i+1:], "\x00")...)
	}
	c.SetArgs(words)
	return c.ExecuteContext(ctx)
}

// run wants the exit code, and these parts of what is said, errors included.
func (g *group) run(t *testing.T, line string, code int, parts ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	var out testkit.Output
	err := g.msdhactl(ctx, &out, line)
	said := out.String()
	if err != nil {
		said += "error: " + err.Error()
	}
	if got := exitCode(err); got != code {
		t.Errorf("%s: exit code %d, want %d: %s", line, got, code, said)
	}
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("%s: %q lacks %q", line, said, part)
		}
	}
	return said
}

func exitCode(err error) int {
	var fails *failure
	switch {
	case err == nil:
		return 0
	case errors.As(err, &fails):
		return fails.code
	}
	return 1
}

// look reads one key; absent ones have Present false.
func (g *group) look(t testing.TB, k kv.Key) kv.Item {
	t.Helper()
	l, err := g.s.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, it := range l.items {
		if it.Key == k {
			return it
		}
	}
	return kv.Item{Key: k}
}

func (g *group) wantConfig(t *testing.T, want string) {
	t.Helper()
	it := g.look(t, kv.Config)
	if got := kv.Encode(kv.Config, it.Record); !it.Present || it.Record.Bad != "" || got != want {
		t.Errorf("_config is %s, want %s", got, want)
	}
}

func (g *group) write(t testing.TB, do func(*kv.Txn)) {
	t.Helper()
	var x kv.Txn
	do(&x)
	x.Get(kv.Config)
	result, _, outcome, err := g.s.st.Txn(t.Context(), &x, 0)
	if outcome != kv.OK || !result.Succeeded {
		t.Fatalf("%s, %v", outcome, err)
	}
}

// settle does what a master does once its database has the new list.
func (g *group) settle(t testing.TB) {
	t.Helper()
	it := g.look(t, kv.Config)
	r := it.Record
	g.write(t, func(x *kv.Txn) {
		x.IfMod(kv.Config, it.Mod)
		x.Put(kv.Config, kv.Record{
			Members: r.NextMembers, K: r.NextK, Armed: r.Armed || r.NextK > 0, Serial: r.Serial + 1,
		}, 0)
	})
}

func (g *group) eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	testkit.Eventually(t, testLimit, 20*time.Millisecond, what, check)
}

// background runs a command until end, which cancels it where it has not ended,
// and gives its exit code.
func (g *group) background(t *testing.T, line string) (out *testkit.Output, wait func() (int, error), cancel func()) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(stop)
	out = &testkit.Output{}
	done := make(chan error, 1)
	go func() { done <- g.msdhactl(ctx, out, line) }()
	return out, func() (int, error) {
		err := <-done
		return exitCode(err), err
	}, stop
}

// reigningGroup has n1 as its master, n2 and n3 ready, and n4, which is registered.
func reigningGroup() []handmade {
	return together(
		registered("n1", "master", "", 0xa1), registered("n2", "ready", "", 0xa2),
		registered("n3", "ready", "", 0xa3), registered("n4", "ready", "", 0xa4),
		[]handmade{{"_master", masterN1, 0xa1}, {"_epoch", epochN1, 0}},
	)
}

func config3(more string) []handmade {
	return []handmade{{"_config", strings.TrimSuffix(listOf3, "}") + more + "}", 0}}
}
