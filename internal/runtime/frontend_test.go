package runtime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sys/unix"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// front is a frontend and the port that it serves.
type front struct {
	*program
	addr string
}

// frontend starts one on a free port.
func (g *group) frontend(name string, env ...string) *front {
	g.t.Helper()
	port := freePort(g.t)
	f := &front{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	f.program = g.launch(name, built.frontend, nil, append([]string{"MSDHA_PORT=" + strconv.Itoa(port)}, env...))
	return f
}

// expectRefused: the port is closed, as it is while nobody reigns (SPEC X1).
func (f *front) expectRefused() {
	f.t.Helper()
	if c, err := dial(f.addr); err == nil {
		_ = c.Close()
		f.t.Errorf("%s accepts connections", f.name)
	}
}

func (f *front) awaitRefused() {
	f.t.Helper()
	eventually(f.t, f.name+" to refuse connections", func() bool {
		c, err := dial(f.addr)
		if err == nil {
			_ = c.Close()
		}
		return errors.Is(err, unix.ECONNREFUSED)
	})
}

// awaitSession waits until a connection reaches the server with that name.
func (f *front) awaitSession(server string) (s *session) {
	f.t.Helper()
	eventually(f.t, f.name+" to lead to "+server, func() bool {
		c, err := dial(f.addr)
		if err != nil {
			return false
		}
		if line, err := c.line(); err == nil && line == server {
			f.t.Cleanup(func() { _ = c.Close() })
			s = c
			return true
		}
		_ = c.Close()
		return false
	})
	return s
}

// echo is a server that begins with its address and then repeats every byte.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // the test is over
				fmt.Fprintln(c, l.Addr())
				_, _ = io.Copy(c, c) // ends with the connection
			}()
		}
	}()
	return l.Addr().String()
}

// session is a connection through a frontend.
type session struct {
	net.Conn
	lines *bufio.Reader
}

func dial(addr string) (*session, error) {
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return nil, err
	}
	return &session{c, bufio.NewReader(c)}, nil
}

func (s *session) line() (string, error) {
	if err := s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	text, err := s.lines.ReadString('\n')
	return strings.TrimSuffix(text, "\n"), err
}

// works sends a line and expects it back.
func (s *session) works(t *testing.T) {
	t.Helper()
	if _, err := fmt.Fprintln(s, "ping"); err != nil {
		t.Fatal(err)
	}
	if text, err := s.line(); err != nil || text != "ping" {
		t.Fatalf("got %q, %v", text, err)
	}
}

// awaitReset waits for the connection to be cut, not closed.
func (s *session) awaitReset(t *testing.T) {
	t.Helper()
	if text, err := s.line(); !errors.Is(err, unix.ECONNRESET) {
		t.Fatalf("got %q, %v; want a reset", text, err)
	}
}

// reign writes the keys of a master by hand, and gives their lease.
func (g *group) reign(node, address string, epoch kv.Epoch) clientv3.LeaseID {
	g.t.Helper()
	lease, err := g.admin.Grant(within(g.t), 300)
	g.must(err)
	master := kv.Record{
		Node: node, Incarnation: kv.LeaseID(lease.ID), Epoch: epoch, Address: address, TTL: g.ttl,
	}
	g.put("_master", kv.Encode(kv.Master, master), lease.ID)
	g.put(node, kv.StateMaster, lease.ID)
	return lease.ID
}

func (g *group) revoke(lease clientv3.LeaseID) {
	g.t.Helper()
	_, err := g.admin.Revoke(within(g.t), lease)
	g.must(err)
}

// TestFrontendRoutes: from publication on, to nobody else, until the key goes.
func TestFrontendRoutes(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	f := g.frontend("f")
	other := g.frontend("other")
	eventually(t, "the frontends' keys", func() bool {
		return g.item(kv.FrontendKey("f")).Present && g.item(kv.FrontendKey("other")).Present
	})
	f.expectRefused()
	one, two := echo(t), echo(t)
	lease := g.reign("a", one, 5)
	s := f.awaitSession(one)
	other.awaitSession(one).works(t)
	g.put("b", kv.StateMaster, 0) // somebody's mistake
	g.put("c", "ready", 0)
	s.works(t)

	g.revoke(lease)
	s.awaitReset(t)
	f.awaitRefused()
	g.reign("a", two, 6)
	s = f.awaitSession(two)
	g.del("a") // not master by its own key any more
	s.awaitReset(t)
	f.awaitRefused()

	f.signal(unix.SIGTERM)
	f.expectExit(0)
	f.expectLogged("msg=ends", "asked to stop")
	if g.item(kv.FrontendKey("f")).Present {
		t.Error("the key of f is left")
	}
	if !g.item(kv.FrontendKey("other")).Present {
		t.Error("the key of the other is gone")
	}
}

// TestFrontendOldEpoch: never back to an older reign.
func TestFrontendOldEpoch(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	f := g.frontend("f")
	one, two := echo(t), echo(t)
	lease := g.reign("a", one, 5)
	f.awaitSession(one)
	g.revoke(lease)
	f.awaitRefused()
	lease = g.reign("b", two, 4)
	g.put("x", "later", 0) // what follows is seen after it
	f.expectRefused()
	g.revoke(lease)
	g.reign("b", two, 6)
	f.awaitSession(two)
	if got := f.logged("msg=routing", "epoch=4"); len(got) != 0 {
		t.Errorf("routed to an older epoch: %s", got)
	}
}

// TestFrontendCutOff: a frontend that hears nothing of etcd cuts at F, and comes
// back by itself.
func TestFrontendCutOff(t *testing.T) {
	t.Parallel()
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	g := newGroup(t, 2*time.Second)
	one := echo(t)
	g.reign("a", one, 5)
	g.endpoint = "http://" + relay.Addr()
	f := g.frontend("f", "MSDHA_TTL=20") // its own TTL counts for nothing
	s := f.awaitSession(one)
	for range 2 {
		begun := time.Now()
		relay.Hold(true, true)
		s.works(t)
		s.awaitReset(t)
		// F is a TTL after the last confirmation was sent, at most a quarter before.
		if took := time.Since(begun); took < g.ttl*5/8 {
			t.Errorf("cut after %v: a short trouble of etcd cuts nobody", took)
		}
		f.awaitRefused()
		f.awaitLog("transition", "deadline F passed", "to=Checking")
		relay.Cut()
		relay.Hold(false, false)
		s = f.awaitSession(one)
		s.works(t)
	}
	relay.Hold(true, true)
	f.signal(unix.SIGTERM) // the end does not wait for etcd
	f.expectExit(0)
}

// TestFrontendStays: a route is kept while etcd restarts.
func TestFrontendStays(t *testing.T) {
	t.Parallel()
	relay := etcdtest.MustRelay(t, shared.server.Addr())
	g := newGroup(t, 12*time.Second)
	one := echo(t)
	g.reign("a", one, 5)
	g.endpoint = "http://" + relay.Addr()
	f := g.frontend("f")
	s := f.awaitSession(one)
	relay.Hold(true, true)
	f.awaitLog("etcd request failed", "request=ReadRoute")
	s.works(t)
	relay.Cut()
	relay.Hold(false, false)
	f.awaitLog("etcd request succeeds again", "request=ReadRoute")
	s.works(t)
	if got := f.logged("msg=transition", "from=Routing"); len(got) != 0 {
		t.Errorf("the route was lost: %s", got)
	}
}

// TestFrontendPorts: a port that cannot be had for good, or only now.
func TestFrontendPorts(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	one := echo(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	g.must(err)
	lease := g.reign("a", one, 5)
	port := l.Addr().(*net.TCPAddr).Port
	env := []string{"MSDHA_PORT=" + strconv.Itoa(port)}
	f := &front{g.launch("f", built.frontend, nil, env), l.Addr().String()}
	f.awaitLog("level=WARN", "address already in use")
	line := f.awaitLog("level=ERROR", "cannot route, trying again", "address already in use")
	if !strings.Contains(line, strconv.Itoa(port)) {
		t.Errorf("the port is not in %q", line)
	}
	g.must(l.Close())
	f.awaitSession(one)
	f.expectLogged("listening at last")
	if got := f.logged("cannot route"); len(got) != 1 {
		t.Errorf("%d lines about it", len(got))
	}
	g.revoke(lease)
	f.awaitRefused()

	g.reign("b", "1:2:3:x", 6) // not an address at all
	f.awaitLog("cannot route, trying again", "1:2:3:x")
	f.expectRefused()
}

func TestFrontendPrivilegedPort(t *testing.T) {
	needRoot(t)
	t.Parallel()
	floor, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil || strings.TrimSpace(string(floor)) == "0" {
		t.Skip("every port may be had by everybody here")
	}
	g := newGroup(t, 20*time.Second)
	f := g.launch("f", built.frontend, asNobody, []string{"MSDHA_PORT=80"})
	f.expectExit(78)
	f.expectLogged("level=ERROR", "cannot start", "MSDHA_PORT", "80", "permission denied")
}

// TestFrontendUnresolvable: a name that does not resolve, yet, is asked for again
// with every connection.
func TestFrontendUnresolvable(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	f := g.frontend("f")
	g.reign("a", "no-such-host.invalid:5432", 5)
	f.awaitLog("msg=routing")
	for range 2 {
		s, err := dial(f.addr)
		if err != nil { // reset before the connection was known to be there
			continue
		}
		if text, err := s.line(); err == nil {
			t.Errorf("got %q", text)
		}
		_ = s.Close()
	}
	f.awaitLog("no-such-host.invalid")
	f.alive()
}

// TestFrontendRestarts: a new life needs nothing of the one before.
func TestFrontendRestarts(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 20*time.Second)
	one := echo(t)
	g.reign("a", one, 5)
	f := g.frontend("f")
	s := f.awaitSession(one)
	f.signal(unix.SIGKILL)
	f.awaitEnd()
	if _, err := s.line(); err == nil {
		t.Error("the session outlived the frontend")
	}
	_, port, err := net.SplitHostPort(f.addr)
	g.must(err)
	again := &front{g.launch("f", built.frontend, nil, []string{"MSDHA_PORT=" + port}), f.addr}
	again.awaitSession(one).works(t)
	eventually(t, "its key", func() bool { return g.item(kv.FrontendKey("f")).Present })
}

// TestFrontendFollows: a whole group fails over under its clients.
func TestFrontendFollows(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 2*time.Second)
	one, two := echo(t), echo(t)
	g.seed(1)
	a := g.start("a", nodeOptions{env: []string{"MSDHA_ADDRESS=" + one}})
	f := g.frontend("f")
	s := f.awaitSession(one)
	g.start("b", nodeOptions{env: []string{"MSDHA_ADDRESS=" + two}})
	g.awaitState("b", "ready")
	a.kill()
	s.awaitReset(t)
	f.awaitSession(two).works(t)
}

// TestFrontendWithoutEtcd: it waits forever, unless told otherwise.
func TestFrontendWithoutEtcd(t *testing.T) {
	t.Parallel()
	g := newGroup(t, 3*time.Second)
	g.endpoint = "http://127.0.0.1:1"
	f := g.frontend("f", "MSDHA_START_PATIENCE=4s")
	patient := g.frontend("patient")
	f.expectExit(69)
	f.expectLogged("level=ERROR", "msg=ends", "etcd could not be reached at start", "last_error=", "127.0.0.1:1")
	patient.awaitLog("etcd request failed")
	patient.signal(unix.SIGTERM)
	patient.expectExit(0)
}
