package runtime

import (
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
)

// vanish is the end of a node of which nobody can say anything: all of its processes
// die in the same moment, and its lease ends.
func (g *group) vanish(n *node, lease kv.LeaseID) {
	g.t.Helper()
	n.mayEnd = true
	kill(g.t, n.guardPID(), unix.SIGSTOP)
	kill(g.t, n.agentPID(), unix.SIGKILL)
	for _, pid := range n.marked() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	n.awaitEnd()
	if _, err := g.admin.Revoke(within(g.t), clientv3.LeaseID(lease)); err != nil {
		g.t.Fatal(err)
	}
}

// TestFenceProves: a fence hook that is said to prove a death runs while the node still
// waits; its failure changes nothing, and its success ends the wait (SPEC E11).
func TestFenceProves(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 60*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{})
	old := g.awaitMaster("a")
	fence := map[string]string{"fence": `echo "$1 $MSDHA_FENCE_EPOCH $MSDHA_FENCE_INCARNATION" >>"$NODE_DIR/fenced"
		[ -e "$NODE_DIR/off" ]`}
	b := g.start("b", nodeOptions{hooks: fence, env: []string{"MSDHA_FENCE_PROVES_DEATH=true"}})
	g.awaitState("b", "ready")
	if b.has("fenced") {
		t.Error("a master that lives was fenced")
	}
	before := time.Duration(clock.Now())
	g.vanish(a, old.Record.Incarnation)
	g.awaitHook("b", "fence", 2) // it is tried again
	if e := g.item(kv.EpochKey).Record; e.Released || g.item(kv.Master).Present {
		t.Errorf("the hook failed, and the reign is released: %+v", e)
	}
	b.touch("off")
	g.awaitMaster("b")
	if at := g.awaitHook("b", "master", 1).at; at > before+g.ttl {
		t.Errorf("promoted %v after the end, although the hook had succeeded", at-before)
	}
	if h := g.item(kv.HistoryKey(old.Record.Epoch)).Record; h.By != "b" || h.How != kv.ByFence {
		t.Errorf("the history says %+v", h)
	}
	text, _ := readFile(b.dir, "fenced")
	if want := "a 2 " + old.Record.Incarnation.String() + "\n"; !strings.HasPrefix(string(text), want) {
		t.Errorf("the hook was run for %q, want %q", text, want)
	}
}

// TestFenceProvesNothing: without the variable the hook does not run before the wait is
// over, and nobody is attested.
func TestFenceProvesNothing(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 60*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{})
	old := g.awaitMaster("a")
	b := g.start("b", nodeOptions{hooks: map[string]string{"fence": ""}})
	g.awaitState("b", "ready")
	g.vanish(a, old.Record.Incarnation)
	b.awaitLog("not promoted", "it waits for twice the TTL")
	time.Sleep(time.Second)
	if e := g.item(kv.EpochKey).Record; e.Released || len(g.entries("b", "fence")) > 0 {
		t.Errorf("the hook ran, or the reign is released: %+v", e)
	}
}
