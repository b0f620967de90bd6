package runtime

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/status"
)

// prefixed reads a whole group.
var prefixed = clientv3.WithPrefix()

// TestBadSurroundings: what is wrong with files and hooks is found before
// anything is started or registered.
func TestBadSurroundings(t *testing.T) {
	t.Parallel()
	missing := "/nonexistent/msdha"
	for name, c := range map[string]struct {
		options nodeOptions
		damage  func(n *node) error
		says    []string
	}{
		"no hooks": {
			options: nodeOptions{env: []string{"MSDHA_HOOKS_DIR=" + missing}},
			says:    []string{"MSDHA_HOOKS_DIR", missing + "/start", "no such file"},
		},
		"no start hook": {
			options: nodeOptions{hooks: map[string]string{"start": "-"}},
			says:    []string{"start hook is required"},
		},
		"start not executable": {
			damage: func(n *node) error { return os.Chmod(filepath.Join(n.hooks, "start"), 0o644) },
			says:   []string{"cannot execute the start hook", "chmod +x"},
		},
		"start is a directory": {
			options: nodeOptions{hooks: map[string]string{"start": "-"}},
			damage:  func(n *node) error { return os.Mkdir(filepath.Join(n.hooks, "start"), 0o755) },
			says:    []string{"no regular file"},
		},
		"run directory below a file": {
			options: nodeOptions{env: []string{"MSDHA_RUN_DIR=/proc/self/status/run"}},
			says:    []string{"MSDHA_RUN_DIR", "mount a tmpfs"},
		},
		"run directory read-only": {
			options: nodeOptions{env: []string{"MSDHA_RUN_DIR=/proc/self"}},
			says:    []string{"MSDHA_RUN_DIR", "mount a tmpfs"},
		},
		"port of the status in use": {
			options: nodeOptions{env: []string{"MSDHA_HTTP_LISTEN=" + shared.server.Addr()}},
			says:    []string{"MSDHA_HTTP_LISTEN", "address already in use"},
		},
		"recording into nowhere": {
			options: nodeOptions{env: []string{"MSDHA_RECORD=" + missing}},
			says:    []string{"MSDHA_RECORD", missing},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 10*time.Second)
			n := g.prepare("a", c.options)
			if c.damage != nil {
				g.must(c.damage(n))
			}
			n = g.run(n, c.options)
			n.expectExit(78)
			n.expectLogged(append(c.says, "level=ERROR")...)
			resp, err := g.admin.Get(within(t), g.key(""), prefixed)
			g.must(err)
			if len(resp.Kvs) != 0 || len(g.journal()) != 0 {
				t.Errorf("something was started: %v %v", resp.Kvs, g.journal())
			}
		})
	}
}

// TestRunDirForbidden: an agent that is not root cannot write everywhere.
func TestRunDirForbidden(t *testing.T) {
	needRoot(t)
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	n := g.start("a", nodeOptions{wrap: asNobody})
	n.expectExit(78)
	n.expectLogged("level=ERROR", "MSDHA_RUN_DIR", "permission denied", "writable for this user")
}

// TestGarbage: keys of ours that do not parse are reported, and nobody is
// promoted or followed because of them.
func TestGarbage(t *testing.T) {
	t.Parallel()
	megabyte := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct{ key, value, why string }{
		"_master is no JSON": {"_master", "master", "the key _master does not parse"},
		"_master is large":   {"_master", megabyte, "the key _master does not parse"},
		"_master from tomorrow": {
			"_master", `{"node":["a"],"incarnation":"1","epoch":3,"ttl":10}`, "the key _master does not parse",
		},
		"_epoch is no JSON": {"_epoch", "[]", "the key _epoch does not parse"},
		"_epoch is large":   {"_epoch", `{"epoch":1,"by":"` + megabyte + `"}`, "the key _epoch does not parse"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 2*time.Second)
			g.seed(1)
			g.put(c.key, c.value, 0)
			f := g.frontend("f")
			a := g.start("a", nodeOptions{})
			a.awaitLog("a key is ignored", g.key(c.key), "why=")
			a.awaitLog("not promoted", c.why)
			g.awaitState("a", "ready")
			f.awaitLog("a key is ignored", g.key(c.key))
			if current, _ := a.file("current_master"); current != "" {
				t.Errorf("the current master is %q", current)
			}
			for _, line := range a.log() {
				if len(line) > 2000 {
					t.Errorf("a line of %d bytes in the log", len(line))
				}
			}
			g.del(c.key) // it does not end by itself
			g.awaitMaster("a")
		})
	}
}

// TestGarbageBeside: what decides nothing disturbs nobody.
func TestGarbageBeside(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	g.put("x", strings.Repeat("x", 1<<20), 0)
	g.put("_nodes/x", "{", 0)
	g.put("_frontends/x", "\xff", 0)
	g.put("_history/1", `{"epoch":2}`, 0)
	g.put("_unknown", "master?", 0)
	g.put("deep/er", "", 0)
	a := g.start("a", nodeOptions{})
	g.awaitMaster("a")
	for _, key := range []string{"x", "_nodes/x", "_frontends/x", "_history/1"} {
		if got := a.logged("a key is ignored", "key="+g.key(key)+" "); len(got) != 1 {
			t.Errorf("%d lines about %s", len(got), key)
		}
	}
}

// TestHandmadeMaster: a key that says master blocks every claim, and status says
// so, until somebody removes it.
func TestHandmadeMaster(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	g.seed(1)
	g.put("old", "master", 0)
	f := g.frontend("f")
	at := localPort(t)
	a := g.start("a", nodeOptions{env: []string{"MSDHA_HTTP_LISTEN=" + at}})
	a.awaitLog("not promoted", "a key says master although there is no _master", "etcdctl del "+g.key("old"))
	g.awaitState("a", "ready")
	got := decode[status.Backend](t, awaitCode(t, at, "/status", 200))
	if !strings.Contains(got.Reason, `"old"`) || got.Cure != "etcdctl del "+g.key("old") {
		t.Errorf("the status says %+v", got)
	}
	if m := g.item(kv.Master); m.Present {
		t.Fatalf("promoted: %+v", m)
	}
	f.expectRefused()
	g.del("old")
	g.awaitMaster("a")
}
