package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/testkit"
)

// wantService proves that a proxy has survived whatever was done to it.
func (r *rig) wantService() {
	r.t.Helper()
	r.open(r.target.Addr().String())
	client, server := r.session()
	send(r.t, client, "alive")
	receive(r.t, server, "alive")
}

func TestNameThatDoesNotResolve(t *testing.T) {
	r := newRig(t)
	r.open("no-such-node.invalid:5432")
	start := time.Now()
	wantReset(t, r.proxy.Addr())
	wantReset(t, r.proxy.Addr())
	if took := time.Since(start); took > 2*dialTimeout+time.Second {
		t.Errorf("two clients were held for %v", took)
	}
	if s := r.idle(); s.DialErrors != 2 || s.Resets != 2 || s.Active != 0 {
		t.Errorf("got %+v", s)
	}
	if n := r.log.Count("cannot reach the target"); n != 1 {
		t.Errorf("two failures in a row were logged %d times", n)
	}
	r.wantService()
	waitFor(t, "the recovery is logged", func() bool {
		return r.log.Count("reaching the target again") == 1
	})
}

func TestTargetThatRefuses(t *testing.T) {
	r := newRig(t)
	gone := listenLoopback(t)
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	r.open(gone.Addr().String())
	wantReset(t, r.proxy.Addr())
	if s := r.idle(); s.DialErrors != 1 {
		t.Errorf("got %+v", s)
	}
	r.wantService()
}

// blackhole listens with a queue that is full: a SYN gets no answer.
func blackhole(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	loopback := [4]byte{127, 0, 0, 1}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: loopback}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err != nil {
			return address
		}
		own(t, c.(*net.TCPConn))
	}
	t.Fatal("the queue of the listener does not fill up")
	return ""
}

func TestTargetThatDoesNotAnswer(t *testing.T) {
	r := newRig(t)
	r.open(blackhole(t))
	start := time.Now()
	wantReset(t, r.proxy.Addr())
	if took := time.Since(start); took < dialTimeout || took > dialTimeout+2*time.Second {
		t.Errorf("the client was held for %v, want the connect timeout of %v", took, dialTimeout)
	}
	r.idle()
	// A cut does not wait for a dial.
	client := r.client()
	waitFor(t, "the second session exists", func() bool { return r.proxy.Stats().Accepted == 2 })
	start = time.Now()
	r.proxy.Cut()
	receiveReset(t, client)
	if took := time.Since(start); took > dialTimeout/2 {
		t.Errorf("the cut took %v", took)
	}
	if s := r.idle(); s.DialErrors != 1 || s.Cuts != 1 || s.Resets != 1 {
		t.Errorf("got %+v", s)
	}
	r.wantService()
}

func TestPortIsInUse(t *testing.T) {
	taken := listenLoopback(t)
	address := taken.Addr().String()
	log := &testkit.Output{}
	p := newProxy(t, address, boottime, log)
	err := p.Open("127.0.0.1")
	var bindErr *BindError
	if !errors.As(err, &bindErr) || !errors.Is(err, syscall.EADDRINUSE) ||
		!strings.Contains(err.Error(), "another program listens on port") {
		t.Fatalf("got %v", err)
	}
	if p.Addr() != nil {
		t.Error("a proxy that could not listen has an address")
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.Open("127.0.0.1"); err != nil {
		t.Errorf("the port is free, but Open says %v", err)
	}
}

// A port below 1024 without the right to it. Where the machine gives the right
// to all (Docker's default), the port is simply opened.
func TestPortWithoutTheRight(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if err != nil {
		t.Fatal(err)
	}
	free, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	const port = 81
	p := newProxy(t, fmt.Sprintf("127.0.0.1:%d", port), boottime, &testkit.Output{})
	failed := make(chan error)
	go func() {
		// The thread has lost a capability; not being unlocked, it ends with
		// the goroutine.
		runtime.LockOSThread()
		if err := dropBindCapability(); err != nil {
			failed <- err
			return
		}
		failed <- p.Open("127.0.0.1")
	}()
	err = <-failed
	if port >= free {
		if err != nil {
			t.Errorf("everybody may listen on port %d, but got %v", port, err)
		}
		return
	}
	var bindErr *BindError
	if !errors.As(err, &bindErr) || !errors.Is(err, syscall.EACCES) {
		t.Fatalf("got %v", err)
	}
	for _, cure := range []string{
		"--user=root", "NET_BIND_SERVICE", "net.ipv4.ip_unprivileged_port_start=81", "127.0.0.1:81",
	} {
		if !strings.Contains(err.Error(), cure) {
			t.Errorf("the message %q lacks %q", err, cure)
		}
	}
}

func dropBindCapability() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1 << unix.CAP_NET_BIND_SERVICE
	return unix.Capset(&header, &data[0])
}

func TestBindErrors(t *testing.T) {
	for _, c := range []struct{ listen, want string }{
		{"192.0.2.1:5432", "belongs to no interface"},
		{"5432", "give it as host:port"},
		{"127.0.0.1:http-no", "cannot listen on 127.0.0.1:http-no"},
	} {
		err := newProxy(t, c.listen, boottime, &testkit.Output{}).Open("127.0.0.1:1")
		var bindErr *BindError
		if !errors.As(err, &bindErr) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.listen, err, c.want)
		}
	}
}

func TestTargetAddress(t *testing.T) {
	for _, c := range []struct{ target, want string }{
		{"db", "db:5432"},
		{"db:1", "db:1"},
		{"10.0.0.1", "10.0.0.1:5432"},
		{"::1", "[::1]:5432"},
		{"[::1]", "[::1]:5432"},
		{"[::1]:1", "[::1]:1"},
		{"", ""},
		{":1", ""},
		{"a:b:c", ""},
		{"db:0", ""},
		{"db:x", ""},
		{"db:65536", ""},
	} {
		got, err := targetAddress(c.target, ":5432")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: got %q, error %v, want %q", c.target, got, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), strconv.Quote(c.target)) {
			t.Errorf("%q: the message %q does not name it", c.target, err)
		}
	}
}

// SPEC X2: the own port unless the target names one.
func TestOwnPortIsDialled(t *testing.T) {
	r := newRig(t)
	_, port, err := net.SplitHostPort(r.target.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r.proxy = newProxy(t, "127.0.0.2:"+port, r.clock.now, r.log)
	r.proxy.Allow(always)
	r.open("127.0.0.1")
	client, server := r.session()
	send(t, client, "x")
	receive(t, server, "x")
	r.open("localhost") // by name
	client, server = r.session()
	send(t, client, "y")
	receive(t, server, "y")
}

// Out of descriptors, the proxy neither dies nor spins nor floods the log, and
// serves those who waited once there are some.
func TestOutOfDescriptors(t *testing.T) {
	r := newRig(t)
	const clients = 3
	var waiting [clients]int
	for i := range waiting {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		waiting[i] = fd
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	low := limit
	low.Cur = 3 // all numbers below are in use
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	restore := func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
	}
	defer restore()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	to := r.proxy.Addr().(*net.TCPAddr)
	for _, fd := range waiting {
		address := &unix.SockaddrInet4{Port: to.Port, Addr: [4]byte(to.IP.To4())}
		if err := unix.Connect(fd, address); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the shortage is logged", func() bool {
		return r.log.Count("too many open files") == 1
	})
	const window = 300 * time.Millisecond
	for start := time.Now(); time.Since(start) < window; time.Sleep(window / 10) {
		if n := r.log.Count("cannot accept"); n != 1 {
			t.Fatalf("the shortage was logged %d times", n)
		}
	}
	before := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	if spent := time.Duration(used.Utime.Nano()+used.Stime.Nano()) - before; spent > window/6 {
		t.Errorf("waiting for descriptors took %v of processor time in %v", spent, window)
	}
	restore()
	for range waiting {
		if err := r.target.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		c, err := r.target.AcceptTCP()
		if err != nil {
			t.Fatal(err)
		}
		own(t, c)
	}
	if r.log.Count("accepting connections again") != 1 {
		t.Error("the recovery is not logged")
	}
}
