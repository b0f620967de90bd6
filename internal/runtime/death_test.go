package runtime

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/fsm/kv"
)

// stubborn is a main process that ignores every signal and has descendants in
// sessions of their own, one of them an orphan.
const stubborn = `trap 'touch "$NODE_DIR/fenced"' QUIT; trap '' TERM INT HUP
setsid sh -c 'trap "" QUIT TERM; setsid sleep 1000 & while :; do sleep 1000; done' &
sh -c 'setsid sh -c "trap : QUIT TERM; while :; do sleep 1000; done" & exit'
while :; do sleep 0.05; done`

// stubbornTree is the guard, the agent and what they have below them then.
const stubbornTree = 7

func (n *node) awaitTree(count int) {
	n.t.Helper()
	eventually(n.t, fmt.Sprint(count, " processes of ", n.name), func() bool {
		return len(n.marked()) >= count
	})
}

// pair starts a master a and a slave b.
func (g *group) pair(o nodeOptions) (a, b *node) {
	g.t.Helper()
	g.seed(1)
	a = g.start("a", o)
	g.awaitMaster("a")
	b = g.start("b", nodeOptions{})
	g.awaitState("b", "ready")
	return a, b
}

// TestGuardKilled: the agent kills its tree; with nobody to enforce the deadline
// it does not wait for one.
func TestGuardKilled(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 45*time.Second)
	a, _ := g.pair(nodeOptions{hooks: map[string]string{"start": stubborn}})
	a.awaitTree(stubbornTree)
	a.mayEnd = true
	kill(t, a.guardPID(), unix.SIGKILL)
	a.awaitEnd()
	eventually(t, "the tree to end", func() bool { return len(a.marked()) == 0 })
	a.awaitLog("msg=ends", "the guard process is gone", "code=75")
	g.awaitMaster("b") // at once: the tree is known to be gone
}

// TestStubbornChild: a planned stop ends the whole tree, however it resists.
func TestStubbornChild(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 45*time.Second)
	a, _ := g.pair(nodeOptions{
		hooks: map[string]string{"start": stubborn}, env: []string{"MSDHA_STOP_TIMEOUT=1s"},
	})
	a.awaitTree(stubbornTree)
	a.stop()
	g.awaitMaster("b")
}

// TestMainProcessEnds: the exit code is the main process's, or 1.
func TestMainProcessEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		code int
		says string
	}{
		"by itself":         {`sleep 0.5; exit 3`, 3, "exit 3"},
		"well":              {`sleep 0.5; exit 0`, 1, "exit 0"},
		"by a signal":       {`sleep 0.5; kill -9 $$`, 137, "killed by SIGKILL"},
		"at once":           {`echo last words; exit 4`, 4, "exit 4"},
		"leaving a session": {`setsid sleep 1000 & sleep 0.5; exit 5`, 5, "exit 5"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 10*time.Second)
			g.seed(1)
			a := g.start("a", nodeOptions{hooks: map[string]string{"start": c.body}})
			a.expectExit(c.code)
			a.expectLogged("main process ended", c.says)
			a.expectLogged("msg=ends", "the main process ended", fmt.Sprintf("code=%d", c.code))
			a.expectSilence(attested)
			if strings.HasPrefix(c.body, "echo") {
				a.expectLogged("last words", "hook=start")
			}
			if it := g.item(kv.NodeKey("a")); it.Present {
				t.Errorf("the node's key is left: %+v", it)
			}
			if e := g.item(kv.EpochKey).Record; !e.Released {
				t.Errorf("not released: %+v", e)
			}
		})
	}
}

// TestSignals: those that ask for a stop stop the node; others are between their
// sender and the main process.
func TestSignals(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{hooks: map[string]string{
		"start": `trap 'echo got HUP' HUP; trap 'echo got USR1' USR1; trap 'echo got USR2' USR2
			trap 'echo got INT; exit 0' INT; while :; do sleep 0.05; done`,
	}, env: []string{"MSDHA_STOP_SIGNAL=INT"}})
	g.awaitMaster("a")
	for _, sig := range []syscall.Signal{unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2} {
		a.signal(sig)
		a.awaitLog("got " + strings.TrimPrefix(unix.SignalName(sig), "SIG"))
	}
	a.stop()
	a.expectLogged("got INT")
}

// TestStopEarly: a stop is a planned one from the first moment on.
func TestStopEarly(t *testing.T) {
	t.Parallel()
	for _, hook := range []string{"pre_start", "running_not_ready", "ready", "master"} {
		t.Run(hook, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 45*time.Second)
			g.seed(1)
			a := g.start("a", nodeOptions{hooks: map[string]string{hook: "exec sleep 1000"}})
			g.awaitHook("a", hook, 1)
			a.stop()
			if it := g.item(kv.NodeKey("a")); it.Present {
				t.Errorf("the node's key is left: %+v", it)
			}
		})
	}
}

func (n *node) has(name string) bool {
	_, err := readFile(n.dir, name)
	return err == nil
}
