package runtime

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// laneHooks are those of a program whose data reaches as far as the file `position`
// says.
func laneHooks(more map[string]string) map[string]string {
	hooks := map[string]string{"detach": "", "position": `cat "$NODE_DIR/position"`, "follow": ""}
	for hook, body := range more {
		hooks[hook] = body
	}
	return hooks
}

// startAt starts a node with data that reaches so far.
func (g *group) startAt(name, position string, o nodeOptions) *node {
	g.t.Helper()
	o.hooks = laneHooks(o.hooks)
	n := g.prepare(name, o)
	n.write("position", position)
	return g.run(n, o)
}

// write writes a file of which a hook knows.
func (n *node) write(name, text string) {
	if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text+"\n"), 0o644); err != nil {
		panic(err)
	}
}

// lane is what ran on a node of the hooks that never overlap, in order.
func (g *group) lane(node string) (hooks []string) {
	for _, hook := range g.hooks(node) {
		switch name, _, _ := strings.Cut(hook, " "); name {
		case "detach", "position", "follow", "members", "fence", "master":
			hooks = append(hooks, hook)
		}
	}
	return hooks
}

func (g *group) expectLane(node string, want ...string) {
	g.t.Helper()
	if got := g.lane(node); !slices.Equal(got, want) {
		g.t.Errorf("%s ran %q, want %q", node, got, want)
	}
}

// TestElectionByPosition: whoever has most of the data is promoted; the others have
// taken nothing more from anybody since, and follow the new master (SPEC E7).
func TestElectionByPosition(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	a := g.startAt("a", "1 7", nodeOptions{})
	g.awaitMaster("a")
	g.startAt("b", "2 10", nodeOptions{})
	c := g.startAt("c", "2 9", nodeOptions{}) // it was a little behind
	g.awaitHook("b", "follow", 1)
	g.awaitHook("c", "follow", 1)
	since := g.item(kv.NodeInfo("b")).Record.Since
	if now := time.Now().Unix(); since < now-600 || since > now {
		t.Errorf("b is ready since %d; now is %d", since, now)
	}
	c.write("position", "2 11")
	a.kill()
	g.awaitHook("c", "master", 1)
	if r := g.item(kv.NodeInfo("b")).Record; !r.Final || r.Since != since {
		t.Errorf("a vote changed since when b is ready from %d: %+v", since, r)
	}
	g.awaitHook("b", "follow", 2)
	g.expectLane("b", "follow a a 2", "detach", "position", "follow c c 3")
	g.expectLane("c", "follow a a 2", "detach", "position", "master")
}

// TestFollowEndedBeforeDetach: a follow of a master who has gone would attach the
// node to him after all. Nothing of it is left when detach begins, which is tried
// until it succeeds (SPEC H3, E7).
func TestFollowEndedBeforeDetach(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	a := g.startAt("a", "1 7", nodeOptions{})
	g.awaitMaster("a")
	b := g.startAt("b", "2 7", nodeOptions{hooks: map[string]string{
		"follow": `[ -e "$NODE_DIR/follower" ] && exit
sh -c 'trap "" TERM; while :; do sleep 0.05; done' & echo $! >"$NODE_DIR/follower"; wait`,
		"detach": `read -r left <"$NODE_DIR/follower"; [ -e "/proc/$left" ] && echo "$left is left"
echo x >>"$NODE_DIR/tries"; [ "$(wc -l <"$NODE_DIR/tries")" -gt 2 ]`,
	}})
	eventually(t, "b to follow", func() bool {
		text, _ := readFile(b.dir, "follower")
		return strings.HasSuffix(text, "\n")
	})
	a.stop()
	g.awaitHook("b", "master", 1)
	g.expectLane("b", "follow a a 2", "detach", "detach", "detach", "position", "master")
	if got := b.logged("hook=detach", "is left"); len(got) != 0 {
		t.Errorf("a follow that was ended is left: %q", got)
	}
	b.expectLogged("hook stopped", "hook=follow")
	if got := b.logged("level=ERROR", "hook failed", "hook=detach"); len(got) != 1 {
		t.Errorf("%d lines about two failures of detach:\n%s", len(got), strings.Join(got, "\n"))
	}
	b.expectLogged("hook succeeds again", "hook=detach", "failures=2")
}

// TestLaneHookWorksInTheEnd: one that hangs is ended after its time, and one that
// was taken away is no success: a node that has not detached must not vote.
func TestLaneHookWorksInTheEnd(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 6*time.Second)
	g.seed(1)
	a := g.startAt("a", "1 7", nodeOptions{})
	g.awaitMaster("a")
	b := g.startAt("b", "2 7", nodeOptions{
		env: []string{"MSDHA_HOOK_TIMEOUT_POSITION=1s"},
		hooks: map[string]string{
			"position": `[ -e "$NODE_DIR/asked" ] || { touch "$NODE_DIR/asked"; sleep 1000; }
cat "$NODE_DIR/position"`,
		},
	})
	g.awaitHook("b", "follow", 1)
	detach := filepath.Join(b.hooks, "detach")
	g.must(os.Rename(detach, detach+".gone"))
	a.stop()
	b.awaitLog("hook failed", "hook=detach", "put it back")
	g.must(os.Rename(detach+".gone", detach))
	g.awaitHook("b", "master", 1)
	g.expectLane("b", "follow a a 2", "detach", "position", "position", "master")
	b.expectLogged("hook failed", "hook=position", "timed out")
}

// TestSeveralHooksAtOnce: whatever runs when a node is asked to stop is ended, and
// the node gives everything back.
func TestSeveralHooksAtOnce(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	g.start("a", nodeOptions{})
	g.awaitMaster("a")
	stubborn := `trap "" TERM; setsid sleep 1000 & sleep 1000`
	b := g.start("b", nodeOptions{
		hooks: map[string]string{"follow": stubborn, "monitor": stubborn, "node_state_change": "sleep 1000"},
		env:   []string{"MSDHA_MONITOR_INTERVAL=1s"},
	})
	for _, hook := range []string{"follow", "monitor", "node_state_change"} {
		g.awaitHook("b", hook, 1)
	}
	b.stop()
	for _, hook := range []string{"follow", "monitor", "node_state_change"} {
		b.expectLogged("hook stopped", "hook="+hook)
	}
	if it := g.item(kv.NodeKey("b")); it.Present {
		t.Errorf("the node's key is left: %+v", it)
	}
}

// TestDiverged: exit 75 of follow ends the node, and its next life's pre_start makes
// the data fit. Any other failure is tried again.
func TestDiverged(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	g.start("a", nodeOptions{})
	g.awaitMaster("a")
	o := nodeOptions{hooks: map[string]string{
		"pre_start": `[ -e "$NODE_DIR/diverged" ] && touch "$NODE_DIR/rewound" || :`,
		"follow": `[ -e "$NODE_DIR/rewound" ] && exit 0
[ -e "$NODE_DIR/diverged" ] && exit 75
touch "$NODE_DIR/diverged"; exit 74`,
	}}
	b := g.start("b", o)
	b.expectExit(75)
	b.expectLogged("msg=ends", "the data has diverged from the master's")
	b.expectLogged("hook failed", "hook=follow", "exit 74")
	b = g.start("b", o)
	b.awaitLog("hook succeeded", "hook=follow")
	if got := len(g.entries("b", "follow")); got != 3 {
		t.Errorf("follow ran %d times", got)
	}
	if got := g.state("b"); got != "ready" {
		t.Errorf("b is %q", got)
	}
}

// TestLaneHooksSkipped: what is not executable is no hook, and is said once.
func TestLaneHooksSkipped(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	n := g.prepare("a", nodeOptions{})
	for _, hook := range []string{"detach", "position", "follow", "members", "fence", "monitor"} {
		g.must(os.WriteFile(filepath.Join(n.hooks, hook), []byte("#!/bin/sh\nexit 1\n"), 0o644))
	}
	n = g.run(n, nodeOptions{})
	g.awaitMaster("a")
	g.start("b", nodeOptions{})
	g.awaitState("b", "ready")
	n.stop()
	g.awaitMaster("b")
	o := g.start("o", nodeOptions{hooks: map[string]string{"position": "echo 1"}})
	o.awaitLog("level=WARN", "one hook needs another", "hook=position", "missing=detach")
	for _, hook := range []string{"detach", "position", "follow", "members", "fence", "monitor"} {
		if got := n.logged("level=WARN", "hook skipped", "hook="+hook+" ", "chmod +x"); len(got) != 1 {
			t.Errorf("%d lines about %s", len(got), hook)
		}
	}
}
