package runtime

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/etcdtest"
)

// TestEtcdRestarts: an etcd that comes back before D costs nothing.
func TestEtcdRestarts(t *testing.T) {
	t.Parallel()
	srv := etcdtest.MustStart(t, etcdtest.Options{})
	g := groupAt(t, 9*time.Second, srv)
	a, b := g.pair(nodeOptions{})
	before := g.item(kv.Master)
	srv.Stop()
	a.awaitLog("etcd request failed", "request=Check")
	g.must(srv.Restart())
	a.awaitLog("etcd request succeeds again", "request=Check")
	b.awaitLog("etcd request succeeds again", "request=WatchKeys")
	g.put("x", "resting", 0)
	g.awaitNotice("a", "PUT x resting")
	g.awaitNotice("b", "PUT x resting")
	if after := g.item(kv.Master); after != before {
		t.Errorf("_master was %+v and is %+v", before, after)
	}
	for _, n := range []*node{a, b} {
		if got := n.logged("level=WARN", "etcd request failed"); len(got) > 6 {
			t.Errorf("%d lines of failures:\n%s", len(got), strings.Join(got, "\n"))
		}
	}
}

// TestEtcdStays away: at D everybody ends, in order.
func TestEtcdStaysAway(t *testing.T) {
	t.Parallel()
	srv := etcdtest.MustStart(t, etcdtest.Options{})
	g := groupAt(t, 3*time.Second, srv)
	a, b := g.pair(nodeOptions{})
	a.mayEnd, b.mayEnd = true, true
	srv.Stop()
	for _, n := range []*node{a, b} {
		n.expectExit(75)
		n.expectLogged("to=Fenced", "deadline D passed")
		if _, is := n.file("is_master"); is {
			t.Errorf("%s has the file is_master", n.name)
		}
	}
	g.must(srv.Restart())
	before := time.Duration(clock.Now())
	g.start("a", nodeOptions{})
	g.start("b", nodeOptions{})
	if at := g.awaitHook("", "master", 2).at; at < before+2*g.ttl {
		t.Errorf("promoted %v after the return; nothing was released", at-before)
	}
}

// TestWatchLost: connections that break cost neither the lease nor a change.
func TestWatchLost(t *testing.T) {
	t.Parallel()
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	g := newGroup(t, 10*time.Second)
	g.endpoint = "http://" + relay.Addr()
	a, _ := g.pair(nodeOptions{})
	before := g.item(kv.Master)
	var want []string
	for _, state := range []string{"one", "two", "three", "four"} {
		relay.Cut()
		g.put("x", state, 0)
		g.awaitNotice("a", "PUT x "+state)
		want = append(want, "node_state_change PUT x "+state)
	}
	a.expectLogged("etcd request failed", "request=WatchKeys")
	var got []string
	for _, e := range g.entries("a", "node_state_change") {
		// After a reconnect the last change may come again (SPEC H5).
		if strings.Contains(e.hook, " x ") && (len(got) == 0 || got[len(got)-1] != e.hook) {
			got = append(got, e.hook)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("notices: %q", got)
	}
	if after := g.item(kv.Master); after != before {
		t.Errorf("_master was %+v and is %+v", before, after)
	}
}

// TestCompaction: what happened while the watch was away, and is compacted, is
// told as a difference.
func TestCompaction(t *testing.T) {
	t.Parallel()
	srv := etcdtest.MustStart(t, etcdtest.Options{})
	relay := etcdtest.MustRelay(t, srv.Addr())
	g := groupAt(t, 12*time.Second, srv)
	g.endpoint = "http://" + relay.Addr()
	g.seed(1)
	for _, key := range []string{"x", "y"} {
		g.put(key, "old", 0)
	}
	a := g.start("a", nodeOptions{})
	g.awaitMaster("a")
	g.awaitNotice("a", "init y old")
	before := g.item(kv.Master)
	relay.Freeze() // the store finds out, and connects anew
	g.put("x", "between", 0)
	g.put("z", "new", 0)
	g.del("y")
	g.put("x", "new", 0)
	resp, err := g.admin.Get(within(t), "any")
	g.must(err)
	_, err = g.admin.Compact(within(t), resp.Header.Revision, clientv3.WithCompactPhysical())
	g.must(err)
	g.awaitNotice("a", "PUT x new")
	a.expectLogged("compacted")
	var got []string
	for _, e := range g.entries("a", "node_state_change") {
		if !strings.Contains(e.hook, " a ") {
			got = append(got, strings.TrimPrefix(e.hook, "node_state_change "))
		}
	}
	want := []string{"init x old", "init y old", "DELETE y", "PUT z new", "PUT x new"}
	if !slices.Equal(got, want) {
		t.Errorf("notices %q, want %q", got, want)
	}
	if after := g.item(kv.Master); after != before {
		t.Errorf("_master was %+v and is %+v", before, after)
	}
}

// TestKeyDeletedByHand: a key that goes while its lease lives ends its owner.
func TestKeyDeletedByHand(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, victim, next string }{
		"a slave's":       {"b", "b", "a"},
		"the master's":    {"a", "a", "b"},
		"_master":         {"_master", "a", "b"},
		"its description": {"_nodes/b", "", "a"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 2*time.Second)
			a, b := g.pair(nodeOptions{})
			victim := map[string]*node{"a": a, "b": b}[c.victim]
			if victim != nil {
				victim.mayEnd = true
			}
			g.del(c.key)
			if victim != nil {
				victim.expectExit(75)
				victim.expectLogged("msg=ends", "authority lost: etcd holds other keys than ours")
			}
			g.awaitMaster(c.next)
		})
	}
}

// TestEtcdAbsent: who cannot begin says so, within its patience.
func TestEtcdAbsent(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.endpoint = "http://127.0.0.1:1"
	a := g.start("a", nodeOptions{env: []string{"MSDHA_START_PATIENCE=2s"}})
	patient := g.start("b", nodeOptions{})
	a.expectExit(69)
	a.expectLogged("msg=ends", "etcd could not be reached at start", "last_error=", "127.0.0.1:1", "refused")
	patient.awaitLog("etcd request failed")
	patient.stop()
	if got := g.hooks("a"); len(got) != 0 {
		t.Errorf("hooks ran: %v", got)
	}
}

// TestStopWithoutEtcd: an etcd that swallows everything does not hold up the end
// of a node for longer than its grace.
func TestStopWithoutEtcd(t *testing.T) {
	t.Parallel()
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	g := newGroup(t, 5*time.Second)
	g.endpoint = "http://" + relay.Addr()
	g.seed(1)
	a := g.start("a", nodeOptions{})
	g.awaitMaster("a")
	relay.Hold(true, true)
	begun := time.Now()
	a.signal(15)
	if code := a.awaitExit(); code != 0 && code != 75 { // 75: D came first
		t.Errorf("exit code %d", code)
	}
	if took := time.Since(begun); took > 3*g.ttl {
		t.Errorf("the stop took %v", took)
	}
}
