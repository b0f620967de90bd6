package runtime

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// notices are the node_state_changes of a node, their arguments only.
func (g *group) notices(node string) (found []string) {
	for _, e := range g.entries(node, "node_state_change") {
		found = append(found, strings.TrimPrefix(e.hook, "node_state_change "))
	}
	return found
}

// TestNotices: init first, then every change in the order of revisions, own ones
// too, nothing left out, nothing but nodes.
func TestNotices(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	g.seed(1)
	g.put("x", "resting", 0)
	g.put("deep/er", "resting", 0)
	slow := nodeOptions{hooks: map[string]string{"node_state_change": "sleep 0.05"}}
	a := g.start("a", slow)
	g.awaitMaster("a")
	// Of a node that ends at once nobody sees that it is stopping.
	b := g.start("b", nodeOptions{hooks: map[string]string{
		"start": `trap 'until [ -e "$NODE_DIR/go" ]; do sleep 0.02; done; exit' TERM
			while :; do sleep 0.02; done`,
	}})
	g.awaitState("b", "ready")
	g.put("x", "one", 0)
	g.put("_unknown", "one", 0)
	g.put("x", "two", 0)
	g.del("x")
	g.awaitNotice("b", "DELETE x")
	b.signal(syscall.SIGTERM)
	g.awaitNotice("a", "PUT b stopping")
	b.touch("go")
	b.expectExit(0)
	g.awaitNotice("a", "DELETE b")
	want := []string{
		"init a pre_start", "init x resting", "PUT a start", "PUT a running_not_ready", "PUT a ready",
		"PUT a master", "PUT b pre_start", "PUT b start", "PUT b running_not_ready", "PUT b ready",
		"PUT x one", "PUT x two", "DELETE x", "PUT b stopping", "DELETE b",
	}
	if got := g.notices("a"); !slices.Equal(got, want) {
		t.Errorf("notices of a:\n%q, want\n%q", got, want)
	}
	want = []string{
		"init a master", "init b pre_start", "init x resting", "PUT b start", "PUT b running_not_ready",
		"PUT b ready", "PUT x one", "PUT x two", "DELETE x",
	}
	if got := g.notices("b"); len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
		t.Errorf("notices of b:\n%q, want at first\n%q", got, want)
	}
	a.stop()
}

// TestNoticeEmptyState: the third argument of a DELETE is there and empty.
func TestNoticeEmptyState(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	g.put("x", "resting", 0)
	a := g.start("a", nodeOptions{hooks: map[string]string{
		"node_state_change": `echo "$# arguments: <$1> <$2> <$3>"`,
	}})
	a.awaitLog("3 arguments: <init> <x> <resting>")
	g.del("x")
	a.awaitLog("3 arguments: <DELETE> <x> <>")
}

// TestFilesShowTheChange: a hook that is told of a change finds the files as they
// are after it (SPEC H6).
func TestFilesShowTheChange(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	a, _ := g.pair(nodeOptions{env: []string{"MSDHA_ADDRESS=10.0.0.1:5432"}})
	g.awaitNotice("b", "PUT b ready")
	a.stop()
	g.awaitMaster("b")
	g.awaitNotice("b", "PUT b master")
	seen := map[string]string{}
	for _, e := range g.entries("b", "node_state_change") {
		seen[strings.TrimPrefix(e.hook, "node_state_change ")] = e.details
	}
	for notice, words := range map[string][]string{
		"init a master": {"file=-", "current=a", "address=10.0.0.1:5432"},
		"PUT b ready":   {"file=-", "current=a", "address=10.0.0.1:5432"},
		"PUT b master":  {"file=is_master", "current=b", "address=b", "epoch=3"},
	} {
		for _, w := range words {
			if !slices.Contains(strings.Fields(seen[notice]), w) {
				t.Errorf("%q found %q, without %s", notice, seen[notice], w)
			}
		}
	}
	// The release deletes _master and the key at once: by then b may reign.
	if d := seen["DELETE a"]; strings.Contains(d, "current=a") {
		t.Errorf("DELETE a found %q", d)
	}
}
