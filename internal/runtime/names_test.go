package runtime

import (
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// TestNameTaken: of two nodes with one name the second gives up, and says who
// has the name.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	g.seed(1)
	g.start("a", nodeOptions{})
	m := g.awaitMaster("a")
	second := g.start("a", nodeOptions{})
	second.expectExit(78)
	second.expectLogged("msg=ends", "another incarnation holds this name",
		"lease="+m.Lease.String(), "MSDHA_NAME")
	if after := g.item(kv.Master); after != m {
		t.Errorf("_master was %+v and is %+v", m, after)
	}
	if got := len(g.entries("a", "start")); got != 1 {
		t.Errorf("%d main processes were started", got)
	}
}

// TestRestartWithinTTL: a crashed node that comes back at once waits until its
// earlier incarnation has ended, and is a slave then.
func TestRestartWithinTTL(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	a, _ := g.pair(nodeOptions{})
	old := g.item(kv.NodeKey("a"))
	a.kill()
	if now := g.item(kv.NodeKey("a")); now != old {
		t.Fatalf("the crash gave something back: %+v", now)
	}
	if _, is := a.file("is_master"); !is {
		t.Error("the crash removed is_master")
	}
	a = g.start("a", nodeOptions{})
	a.awaitLog("to=NameTaken")
	if _, is := a.file("is_master"); is {
		t.Error("is_master is stale")
	}
	g.awaitMaster("b")
	g.awaitState("a", "ready")
	now := g.item(kv.NodeKey("a"))
	if now.Lease == old.Lease || now.Create <= old.Mod {
		t.Errorf("the key was overwritten: %+v, then %+v", old, now)
	}
}

// TestNameWithoutLease: such a key never ends by itself.
func TestNameWithoutLease(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 30*time.Second)
	g.put("a", "ready", 0)
	a := g.start("a", nodeOptions{})
	a.expectExit(78)
	a.expectLogged("msg=ends", "lease=0", "etcdctl del "+g.key("a"))
	if got := g.state("a"); got != "ready" {
		t.Errorf("the key says %q now", got)
	}
}

// TestWrongNames: what would be a key of another kind.
func TestWrongNames(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	for _, name := range []string{"_master", "a/b", "a b", ".."} {
		a := g.start("n", nodeOptions{env: []string{"MSDHA_NAME=" + name}})
		a.expectExit(78)
		a.expectLogged("msg=configuration", "MSDHA_NAME", name)
		f := g.frontend("f", "MSDHA_NAME="+name)
		f.expectExit(78)
		f.expectLogged("msg=configuration", "MSDHA_NAME", name)
	}
	resp, err := g.admin.Get(within(t), g.key(""), prefixed)
	g.must(err)
	if len(resp.Kvs) != 0 {
		t.Errorf("keys were written: %v", resp.Kvs)
	}
}

// TestBadEnvironment: every fault at once, and nothing started.
func TestBadEnvironment(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	a := g.start("a", nodeOptions{env: []string{
		"MSDHA_TTL=soon", "MSDHA_PUBLISH=never", "ETCDCTL_ENDPOINTS=ftp://u:" + password + "@x",
		"MSDHA_HOLD=3", "MSDHA_TTTL=3",
	}})
	a.expectExit(78)
	for _, variable := range []string{"MSDHA_TTL", "MSDHA_PUBLISH", "ETCDCTL_ENDPOINTS", "MSDHA_HOLD"} {
		if got := a.logged("level=ERROR", "msg=configuration", variable+"="); len(got) != 1 {
			t.Errorf("%d lines about %s: %s", len(got), variable, strings.Join(got, "\n"))
		}
	}
	a.expectLogged("level=WARN", "MSDHA_TTTL", "MSDHA_TTL")
	a.expectSecret(password)
	if _, exists := a.file("current_master"); exists {
		t.Error("something was started")
	}
}
