package guard

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// forker is a main process that becomes many, in sessions of their own: a daemon
// that made itself independent is waited for like everybody else.
const forker = `daemon() { setsid sh -c 'setsid sleep 300 & setsid sh -c "sleep 300 & exit" & wait' & }
for i in 1 2 3 4 5 6 7 8; do daemon; done
sh -c 'trap "" TERM QUIT; setsid sh -c "while :; do sleep 0.01; done" & exit'
while :; do setsid sleep 0.02 & sleep 0.005; done`

// TestAttestsOnceAllAreDead: the helper starts with the lease that the agent told
// last, when nobody of the node is left but the guard (SPEC E11), and the exit code
// is the agent's own.
func TestAttestsOnceAllAreDead(t *testing.T) {
	for name, c := range map[string]struct {
		body       string
		directives []string
		kill       bool
	}{
		"killed":        {stubborn, []string{"lease=4711,9000", "start=DIR"}, true},
		"daemons":       {forker, []string{"lease=7,9000", "lease=4711,9000", "start=DIR"}, true},
		"past its time": {stubborn, []string{"lease=4711,9000", "start=DIR", "await=up", "arm=50,200", "stop"}, false},
		"sends garbage": {stubborn, []string{"lease=4711,9000", "start=DIR", "garbage=x"}, false},
		"closes":        {forker, []string{"lease=4711,9000", "start=DIR", "close", "stop"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			n := launch(t, c.body, nil, c.directives...)
			if c.kill {
				n.running(7)
				n.kill(n.pid("agent"), unix.SIGKILL)
			}
			n.expectExit(137)
			if task := n.printed("helper"); task != "4711,9000" {
				t.Errorf("the helper's task is %q", task)
			}
			if left := n.printed("left"); left != "0" {
				t.Errorf("attested while %s processes lived", left)
			}
		})
	}
}

// TestAttestsAsInit is what happens in a container.
func TestAttestsAsInit(t *testing.T) {
	needRoot(t)
	n := launch(t, forker, inNamespace, "lease=4711,9000", "start=DIR", "arm=300,600", "stop")
	n.expectExit(137)
	if left := n.printed("left"); left != "0" {
		t.Errorf("attested while %s processes lived", left)
	}
}

// TestNobodyIsAttested: whoever gave everything back by itself said so before it
// ended, however fast that was; and where nothing was told there is nothing to do.
func TestNobodyIsAttested(t *testing.T) {
	for name, directives := range map[string][]string{
		"nothing told":  {"exit=3"},
		"all is given":  {"lease=4711,9000", "lease=0,0", "exit=3"},
		"after a start": {"lease=4711,9000", "start=DIR", "lease=0,0", "exit=3"},
	} {
		t.Run(name, func(t *testing.T) {
			for range 10 { // the end of the agent and its last word come together
				n := launch(t, "exec sleep 300", nil, directives...)
				n.expectExit(3)
				n.silent("helper")
			}
		})
	}
}

// silent is for what must not have been printed by a node that has ended.
func (n *node) silent(prefix string) {
	n.t.Helper()
	for _, line := range n.output() {
		if len(line) >= len(prefix) && line[:len(prefix)] == prefix {
			n.t.Errorf("it printed %q", line)
		}
	}
}

// TestSurvivorsAreNotAttested: who is out of the guard's reach may live on.
func TestSurvivorsAreNotAttested(t *testing.T) {
	needRoot(t)
	wrap := slices.Concat(inNamespace, []string{"setpriv", "--bounding-set=-kill", "--inh-caps=-kill"})
	n := launch(t, "echo up; exec setpriv --reuid=65534 --regid=65534 --clear-groups sleep 300", wrap,
		"lease=4711,9000", "start=DIR", "await=up", "arm=200,400", "stop")
	n.expectExit(137)
	n.printed("msdha guard: cannot control process")
	n.silent("helper")
}

// TestFrozenIsNotDead: a process that has got its SIGKILL and does not die yet.
// Freezers of cgroup v1 keep it from dying, as a disk that hangs does.
func TestFrozenIsNotDead(t *testing.T) {
	needRoot(t)
	freezer := "/sys/fs/cgroup/freezer/msdha-guardtest-" + strconv.Itoa(os.Getpid())
	if err := os.Mkdir(freezer, 0o755); err != nil {
		t.Skipf("there is no freezer of cgroup v1 here: %v", err)
	}
	set := func(file, value string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(freezer, file), []byte(value), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	defer os.Remove(freezer) //nolint:errcheck // checked by the next run's Mkdir
	n := launch(t, "setsid sleep 300 & echo up; exec sleep 300", nil,
		"lease=4711,9000", "start=DIR", "await=up")
	child := n.pid("child")
	set("cgroup.procs", strconv.Itoa(child))
	set("freezer.state", "FROZEN")
	defer func() { _ = os.WriteFile(freezer+"/freezer.state", []byte("THAWED"), 0o644) }()
	n.kill(n.pid("agent"), unix.SIGKILL)
	n.eventually("everybody else to die", func() bool { return len(n.marked()) == 2 })
	time.Sleep(500 * time.Millisecond)
	n.silent("helper")
	select {
	case <-n.ended:
		t.Fatal("the guard has ended before the last process")
	default:
	}
	set("freezer.state", "THAWED")
	n.expectExit(137)
	if left := n.printed("left"); left != "0" {
		t.Errorf("attested while %s processes lived", left)
	}
}

// TestHelperIsBounded: whatever becomes of the helper, the guard ends with the
// agent's code, and nothing of it is left.
func TestHelperIsBounded(t *testing.T) {
	for how, least := range map[string]time.Duration{"stop": time.Second, "hang": time.Second, "1": 0} {
		t.Run(how, func(t *testing.T) {
			t.Setenv("GUARDTEST_HELPER", how)
			start := time.Now()
			n := launch(t, "", nil, "lease=4711,1000", "exit=7")
			n.expectExit(7)
			if took := time.Since(start); took < least {
				t.Errorf("gave up after %v", took)
			}
			if least > 0 {
				n.printed("msdha guard: the helper did not end within its limit")
			}
		})
	}
}

func TestHelperCannotBeStarted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "agent")
	text, err := os.ReadFile(nodeBinary)
	if err == nil {
		err = os.WriteFile(path, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GUARDTEST_PATH", path)
	n := launch(t, "rm "+path+"; echo up; exec sleep 300", nil,
		"lease=4711,9000", "start=DIR", "await=up", "exit=7")
	n.expectExit(7)
	n.printed("msdha guard: cannot release what the agent held, its lease has to end by itself: cannot run")
}

func TestTask(t *testing.T) {
	t.Setenv(attestVariable, "4711,9000")
	if !Attesting() {
		t.Fatal("it is no helper")
	}
	if lease, limit, err := Task(); lease != 4711 || limit != 9000 || err != nil || Attesting() {
		t.Errorf("the task is %d, %v, %v", lease, limit, err)
	}
	for _, value := range []string{"x", "1", "1,", "1,x", "0,5", "5,0", "-1,5", "5,-1", ",", "1,2,3"} {
		t.Setenv(attestVariable, value)
		if _, _, err := Task(); err == nil {
			t.Errorf("%q is a task", value)
		}
	}
}
