package runtime

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/proc"
)

// node is a backend with hooks that keep a journal.
type node struct {
	*program
	dir, hooks, run string
}

// nodeOptions say how a node differs from one with all hooks, none of which does
// anything, and sleep as its main process.
type nodeOptions struct {
	hooks map[string]string // bodies of shell scripts; "-" for none
	env   []string
	wrap  []string // a command to start it by
	owner int      // of its directories, if not 0
	// binary is another one than the usual.
	binary string
}

// journalLine is what every hook begins with. It is one write, so that lines of
// several nodes do not mix.
const journalLine = `read -r up _ </proc/uptime
master=-; [ -e "$MSDHA_RUN_DIR/is_master" ] && master=is_master
read -r current <"$MSDHA_RUN_DIR/current_master"
read -r address <"$MSDHA_RUN_DIR/current_master_address"
echo "$up|$MSDHA_NAME|${0##*/} $*|state=$MSDHA_STATE epoch=$MSDHA_EPOCH master=$MSDHA_MASTER` +
	` previous=$MSDHA_PREVIOUS_MASTER bootstrap=$MSDHA_BOOTSTRAP file=$master current=$current` +
	` address=$address" >>"$JOURNAL"
`

// allHooks are journalled; `data` is not among them, as it changes a group.
var allHooks = []string{"pre_start", "start", "running_not_ready", "ready", "master", "node_state_change"}

const mainProcess = "exec sleep 1000"

// start starts a node. The same name may be started again after its end: it
// finds the directories of its earlier life.
func (g *group) start(name string, o nodeOptions) *node {
	g.t.Helper()
	return g.run(g.prepare(name, o), o)
}

// run starts a node that is prepared.
func (g *group) run(n *node, o nodeOptions) *node {
	g.t.Helper()
	env := append([]string{
		"MSDHA_HOOKS_DIR=" + n.hooks, "MSDHA_RUN_DIR=" + n.run, "NODE_DIR=" + n.dir,
		"JOURNAL=" + filepath.Join(g.dir, "journal"),
	}, o.env...)
	n.program = g.launch(filepath.Base(n.dir), cmp.Or(o.binary, built.backend), o.wrap, env)
	return n
}

// prepare writes a node's hooks.
func (g *group) prepare(name string, o nodeOptions) *node {
	g.t.Helper()
	n := &node{dir: filepath.Join(g.dir, name)}
	n.hooks, n.run = filepath.Join(n.dir, "hooks"), filepath.Join(n.dir, "run")
	for _, dir := range []string{n.hooks, n.run} {
		g.must(os.MkdirAll(dir, 0o755))
	}
	bodies := map[string]string{"start": mainProcess}
	for hook, body := range o.hooks {
		bodies[hook] = body
	}
	for _, hook := range allHooks {
		if _, ok := bodies[hook]; !ok {
			bodies[hook] = ""
		}
	}
	for hook, body := range bodies {
		if body != "-" {
			g.script(filepath.Join(n.hooks, hook), journalLine+body)
		}
	}
	if o.owner != 0 {
		journal, err := os.OpenFile(filepath.Join(g.dir, "journal"), os.O_CREATE, 0o666)
		g.must(err)
		g.must(journal.Close())
		for _, path := range []string{n.dir, n.run, journal.Name()} {
			g.must(os.Chown(path, o.owner, o.owner))
		}
	}
	return n
}

// script lets no other test fork meanwhile: its child would hold the script open
// for writing until its exec, and until then nobody can run it (ETXTBSY).
func (g *group) script(path, body string) {
	g.t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	g.must(os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o755))
}

func (g *group) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// file reads one in the node's directory for people, without its line end.
func (n *node) file(name string) (text string, exists bool) {
	b, err := os.ReadFile(filepath.Join(n.run, name))
	return strings.TrimSuffix(string(b), "\n"), err == nil
}

// touch creates a file for which a hook waits.
func (n *node) touch(name string) {
	n.t.Helper()
	if err := os.WriteFile(filepath.Join(n.dir, name), nil, 0o644); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) guardPID() int { return n.cmd.Process.Pid }

// agentPID is the guard's one child that is the same program.
func (n *node) agentPID() int {
	n.t.Helper()
	pid := 0
	eventually(n.t, "the agent of "+n.name, func() bool {
		pids := n.below(n.guardPID(), func(exe string) bool { return exe == built.backend })
		if len(pids) == 1 {
			pid = pids[0]
		}
		return len(pids) == 1
	})
	return pid
}

// below gives the children of a process whose program is wanted.
func (n *node) below(pid int, wanted func(exe string) bool) (pids []int) {
	n.t.Helper()
	all, err := proc.Descendants(pid)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, e := range all {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", e.PID))
		if e.Parent == pid && err == nil && wanted(exe) {
			pids = append(pids, e.PID)
		}
	}
	return pids
}

// kill ends the node as a crash of its machine would: everything at once, and
// nothing is given back.
func (n *node) kill() {
	n.t.Helper()
	n.mayEnd = true
	// The agent goes first: the kernel continues stopped processes whose parent
	// dies, and it would give everything back.
	agent := n.agentPID()
	_ = unix.Kill(n.guardPID(), unix.SIGSTOP)
	_ = unix.Kill(agent, unix.SIGKILL)
	for pids := n.marked(); len(pids) > 0; pids = n.marked() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGSTOP) // so that nobody can react to the others' end
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	n.awaitExit()
}

// stop asks for a planned stop and waits for it.
func (n *node) stop() {
	n.t.Helper()
	n.signal(syscall.SIGTERM)
	n.expectExit(0)
}

func readFile(dir, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	return string(b), err
}
