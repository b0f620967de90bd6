package runtime

import (
	"slices"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
)

// TestFirstElection: an empty group has nobody to wait for, but cannot know it.
func TestFirstElection(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	before := time.Duration(clock.Now())
	nodes := map[string]*node{}
	for _, name := range []string{"a", "b", "c"} {
		nodes[name] = g.start(name, nodeOptions{})
	}
	m := g.awaitAnyMaster()
	first := m.Record.Node
	if at := g.awaitHook(first, "master", 1).at; at < before+2*g.ttl {
		t.Errorf("promoted %v after the start; an absent _epoch is waited for", at-before)
	}
	if e := g.item(kv.EpochKey).Record; e.Node != first || e.Epoch != m.Record.Epoch || e.Released {
		t.Errorf("the epoch %+v is not that of %+v", e, m.Record)
	}
	for name, n := range nodes {
		if name == first {
			continue
		}
		g.awaitState(name, "ready")
		eventually(t, name+" to know the master", func() bool {
			current, _ := n.file("current_master")
			address, _ := n.file("current_master_address")
			return current == first && address == first
		})
		if _, is := n.file("is_master"); is {
			t.Errorf("%s has the file is_master", name)
		}
	}
	if got := g.entries("", "master"); len(got) != 1 {
		t.Errorf("the master hook ran %d times", len(got))
	}
	want := []string{"pre_start", "start", "running_not_ready", "ready", "master"}
	if got := g.hooks(first); !slices.Equal(got, want) {
		t.Errorf("hooks of the master: %v", got)
	}
}

// TestReleasedHandover: whoever leaves in an orderly way saves the others the
// wait, which would be longer than the test waits.
func TestReleasedHandover(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 45*time.Second)
	g.seed(7)
	a := g.start("a", nodeOptions{})
	if e := g.awaitMaster("a").Record.Epoch; e != 8 {
		t.Errorf("the epoch after 7 is %d", e)
	}
	g.start("b", nodeOptions{})
	g.awaitState("b", "ready")
	a.stop()
	if m := g.awaitMaster("b"); m.Record.Epoch != 9 {
		t.Errorf("the epoch after 8 is %d", m.Record.Epoch)
	}
	if g.state("a") != "" {
		t.Error("the key of a is left")
	}
	if _, is := a.file("is_master"); is {
		t.Error("the file is_master is left")
	}
	e := g.awaitHook("b", "master", 1)
	want := "state=master epoch=9 master=b previous=a bootstrap= file=is_master current=b address=b"
	if e.details != want {
		t.Errorf("the master hook saw %q, want %q", e.details, want)
	}
	if h := g.item(kv.HistoryKey(8)).Record; h.Ended != "asked to stop" {
		t.Errorf("the history says %+v", h)
	}
	a.expectLogged("asked to stop", "signal=terminated")
	a.expectLogged("msg=ends", `cause="asked to stop"`, "code=0")
}

func TestAlwaysWait(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	g.seed(1)
	always := nodeOptions{env: []string{"MSDHA_ALWAYS_WAIT=true"}}
	a := g.start("a", nodeOptions{})
	g.awaitMaster("a")
	g.start("b", always)
	g.awaitState("b", "ready")
	before := time.Duration(clock.Now())
	a.stop()
	g.awaitMaster("b")
	if at := g.awaitHook("b", "master", 1).at; at < before+2*g.ttl {
		t.Errorf("promoted %v after the release", at-before)
	}
}

// TestNoCandidate: nodes that may not be promoted leave a group without master
// until one comes that may.
func TestNoCandidate(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	o := g.start("o", nodeOptions{env: []string{"MSDHA_CANDIDATE=false"}})
	o.awaitLog("not promoted", "it is no candidate (MSDHA_CANDIDATE=false)")
	for range 2 { // each time it sees a release, upon which it could claim at once
		c := g.start("c", nodeOptions{})
		g.awaitMaster("c")
		c.stop()
	}
	g.awaitState("o", "ready")
	if got := g.entries("o", "master"); len(got) != 0 {
		t.Error("a node that is no candidate was promoted")
	}
}

// TestPublish: what the key says while the master hook runs.
func TestPublish(t *testing.T) {
	t.Parallel()
	for when, during := range map[string]string{"before": "master", "after": "ready"} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 10*time.Second)
			g.seed(1)
			n := g.start("a", nodeOptions{
				env:   []string{"MSDHA_PUBLISH=" + when},
				hooks: map[string]string{"master": `until [ -e "$NODE_DIR/go" ]; do sleep 0.02; done`},
			})
			g.awaitHook("a", "master", 1)
			if m := g.item(kv.Master); m.Record.Node != "a" || g.state("a") != during {
				t.Errorf("during the hook: %+v, key %q", m.Record, g.state("a"))
			}
			if _, is := n.file("is_master"); !is {
				t.Error("there is no is_master during the hook")
			}
			n.touch("go")
			g.awaitMaster("a")
		})
	}
}

// TestMasterTTL: a reign is bounded, but only ends when somebody can follow.
func TestMasterTTL(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{env: []string{"MSDHA_MASTER_TTL=1s"}})
	g.awaitMaster("a")
	eventually(t, "the master TTL to be over", func() bool {
		return time.Duration(clock.Now()) > g.awaitHook("a", "master", 1).at+1500*time.Millisecond
	})
	g.alive()
	a.mayEnd = true
	g.start("b", nodeOptions{})
	a.expectExit(75)
	a.expectLogged("msg=ends", "the master TTL is over")
	g.awaitMaster("b")
}
