package runtime

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// asNobody begins a command that another user runs.
var asNobody = []string{
	"setpriv", "--reuid=" + strconv.Itoa(nobody), "--regid=" + strconv.Itoa(nobody), "--clear-groups",
}

// withoutCaps is root without any of root's rights.
var withoutCaps = []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}

// TestOtherUsers: agent and main process as various users with various rights.
func TestOtherUsers(t *testing.T) {
	needRoot(t)
	t.Parallel()
	below := strings.Join(asNobody, " ") + " sleep 1000"
	for name, o := range map[string]nodeOptions{
		"child as another user": {hooks: map[string]string{"start": "exec " + below}},
		"its child": {hooks: map[string]string{
			"start": "setsid " + below + " & trap 'exit 0' TERM; while :; do sleep 0.05; done",
		}},
		"agent without rights":     {wrap: asNobody, owner: nobody},
		"root without any right":   {wrap: withoutCaps},
		"root in a container":      {wrap: inNamespace},
		"no rights in a container": {wrap: slices.Concat(inNamespace, withoutCaps)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 20*time.Second)
			g.seed(1)
			a := g.start("a", o)
			g.awaitMaster("a")
			kill(t, a.lifePID(), unix.SIGTERM)
			a.expectExit(0)
			a.expectLogged("msg=ends", "asked to stop")
		})
	}
}

// inNamespace makes the guard PID 1, as in a container.
var inNamespace = []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}

// lifePID is the guard's pid, also where it was started by unshare.
func (n *node) lifePID() int {
	n.t.Helper()
	pid := n.guardPID()
	if len(n.cmd.Args) > 1 && n.cmd.Args[0] == "unshare" {
		eventually(n.t, "the guard below unshare", func() bool {
			pids := n.below(n.guardPID(), func(exe string) bool { return exe == built.backend })
			if len(pids) == 1 {
				pid = pids[0]
			}
			return len(pids) == 1
		})
	}
	return pid
}

// TestChildOutOfReach: a main process that could not be fenced is refused. Root
// that may become anybody but not signal them is what Docker's --cap-drop ALL
// --cap-add SETUID --cap-add SETGID makes.
func TestChildOutOfReach(t *testing.T) {
	needRoot(t)
	t.Parallel()
	wrap := slices.Concat(inNamespace, []string{"setpriv", "--bounding-set=-kill", "--inh-caps=-kill"})
	below := strings.Join(asNobody, " ") + " sleep 1000"
	// The second text is also right for the first two, where the machine is slow.
	for name, c := range map[string]struct{ start, says string }{
		"at start":   {"exec " + below, "the main process"},
		"its child":  {below + " & wait", "the main process"},
		"afterwards": {"sleep 2; exec " + below, "the main process changed to a user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, 3*time.Second)
			g.seed(1)
			a := g.start("a", nodeOptions{
				wrap: wrap, hooks: map[string]string{"start": c.start},
				env: []string{"MSDHA_STOP_TIMEOUT=1s"},
			})
			a.expectExit(70)
			a.expectLogged(c.says, "CAP_KILL")
			a.expectLogged("msg=ends", "code=70")
			a.expectSilence(attested) // somebody may be left
		})
	}
}
