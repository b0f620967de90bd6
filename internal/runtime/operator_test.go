package runtime

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/status"
)

// TestSwitchover: the named node succeeds although another one comes before it, and
// what happened can be replayed (SPEC E6).
func TestSwitchover(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	options := func(name, priority string) nodeOptions {
		return nodeOptions{env: []string{
			"MSDHA_RECORD=" + filepath.Join(g.dir, name+".jsonl"), "MSDHA_PRIORITY=" + priority,
		}}
	}
	a := g.startAt("a", "2 5", options("a", "0"))
	g.awaitMaster("a")
	b := g.startAt("b", "2 5", options("b", "7"))
	c := g.startAt("c", "2 5", options("c", "0"))
	g.awaitHook("b", "follow", 1)
	g.awaitHook("c", "follow", 1)
	g.ask(kv.Record{Request: kv.RequestSwitchover, Epoch: 1, Node: "c"}) // of a reign that is over
	g.ask(kv.Record{Request: kv.RequestSwitchover, Epoch: 2, Node: "d"}) // who is not there
	g.put("x", "later", 0)
	g.awaitNotice("a", "PUT x later")
	a.alive()
	a.mayEnd = true
	g.ask(kv.Record{Request: kv.RequestSwitchover, Epoch: 2, Node: "c"})
	a.expectExit(75)
	a.expectLogged("msg=ends", "a switchover was asked for")
	g.awaitMaster("c")
	g.awaitHook("b", "follow", 2)
	if g.item(kv.Control).Present {
		t.Error("the claim left the request")
	}
	g.expectLane("b", "follow a a 2", "detach", "position", "follow c c 3")
	b.stop()
	c.stop()
	for _, name := range []string{"a", "b", "c"} {
		f, err := os.Open(filepath.Join(g.dir, name+".jsonl"))
		g.must(err)
		if steps, cut, err := Replay(f); steps < 20 || cut || err != nil {
			t.Errorf("%s: %d steps, cut off %v, %v", name, steps, cut, err)
		}
		_ = f.Close()
	}
}

// TestPause: nobody is promoted until somebody resumes; fencing goes on (SPEC E8).
func TestPause(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	at := localPort(t)
	a := g.startAt("a", "1 1", nodeOptions{})
	g.awaitMaster("a")
	b := g.startAt("b", "2 1", nodeOptions{env: []string{"MSDHA_HTTP_LISTEN=" + at}})
	g.awaitHook("b", "follow", 1)
	g.put("_control", kv.Encode(kv.Control, kv.Record{Request: kv.RequestPause}), 0)
	awaitStatus(t, at, "the pause to be shown", func(s *status.Backend) bool { return s.Paused && s.Follows == "a" })
	checkMetrics(t, at, "msdha_paused 1", "msdha_following 1", `msdha_hooks_total{hook="follow",result="ok"} 1`)
	a.stop()
	awaitStatus(t, at, "b to say why", says("the group is paused"))
	b.awaitLog("not promoted", "the group is paused")
	time.Sleep(200 * time.Millisecond)
	if m := g.item(kv.Master); m.Present {
		t.Errorf("promoted during a pause: %+v", m.Record)
	}
	g.expectLane("b", "follow a a 2")
	g.del("_control")
	g.awaitMaster("b")
}

// TestMonitor: a program that does not work ends as master, whatever its process
// says, and another takes over (SPEC N8).
func TestMonitor(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{
		hooks: map[string]string{"monitor": `[ ! -e "$NODE_DIR/broken" ]`},
		env:   []string{"MSDHA_MONITOR_INTERVAL=1s", "MSDHA_MONITOR_FAILURES=2"},
	})
	g.awaitMaster("a")
	g.start("b", nodeOptions{
		hooks: map[string]string{"monitor": "exit 1"}, env: []string{"MSDHA_MONITOR_INTERVAL=off"},
	})
	g.awaitState("b", "ready")
	g.awaitHook("a", "monitor", 1)
	a.mayEnd = true
	a.touch("broken")
	a.expectExit(70)
	a.expectLogged("msg=ends", "the monitor hook failed too often")
	g.awaitMaster("b")
	if got := g.entries("b", "monitor"); len(got) != 0 {
		t.Errorf("b ran a hook that is off %d times", len(got))
	}
}

// TestFence: a reign that ended without proof is fenced before anybody is promoted
// (SPEC E9).
func TestFence(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{env: []string{"MSDHA_ADDRESS=far.away:77"}})
	m := g.awaitMaster("a")
	b := g.start("b", nodeOptions{hooks: map[string]string{
		"fence": `echo "$MSDHA_FENCE_EPOCH $MSDHA_FENCE_INCARNATION $MSDHA_FENCE_ADDRESS" >>"$NODE_DIR/fenced"
[ -e "$NODE_DIR/off" ]`,
	}})
	g.awaitState("b", "ready")
	a.kill()
	g.awaitHook("b", "fence", 2)
	e := g.item(kv.EpochKey).Record
	debts, err := kv.Debts(e.Unfenced)
	if err != nil || len(debts) != 1 || debts[0].Node != "a" || debts[0].Epoch != 2 || e.Node != "b" {
		t.Errorf("while it fences _epoch is %+v, %v", e, err)
	}
	if state := g.state("b"); state != "ready" {
		t.Errorf("while it fences b is %q", state)
	}
	b.touch("off")
	g.awaitMaster("b")
	g.awaitHook("b", "master", 1)
	hooks := slices.Compact(g.lane("b"))
	if want := []string{"fence a", "master"}; !slices.Equal(hooks, want) {
		t.Errorf("b ran %q, want %q", hooks, want)
	}
	told, err := readFile(b.dir, "fenced")
	if want := "2 " + m.Record.Incarnation.String() + " far.away:77\n"; err != nil || !strings.HasPrefix(told, want) {
		t.Errorf("the hook was told %q, want %q, %v", told, want, err)
	}
	if e := g.item(kv.EpochKey).Record; e.Unfenced != "" || e.Node != "b" {
		t.Errorf("in the end _epoch is %+v", e)
	}
}

// TestReinit: the wish outlives the process, and is over once pre_start has seen
// to it.
func TestReinit(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	g.start("a", nodeOptions{})
	g.awaitMaster("a")
	o := nodeOptions{hooks: map[string]string{"pre_start": `echo "reinit=$MSDHA_REINIT" >>"$NODE_DIR/told"`}}
	b := g.start("b", o)
	g.awaitState("b", "ready")
	life := g.item(kv.NodeKey("b")).Lease
	b.mayEnd = true
	g.ask(kv.Record{Request: kv.RequestReinit, Node: "b", Incarnation: life})
	b.expectExit(75)
	b.expectLogged("msg=ends", "a new clone was asked for")
	b = g.start("b", o) // the request is still there, but for a life that is over
	g.awaitState("b", "ready")
	b.stop()
	g.start("b", o)
	g.awaitState("b", "ready")
	if told, err := readFile(b.dir, "told"); err != nil || told != "reinit=\nreinit=1\nreinit=\n" {
		t.Errorf("pre_start was told %q, %v", told, err)
	}
}
