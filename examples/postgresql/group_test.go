package postgresql_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"msdha/internal/postgres"
	"msdha/internal/testkit"
)

// patience bounds every wait; it is used up only by what never comes.
const patience = 60 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// group stands in for etcd and the agents: it says who is master, and runs the
// hooks in the order and with the environment that SPEC H promises them.
type group struct {
	t      *testing.T
	dir    string // short, since a socket's path may have 107 bytes
	hooks  string // a copy that user postgres can read
	cred   *syscall.Credential
	nodes  []*node
	epoch  int
	master *node
	data   string // MSDHA_GROUP_DATA
}

// newGroup makes a group whose nodes are called n1, n2 and so on. Extra
// environment goes to every hook.
func newGroup(t *testing.T, size int, env ...string) *group {
	t.Helper()
	t.Parallel() // most of their time goes into waiting for the disk
	g := &group{t: t}
	if os.Geteuid() == 0 { // PostgreSQL refuses root
		cred, err := postgres.User()
		must(t, err)
		g.cred = cred
	}
	dir, err := os.MkdirTemp("/tmp", "msdha-pg-")
	must(t, err)
	g.dir = dir
	t.Cleanup(g.end)
	g.hooks = filepath.Join(dir, "hooks")
	must(t, copyHooks(g.hooks))
	must(t, os.Chmod(g.hooks, 0o755))
	settings := filepath.Join(dir, "small.conf")
	must(t, os.WriteFile(settings, []byte("shared_buffers = 16MB\nmax_connections = 100\n"), 0o644))
	g.own(dir)

	names := make([]string, size)
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i+1)
	}
	ports := freePorts(t, size)
	for i, name := range names {
		n := &node{g: g, name: name, port: ports[i], log: &testkit.Output{}}
		n.home = filepath.Join(dir, name)
		n.run = filepath.Join(n.home, "run")
		n.pgdata = filepath.Join(n.home, "data")
		g.mkdir(n.home)
		g.mkdir(n.run)
		n.env = append([]string{
			"PATH=" + os.Getenv("PATH"), "MSDHA_GROUP=test", "MSDHA_NAME=" + name, "MSDHA_TTL=10",
			"MSDHA_RUN_DIR=" + n.run, "PGDATA=" + n.pgdata, "PGSOCKET=" + n.home,
			"PGPORT=" + n.port, "MSDHA_PG_LISTEN=127.0.0.1", "MSDHA_PG_CONF=" + settings,
			"MSDHA_MEMBERS=" + strings.Join(names, " "),
			"MSDHA_MEMBERS_K=" + strconv.Itoa(min(1, size-1)),
		}, env...)
		g.nodes = append(g.nodes, n)
	}
	g.announce()
	return g
}

// copyHooks lets no other test fork meanwhile: its child would hold a hook open
// for writing until its exec, and until then nobody can run it (ETXTBSY).
func copyHooks(to string) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.CopyFS(to, os.DirFS("hooks"))
}

// three is a group in which n1 reigns, the others follow it, and have the table r.
func three(t *testing.T, env ...string) (g *group, n1, n2, n3 *node) {
	t.Helper()
	g = newGroup(t, 3, env...)
	n1, n2, n3 = g.nodes[0], g.nodes[1], g.nodes[2]
	n1.create()
	n1.serve()
	g.reign(n1)
	for _, n := range []*node{n2, n3} {
		n.join()
		n.serve()
	}
	n1.exec("create table r (v text)")
	n1.followedBy(n2, n3)
	return g, n1, n2, n3
}

// nextPort is below the ports that the kernel hands out by itself: one of those
// may be somebody's between our look at it and PostgreSQL's start.
var nextPort atomic.Int64

func init() { nextPort.Store(20000 + rand.Int64N(10000)) }

func freePorts(t *testing.T, count int) []string {
	t.Helper()
	var ports []string
	for len(ports) < count {
		port := strconv.FormatInt(nextPort.Add(1), 10)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			must(t, l.Close())
			ports = append(ports, port)
		}
	}
	return ports
}

func (g *group) own(path string) {
	g.t.Helper()
	if g.cred != nil {
		must(g.t, os.Chown(path, int(g.cred.Uid), int(g.cred.Gid)))
	}
}

func (g *group) mkdir(path string) {
	g.t.Helper()
	must(g.t, os.Mkdir(path, 0o700))
	g.own(path)
}

func (g *group) write(path, text string) {
	g.t.Helper()
	must(g.t, os.WriteFile(path+".new", []byte(text), 0o600))
	g.own(path + ".new")
	must(g.t, os.Rename(path+".new", path))
}

// announce writes the files of SPEC H6 on every node.
func (g *group) announce() {
	g.t.Helper()
	name, address := "", ""
	if g.master != nil {
		name, address = g.master.name, "127.0.0.1:"+g.master.port
	}
	for _, n := range g.nodes {
		g.write(filepath.Join(n.run, "current_master"), name+"\n")
		g.write(filepath.Join(n.run, "current_master_address"), address+"\n")
		if n != g.master {
			_ = os.Remove(filepath.Join(n.run, "is_master"))
		}
	}
}

// vacate is a reign that ended.
func (g *group) vacate() {
	g.t.Helper()
	g.master = nil
	g.announce()
}

// claim makes a node master in etcd; nobody is promoted by that.
func (g *group) claim(n *node) {
	g.t.Helper()
	g.epoch++
	g.master, g.data = n, n.id()
	g.write(filepath.Join(n.run, "is_master"), "")
	g.announce()
}

// reign is an election that n wins, and what comes of it: n promotes, and the
// others that run follow it, or end because they cannot.
func (g *group) reign(n *node) {
	g.t.Helper()
	for _, o := range g.nodes {
		if o.server != nil {
			o.vote()
		}
	}
	g.claim(n)
	n.mustHook("master")
	g.followed()
}

// followed has everybody who runs follow the master. Who has diverged is stopped,
// as by its agent (SPEC H3).
func (g *group) followed() {
	g.t.Helper()
	for _, n := range g.nodes {
		if n == g.master || n.server == nil {
			continue
		}
		switch _, err := n.follow(); exitCode(err) {
		case 0:
		case diverged:
			n.stop()
		default:
			g.t.Fatalf("%s: follow: %v", n.name, err)
		}
	}
}

// diverged is the status by which follow says that only pre_start can help.
const diverged = 75

func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	}
	return -1
}

// end kills what runs, and proves that nothing is left.
func (g *group) end() {
	for _, n := range g.nodes {
		n.kill()
	}
	if g.t.Failed() {
		for _, n := range g.nodes {
			g.t.Logf("%s:\n%s", n.name, n.log)
		}
	}
	if left := processesAt(g.dir); len(left) > 0 {
		g.t.Errorf("processes are left behind in %s: %v", g.dir, left)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err := os.RemoveAll(g.dir); err != nil {
		g.t.Error(err)
	}
}

// processesAt lists the processes whose working directory is below dir.
func processesAt(dir string) []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if at, err := os.Readlink(link); err == nil && strings.HasPrefix(at, dir+"/") {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// eventually polls until check returns nil.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s: %v", patience, what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errNone = errors.New("none")
