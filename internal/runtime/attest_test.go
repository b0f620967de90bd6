package runtime

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/clock"
	"msdha/internal/runtime/etcdtest"
)

// attested is what a guard's helper logs when it has released, and unattested when
// it could not.
const (
	attested   = "released on behalf of the agent"
	unattested = "cannot release on behalf of the dead agent"
)

func (p *program) expectSilence(words ...string) {
	p.t.Helper()
	if found := p.logged(words...); len(found) > 0 {
		p.t.Errorf("%s logged %q", p.name, found)
	}
}

// census is a master hook that counts who is left of the node a: at most its guard
// and the guard's helper, which may still be revoking the lease.
const census = `grep -lz "^NODE_DIR=${NODE_DIR%/*}/a$" /proc/[0-9]*/environ 2>/dev/null | wc -l >"$NODE_DIR/census"`

func (n *node) expectNobodyLeft() {
	n.t.Helper()
	text, err := readFile(n.dir, "census")
	if count, _ := strconv.Atoi(strings.TrimSpace(string(text))); err != nil || count > 2 {
		n.t.Errorf("%d processes of a lived when its successor was promoted: %v", count, err)
	}
}

// expectAttested checks what is left of a reign that a guard has ended, all of it
// before the lease would have ended by itself.
func (g *group) expectAttested(m kv.Item, how kv.Means) {
	g.t.Helper()
	r := m.Record
	if h := g.item(kv.HistoryKey(r.Epoch)).Record; h.By != r.Node || h.How != how || h.Ended == "" {
		g.t.Errorf("the history says %+v", h)
	}
	if it := g.item(kv.NodeKey(r.Node)); it.Present {
		g.t.Errorf("the node's key is left: %+v", it)
	}
	eventually(g.t, "the lease to be revoked", func() bool {
		resp, err := g.admin.TimeToLive(within(g.t), clientv3.LeaseID(r.Incarnation))
		return err == nil && resp.TTL == -1
	})
}

// TestAgentKilled: the guard kills the tree, and releases what the agent held as soon
// as nobody is left (SPEC E11): the successor has nothing to wait for.
func TestAgentKilled(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 40*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{hooks: map[string]string{"start": stubborn}})
	old := g.awaitMaster("a")
	b := g.start("b", nodeOptions{hooks: map[string]string{"master": census}})
	g.awaitState("b", "ready")
	a.awaitTree(stubbornTree)
	before := time.Duration(clock.Now())
	kill(t, a.agentPID(), unix.SIGKILL)
	a.expectExit(137)
	m := g.awaitMaster("b")
	if m.Record.Epoch != 3 {
		t.Errorf("the epoch after 2 is %d", m.Record.Epoch)
	}
	at := g.awaitHook("b", "master", 1).at
	t.Logf("promoted %v after the kill", at-before)
	if at > before+g.ttl/2 {
		t.Errorf("promoted %v after the kill, although the guard knew", at-before)
	}
	b.expectNobodyLeft()
	g.expectAttested(old, kv.ByGuard)
	if n := len(a.logged(attested, "its guard")); n != 1 {
		t.Errorf("%d lines say that it was released", n)
	}
}

// TestAgentStopped: the guard does in its place what the deadline demands, and then
// says that nobody is left.
func TestAgentStopped(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{
		hooks: map[string]string{"start": stubborn}, env: []string{"MSDHA_FENCE_SIGNAL=QUIT"},
	})
	old := g.awaitMaster("a")
	b := g.start("b", nodeOptions{hooks: map[string]string{"master": census}})
	g.awaitState("b", "ready")
	a.awaitTree(stubbornTree)
	a.mayEnd = true
	before := time.Duration(clock.Now())
	kill(t, a.agentPID(), unix.SIGSTOP)
	a.expectExit(75)
	if !a.has("fenced") {
		t.Error("no fence signal came before the SIGKILL")
	}
	g.awaitMaster("b")
	t.Logf("promoted %v after the stop", g.awaitHook("b", "master", 1).at-before)
	b.expectNobodyLeft()
	g.expectAttested(old, kv.ByGuard)
	a.expectLogged(attested)
}

// TestSlaveKilled: a slave's guard gives up its key, and touches nobody's reign.
func TestSlaveKilled(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 40*time.Second)
	g.seed(1)
	g.start("a", nodeOptions{})
	g.awaitMaster("a")
	b := g.start("b", nodeOptions{})
	g.awaitState("b", "ready")
	epoch := g.item(kv.EpochKey)
	kill(t, b.agentPID(), unix.SIGKILL)
	b.expectExit(137)
	b.expectLogged(attested)
	if state := g.state("b"); state != "" {
		t.Errorf("it is %q", state)
	}
	if now := g.item(kv.EpochKey); now.Mod != epoch.Mod || now.Record.Released {
		t.Errorf("the reign of another: %+v", now)
	}
	g.start("b", nodeOptions{}) // its name is free
	g.awaitState("b", "ready")
}

// TestAttestsWithCredentials: however the agent logs in, its helper does.
func TestAttestsWithCredentials(t *testing.T) {
	t.Parallel()
	g := loginGroup(t)
	file := filepath.Join(g.dir, "password")
	g.must(os.WriteFile(file, []byte(password+"\n"), 0o644))
	inURL := strings.Replace(g.endpoint, "://", "://msdha:"+password+"@", 1)
	for i, env := range [][]string{
		{"ETCDCTL_ENDPOINTS=" + inURL},
		{"ETCDCTL_USER=msdha", "ETCDCTL_PASSWORD_FILE=" + file},
	} {
		name := fmt.Sprintf("n%d", i)
		a := g.start(name, nodeOptions{env: env})
		g.awaitAnyMaster()
		g.awaitHook(name, "ready", 1)
		a.mayEnd = true
		kill(t, a.agentPID(), unix.SIGKILL)
		a.expectExit(137)
		a.expectLogged(attested)
		a.expectSecret(password)
	}
}

// TestEtcdAwayWhenAttesting: the guard waits for no longer than a TTL, and the end of
// the lease does what the helper could not.
func TestEtcdAwayWhenAttesting(t *testing.T) {
	t.Parallel()
	relay, err := etcdtest.NewRelay(shared.server.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer relay.Close() //nolint:errcheck // the test is over
	g := newGroup(t, 4*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{env: []string{"ETCDCTL_ENDPOINTS=http://" + relay.Addr()}})
	g.awaitMaster("a")
	a.mayEnd = true
	agent := a.agentPID()
	relay.Hold(true, true)
	before := clock.Now()
	kill(t, agent, unix.SIGKILL)
	a.expectExit(137)
	if took := time.Duration(clock.Now() - before); took < g.ttl/2 || took > 3*g.ttl {
		t.Errorf("the guard ended %v after the kill, with a TTL of %v", took, g.ttl)
	}
	a.expectLogged(unattested)
	if g.item(kv.EpochKey).Record.Released {
		t.Error("the reign is released, and nobody could have done it")
	}
}

// TestGuardsHelperAlone: whoever starts the program as a helper without a task that
// makes sense is told so.
func TestGuardsHelperAlone(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 4*time.Second)
	p := g.launch("x", built.backend, nil, []string{"MSDHA_GUARD_ATTEST=garbage"})
	p.expectExit(78)
	p.expectLogged("cannot attest for the guard", "nobody else")
	p = g.launch("y", built.backend, nil, []string{"MSDHA_GUARD_ATTEST=1,2", "MSDHA_TTL=x"})
	p.expectExit(78)
	p.expectLogged("MSDHA_TTL")
}
