package proxy

import (
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"msdha/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds every wait of a test; nothing waits for it to pass.
const patience = 20 * time.Second

const (
	deadline = math.MaxInt64 / 2
	always   = math.MaxInt64
)

// fakeClock stands still until it is set.
type fakeClock struct{ atomic.Int64 }

func (c *fakeClock) now() int64 { return c.Load() }

func boottime() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic(err)
	}
	return ts.Nano()
}

// rig is a proxy before a target whose connections the test holds.
type rig struct {
	t      testing.TB
	proxy  *Proxy
	clock  *fakeClock
	log    *testkit.Output
	target *net.TCPListener
}

// newRig starts a proxy that is open, and may forward until its clock, which
// stands at 0, is set to deadline. The watchdog sleeps for a century, as it
// does not learn that the clock jumps.
func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, clock: &fakeClock{}, log: &testkit.Output{}, target: listenLoopback(t)}
	r.proxy = newProxy(t, "127.0.0.1:0", r.clock.now, r.log)
	r.proxy.Allow(deadline)
	r.open(r.target.Addr().String())
	return r
}

func newProxy(t testing.TB, listen string, clock func() int64, log io.Writer) *Proxy {
	p := New(Config{
		Listen: listen, Clock: clock, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	t.Cleanup(p.Close)
	return p
}

func listenLoopback(t testing.TB) *net.TCPListener {
	t.Helper()
	lc := net.ListenConfig{}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}

func (r *rig) open(target string) {
	r.t.Helper()
	if err := r.proxy.Open(target); err != nil {
		r.t.Fatal(err)
	}
}

func dial(t testing.TB, address net.Addr) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	return own(t, c.(*net.TCPConn))
}

// own bounds every call on a connection, and closes it after the test.
func own(t testing.TB, c *net.TCPConn) *net.TCPConn {
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rig) client() *net.TCPConn {
	r.t.Helper()
	return dial(r.t, r.proxy.Addr())
}

// session is a client's connection and the target's end of it.
func (r *rig) session() (client, server *net.TCPConn) {
	r.t.Helper()
	client = r.client()
	if err := r.target.SetDeadline(time.Now().Add(patience)); err != nil {
		r.t.Fatal(err)
	}
	server, err := r.target.AcceptTCP()
	if err != nil {
		r.t.Fatal(err)
	}
	return client, own(r.t, server)
}

// wantReset connects to where a client is reset at once, which it may be told
// while it connects.
func wantReset(t testing.TB, address net.Addr) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address.String(), patience)
	switch {
	case err == nil:
		receiveReset(t, own(t, c.(*net.TCPConn)))
	case !errors.Is(err, syscall.ECONNRESET):
		t.Fatal(err)
	}
}

func waitFor(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// idle waits until the proxy has done with all its sessions: peers learn of
// their end before it is counted.
func (r *rig) idle() Stats {
	r.t.Helper()
	waitFor(r.t, "the sessions end", func() bool { return r.proxy.Stats().Active == 0 })
	if g := r.proxy.current; g != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if n := len(g.sessions); n != 0 {
			r.t.Errorf("%d sessions that have ended are still known", n)
		}
	}
	return r.proxy.Stats()
}

// exchange proves that a session is established.
func exchange(t testing.TB, client, server *net.TCPConn) {
	t.Helper()
	send(t, client, "ping")
	receive(t, server, "ping")
	send(t, server, "pong")
	receive(t, client, "pong")
}

func send(t testing.TB, c *net.TCPConn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, c *net.TCPConn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil || string(b) != text {
		t.Fatalf("got %q, error %v, want %q", b, err, text)
	}
}

func receiveEnd(t testing.TB, c *net.TCPConn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Fatalf("got %d bytes, error %v, want the end of the stream", n, err)
	}
}

// receiveReset reads until the connection is reset, and returns how much came.
func receiveReset(t testing.TB, c *net.TCPConn) int64 {
	t.Helper()
	n, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("got %d bytes, error %v, want a reset", n, err)
	}
	return n
}

// stuff writes until nothing more fits into any buffer on the way, and returns
// how many bytes were taken. A write that has been blocked for a while tells.
func stuff(t testing.TB, c *net.TCPConn) int64 {
	t.Helper()
	var sum int64
	block := make([]byte, 1<<20)
	for {
		if err := c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Write(block)
		sum += int64(n)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return sum
}

// unread is what the kernel holds for the reader of a connection.
func unread(t testing.TB, c *net.TCPConn) int64 {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if ctlErr := raw.Control(func(fd uintptr) {
		n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ)
	}); ctlErr != nil || err != nil {
		t.Fatal(ctlErr, err)
	}
	return int64(n)
}
