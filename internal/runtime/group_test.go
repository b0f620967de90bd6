package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// group is a group of its own for one test: keys in some etcd, a directory, and
// the programs that were started.
type group struct {
	t        *testing.T
	name     string
	endpoint string // that programs are given
	admin    *clientv3.Client
	dir      string
	ttl      time.Duration
	env      []string // of all its programs
	deaf     bool     // what is started next writes a log that nobody reads yet
	programs []*program
}

var groups atomic.Int64

// newGroup is a group in the shared etcd. Its TTL suits tests in which no lease
// has to end.
func newGroup(t *testing.T, ttl time.Duration) *group {
	t.Helper()
	return groupIn(t, ttl, shared.server.Endpoint(), shared.admin)
}

// groupAt is a group in an etcd of the test's own.
func groupAt(t *testing.T, ttl time.Duration, srv *etcdtest.Server) *group {
	t.Helper()
	admin, err := srv.Client()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return groupIn(t, ttl, srv.Endpoint(), admin)
}

func groupIn(t *testing.T, ttl time.Duration, endpoint string, admin *clientv3.Client) *group {
	t.Helper()
	g := &group{
		t: t, name: fmt.Sprintf("g%d", groups.Add(1)), endpoint: endpoint, admin: admin,
		dir: testDir(t), ttl: ttl,
	}
	t.Cleanup(g.stop)
	return g
}

// stop asks everything to end at once, so that the waits overlap.
func (g *group) stop() {
	if g.t.Failed() {
		g.t.Logf("journal:\n%s", strings.Join(g.journal(), "\n"))
	}
	for _, p := range g.programs {
		p.cleanUp()
	}
	for _, p := range g.programs {
		p.cleanedUp()
	}
}

func (g *group) key(path string) string { return kv.Prefix("/msdha", g.name) + path }

// seed makes the group one whose last reign was released: the first claim has
// nothing to wait for then.
func (g *group) seed(epoch kv.Epoch) {
	g.t.Helper()
	g.put("_epoch", kv.Encode(kv.EpochKey, kv.Record{Epoch: epoch, Node: "seed", Released: true}), 0)
}

func (g *group) put(path, value string, lease clientv3.LeaseID) {
	g.t.Helper()
	if _, err := g.admin.Put(within(g.t), g.key(path), value, clientv3.WithLease(lease)); err != nil {
		g.t.Fatal(err)
	}
}

func (g *group) del(path string) {
	g.t.Helper()
	if _, err := g.admin.Delete(within(g.t), g.key(path)); err != nil {
		g.t.Fatal(err)
	}
}

// item reads one key.
func (g *group) item(k kv.Key) kv.Item {
	g.t.Helper()
	resp, err := g.admin.Get(within(g.t), g.key(k.Path()))
	if err != nil {
		g.t.Fatal(err)
	}
	if len(resp.Kvs) == 0 {
		return kv.Item{Key: k}
	}
	p := resp.Kvs[0]
	return kv.Item{
		Key: k, Present: true, Create: kv.Revision(p.CreateRevision), Mod: kv.Revision(p.ModRevision),
		Lease: kv.LeaseID(p.Lease), Record: kv.Decode(k, p.Value),
	}
}

// state is what the README promises to scripts; empty: no such node.
func (g *group) state(node string) string { return g.item(kv.NodeKey(node)).Record.State }

func (g *group) awaitState(node, state string) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("%s to be %q", node, state), func() bool {
		g.alive()
		return g.state(node) == state
	})
}

// awaitMaster waits until the node reigns and says so.
func (g *group) awaitMaster(node string) kv.Item {
	g.t.Helper()
	var m kv.Item
	eventually(g.t, node+" to be master", func() bool {
		g.alive()
		m = g.item(kv.Master)
		return m.Record.Node == node && g.state(node) == kv.StateMaster
	})
	return m
}

// awaitAnyMaster waits until somebody reigns.
func (g *group) awaitAnyMaster() kv.Item {
	g.t.Helper()
	var m kv.Item
	eventually(g.t, "a master", func() bool {
		g.alive()
		m = g.item(kv.Master)
		return m.Present && g.state(m.Record.Node) == kv.StateMaster
	})
	return m
}

// alive makes a test whose program ended unexpectedly fail at once.
func (g *group) alive() {
	g.t.Helper()
	for _, p := range g.programs {
		if !p.mayEnd && p.hasEnded() {
			g.t.Fatalf("%s has ended: %v", p.name, p.cmd.ProcessState)
		}
	}
}

// journal has a line for each run of a hook in the group, in order.
func (g *group) journal() []string {
	text, err := os.ReadFile(filepath.Join(g.dir, "journal"))
	if err != nil {
		return nil
	}
	lines := strings.Split(string(text), "\n")
	return lines[:len(lines)-1] // the last one may be under way
}

// entry is a line of the journal.
type entry struct {
	at      time.Duration // since boot, rounded down to hundredths
	node    string
	hook    string // with its arguments
	details string
}

func (g *group) entries(node, hook string) (found []entry) {
	g.t.Helper()
	for _, line := range g.journal() {
		f := strings.SplitN(line, "|", 4)
		if len(f) != 4 {
			g.t.Fatalf("the journal's line %q is not one", line)
		}
		at, err := strconv.ParseFloat(f[0], 64)
		if err != nil {
			g.t.Fatalf("the journal's line %q has no time", line)
		}
		e := entry{time.Duration(at * float64(time.Second)), f[1], strings.TrimSpace(f[2]), f[3]}
		name, _, _ := strings.Cut(e.hook, " ")
		if (node == "" || node == e.node) && (hook == "" || hook == name) {
			found = append(found, e)
		}
	}
	return found
}

// hooks are the hooks of a node in the order in which they ran.
func (g *group) hooks(node string) (names []string) {
	for _, e := range g.entries(node, "") {
		if !strings.HasPrefix(e.hook, "node_state_change") {
			names = append(names, e.hook)
		}
	}
	return names
}

// awaitHook waits for the nth run of a hook, counted from 1.
func (g *group) awaitHook(node, hook string, n int) entry {
	g.t.Helper()
	var found []entry
	eventually(g.t, fmt.Sprintf("run %d of %s on %s", n, hook, node), func() bool {
		g.alive()
		found = g.entries(node, hook)
		return len(found) >= n
	})
	return found[n-1]
}

// awaitNotice waits for a node_state_change with these arguments.
func (g *group) awaitNotice(node, args string) {
	g.t.Helper()
	want := "node_state_change " + args
	eventually(g.t, fmt.Sprintf("%q on %s", want, node), func() bool {
		return slices.ContainsFunc(g.entries(node, "node_state_change"), func(e entry) bool {
			return e.hook == want
		})
	})
}
