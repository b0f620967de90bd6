package runtime

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// maxAnonymousKB is SPEC R5's bound on the guard.
const maxAnonymousKB = 3 << 10

// TestGuardMemory: although it is the same program as the agent, with all of
// etcd's client in it.
func TestGuardMemory(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	g.seed(1)
	a := g.start("a", nodeOptions{})
	g.awaitMaster("a")
	g.put("x", "resting", 0)
	g.awaitNotice("a", "PUT x resting")
	guard, agent := anonymousKB(t, a.guardPID()), anonymousKB(t, a.agentPID())
	t.Logf("anonymous memory: guard %d kB, agent %d kB", guard, agent)
	if guard == 0 || guard > maxAnonymousKB {
		t.Errorf("the guard has %d kB of anonymous memory, want at most %d", guard, maxAnonymousKB)
	}
}

func anonymousKB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "\nRssAnon:")
	field, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	kb, err := strconv.Atoi(field)
	if err != nil {
		t.Fatalf("no RssAnon in %s", text)
	}
	return kb
}

// TestRaces runs a group's life under the race detector.
func TestRaces(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "env", "CGO_ENABLED").Output()
	if err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Skipf("the race detector needs cgo, which is off: %s %v", out, err)
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skipf("the race detector needs a C compiler: %v", err)
	}
	dir := testDir(t)
	if err := build(dir, "CGO_ENABLED=1", "-race"); err != nil {
		t.Fatal(err)
	}
	g := newGroup(t, 10*time.Second)
	g.seed(1)
	g.env = []string{"GORACE=halt_on_error=1 exitcode=66"}
	racy := nodeOptions{binary: filepath.Join(dir, "backend")}
	one, two := echo(t), echo(t)
	at := localPort(t)
	racy.env = []string{
		"MSDHA_ADDRESS=" + one, "MSDHA_HTTP_LISTEN=" + at, "MSDHA_RECORD=" + filepath.Join(dir, "r"),
	}
	a := g.start("a", racy)
	g.awaitMaster("a")
	checkMetrics(t, at, "msdha_master ")
	racy.env = []string{"MSDHA_ADDRESS=" + two}
	b := g.start("b", racy)
	g.awaitState("b", "ready")
	port, status := freePort(t), localPort(t)
	f := &front{addr: fmt.Sprintf("127.0.0.1:%d", port)}
	f.program = g.launch("f", filepath.Join(dir, "frontend"), nil,
		[]string{"MSDHA_PORT=" + strconv.Itoa(port), "MSDHA_HTTP_LISTEN=" + status})
	s := f.awaitSession(one)
	a.stop()
	s.awaitReset(t)
	f.awaitSession(two).works(t)
	awaitCode(t, status, "/status", 200)
	b.stop()
	f.signal(15)
	f.expectExit(0)
	for _, p := range []*program{a.program, b.program, f.program} {
		if got := p.logged("DATA RACE"); len(got) != 0 {
			t.Errorf("%s: %s", p.name, got)
		}
	}
}
