package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

// TestHooksSkipped: a node needs none but start.
func TestHooksSkipped(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	o := nodeOptions{hooks: map[string]string{}}
	for _, hook := range allHooks {
		if hook != "start" {
			o.hooks[hook] = "-"
		}
	}
	n := g.prepare("a", o)
	g.must(os.WriteFile(filepath.Join(n.hooks, "ready"), []byte("#!/bin/sh\nexit 1\n"), 0o644))
	g.must(os.Symlink("/nonexistent", filepath.Join(n.hooks, "pre_start")))
	n = g.run(n, o)
	g.awaitMaster("a")
	n.expectLogged("level=WARN", "hook skipped", "hook=ready", "chmod +x")
	n.expectLogged("level=WARN", "hook skipped", "hook=pre_start", "link to nowhere")
	if got := n.logged("hook=running_not_ready"); len(got) != 0 {
		t.Errorf("a hook that does not exist is worth %q", got)
	}
}

// TestStateHookFails: the node ends with code 70 and gives everything back.
func TestStateHookFails(t *testing.T) {
	t.Parallel()
	for hook, timeout := range map[string]string{
		"data": "DATA", "pre_start": "PRE_START", "running_not_ready": "RUNNING_NOT_READY",
		"ready": "READY", "master": "MASTER", "start": "",
	} {
		for kind, body := range map[string]string{
			"fails": "exit 3", "is killed": "kill -9 $$",
			"hangs": `trap "" TERM; setsid sleep 1000 & sleep 1000`,
		} {
			if hook == "start" && kind != "fails" {
				continue
			}
			t.Run(hook+" "+kind, func(t *testing.T) {
				t.Parallel()
				g := newGroup(t, 10*time.Second)
				g.seed(1)
				o := nodeOptions{hooks: map[string]string{hook: body}}
				if hook == "start" {
					o.hooks[hook] = "-"
				}
				if kind == "hangs" {
					o.env = []string{"MSDHA_HOOK_TIMEOUT_" + timeout + "=1s"}
				}
				n := g.prepare("a", o)
				if hook == "start" {
					g.must(os.WriteFile(filepath.Join(n.hooks, hook), []byte("#!/no/such/shell\n"), 0o755))
				}
				n = g.run(n, o)
				n.expectExit(70)
				checkHookFailure(n, hook, kind)
				if it := g.item(kv.NodeKey("a")); it.Present {
					t.Errorf("the node's key is left: %+v", it)
				}
				if e := g.item(kv.EpochKey).Record; !e.Released {
					t.Errorf("not released: %+v", e)
				}
				if _, is := n.file("is_master"); is {
					t.Error("is_master is left")
				}
			})
		}
	}
}

func checkHookFailure(n *node, hook, kind string) {
	n.t.Helper()
	n.expectLogged("msg=ends", "a hook failed", "code=70")
	switch {
	case hook == "start":
		n.expectLogged("no main process", "the interpreter in the first line")
	case kind == "fails":
		n.expectLogged("hook failed", "hook="+hook, "exit 3")
	case kind == "is killed":
		n.expectLogged("hook failed", "hook="+hook, "killed by SIGKILL")
	default:
		n.expectLogged("hook failed", "hook="+hook, "timed out")
	}
}

// TestNoticeFails: node_state_change kills nobody, and does not hold up what
// comes after it for longer than its timeout.
func TestNoticeFails(t *testing.T) {
	t.Parallel()
	for kind, body := range map[string]string{"fails": "exit 3", "hangs": "sleep 1000"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 10*time.Second)
			g.seed(1)
			a := g.start("a", nodeOptions{
				hooks: map[string]string{"node_state_change": body},
				env:   []string{"MSDHA_HOOK_TIMEOUT_NODE_STATE_CHANGE=1s"},
			})
			g.awaitMaster("a") // not after, but beside them
			g.awaitNotice("a", "PUT a master")
			g.put("x", "new", 0)
			g.awaitNotice("a", "PUT x new")
			a.awaitLog("hook failed", "hook=node_state_change")
			a.stop()
		})
	}
}

// TestHookInput: hooks have nothing to read, and may write much.
func TestHookInput(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	const lines, width = 3000, 1000
	flood := fmt.Sprintf(`head -c %d /dev/zero | tr '\0' x | fold -w %d; echo; echo flooded >&2`,
		lines*width, width)
	a := g.start("a", nodeOptions{hooks: map[string]string{
		"pre_start": `if read -r line; then exit 3; fi; cat; readlink /proc/self/fd/0`,
		"ready":     flood,
		"start":     flood + "; " + mainProcess,
	}})
	g.awaitMaster("a")
	a.awaitLog("/dev/null", "hook=pre_start")
	for _, hook := range []string{"ready", "start"} {
		a.awaitLog("msg=flooded", "hook="+hook)
		eventually(t, "all lines of "+hook, func() bool {
			return len(a.logged(strings.Repeat("x", width), "hook="+hook)) == lines
		})
	}
}

// TestEnvironment: what hooks are promised to find (SPEC H2).
func TestEnvironment(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(6)
	show := `env | grep -E '^(MSDHA_|ETCD_LOCK|OURS|FILE)' >"$NODE_DIR/$MSDHA_STATE"`
	hooks := map[string]string{"pre_start": show, "running_not_ready": show, "ready": show}
	hooks["start"] = show + "\n" + mainProcess
	hooks["master"] = show + `; touch "$NODE_DIR/shown"`
	o := nodeOptions{hooks: hooks, env: []string{"OURS=of the agent", "MSDHA_EPOCH=forged"}}
	a := g.start("a", o)
	m := g.awaitMaster("a")
	eventually(t, "the master hook", func() bool { return a.has("shown") })
	a.stop()
	b := g.start("b", o)
	g.awaitMaster("b")
	eventually(t, "the master hook", func() bool { return b.has("shown") })
	for _, c := range []struct {
		n    *node
		file string
		want map[string]string
	}{
		{a, "pre_start", map[string]string{"MSDHA_EPOCH": "6", "MSDHA_MASTER": "", "MSDHA_PREVIOUS_MASTER": ""}},
		{a, "start", nil},
		{a, "running_not_ready", nil},
		{a, "ready", map[string]string{"MSDHA_EPOCH": "6", "ETCD_LOCK_KEY": "absent", "ETCD_LOCK_REV": "absent"}},
		{a, "master", map[string]string{
			"MSDHA_EPOCH": "7", "MSDHA_MASTER": "a", "MSDHA_PREVIOUS_MASTER": "",
			"ETCD_LOCK_KEY": g.key("_master"), "ETCD_LOCK_REV": strconv.FormatInt(int64(m.Create), 10),
		}},
		{b, "master", map[string]string{"MSDHA_EPOCH": "8", "MSDHA_MASTER": "b"}},
	} {
		env := readEnv(t, c.n, c.file)
		want := map[string]string{
			"MSDHA_GROUP": g.name, "MSDHA_NAME": c.n.name, "MSDHA_STATE": c.file, "MSDHA_TTL": "10",
			"MSDHA_BOOTSTRAP": "", "MSDHA_RUN_DIR": c.n.run, "OURS": "of the agent",
			"MSDHA_GUARD_LINK": "absent", "MSDHA_GUARD_THRIFT": "absent",
		}
		for name, value := range c.want {
			want[name] = value
		}
		for name, value := range want {
			got, ok := env[name]
			if !ok {
				got = "absent"
			}
			if got != value {
				t.Errorf("%s of %s: %s=%q, want %q", c.file, c.n.name, name, got, value)
			}
		}
	}
}

func readEnv(t *testing.T, n *node, file string) map[string]string {
	t.Helper()
	text, err := readFile(n.dir, file)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	return env
}
