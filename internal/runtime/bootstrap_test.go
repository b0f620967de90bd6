package runtime

import (
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// Data hooks of a group whose data is one file. Who creates it takes its time;
// the others clone it from the master.
var dataHooks = map[string]string{
	"data": `cat "$NODE_DIR/id" 2>/dev/null || :`,
	"pre_start": `if [ -s "$NODE_DIR/id" ]; then exit; fi
if [ -n "$MSDHA_BOOTSTRAP" ]; then sleep 0.5; echo "data-$MSDHA_NAME" >"$NODE_DIR/id"; exit; fi
until [ -s "$MSDHA_RUN_DIR/current_master" ]; do sleep 0.05; done
read -r master <"$MSDHA_RUN_DIR/current_master"
cp "$NODE_DIR/../$master/id" "$NODE_DIR/id"`,
}

// TestBootstrap: of three empty nodes one creates the data, and is the first
// master; then the group is told about what it has.
func TestBootstrap(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	names := []string{"a", "b", "c"}
	for _, name := range names {
		g.start(name, nodeOptions{hooks: dataHooks})
	}
	first := g.awaitAnyMaster().Record.Node
	for _, name := range names {
		if name != first {
			g.awaitState(name, "ready")
		}
	}
	creators := 0
	for _, e := range g.entries("", "pre_start") {
		if strings.Contains(e.details, "bootstrap=1 ") {
			creators++
			if e.node != first {
				t.Errorf("%s created the data, but %s is master", e.node, first)
			}
		}
	}
	if creators != 1 {
		t.Errorf("%d nodes were told to create the data", creators)
	}
	init := g.item(kv.Initialized)
	if init.Record.DataID != "data-"+first || !init.Record.Done || init.Lease != 0 {
		t.Errorf("_initialized is %+v", init)
	}
	for _, name := range names {
		if id := g.item(kv.NodeInfo(name)).Record.DataID; id != "data-"+first {
			t.Errorf("%s has the data %q", name, id)
		}
	}
}

// TestBootstrapRepeated: who dies while it creates the data leaves the task to
// the next.
func TestBootstrapRepeated(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	hooks := map[string]string{"data": dataHooks["data"], "pre_start": "sleep 1000"}
	a := g.start("a", nodeOptions{hooks: hooks})
	g.awaitHook("a", "pre_start", 1)
	if init := g.item(kv.Initialized); !init.Record.Running || init.Record.Node != "a" {
		t.Errorf("_initialized is %+v", init)
	}
	a.kill()
	eventually(t, "its lease to end", func() bool { return !g.item(kv.Initialized).Present })
	g.start("b", nodeOptions{hooks: dataHooks})
	g.awaitMaster("b")
	if init := g.item(kv.Initialized); init.Record.DataID != "data-b" {
		t.Errorf("_initialized is %+v", init)
	}
}

// TestForeignData: a node with other data than the group's is never ready.
func TestForeignData(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	g.put("_initialized", kv.Encode(kv.Initialized, kv.Record{Done: true, DataID: "ours"}), 0)
	for name, hooks := range map[string]map[string]string{
		"foreign":  {"data": "echo theirs"},
		"dataless": {"data": ":"},
	} {
		n := g.start(name, nodeOptions{hooks: hooks})
		n.expectExit(70)
		n.expectLogged("msg=ends", "pre_start left no data of this group")
		if got := g.entries(name, "start"); len(got) != 0 {
			t.Errorf("%s was started", name)
		}
	}
	g.start("own", nodeOptions{hooks: map[string]string{"data": "echo ours; echo more"}})
	g.awaitMaster("own")
}
