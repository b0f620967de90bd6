package etcdtest

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

func TestServerKeepsItsDataUntilItIsWiped(t *testing.T) {
	s, err := Start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c, err := s.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()

	lease, err := c.Grant(ctx, 1)
	if err != nil || lease.TTL != 1 {
		t.Fatalf("granted %+v, %v; want the shortest TTL of 1 s", lease, err)
	}
	before, err := c.Put(ctx, "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	watch := c.Watch(clientv3.WithRequireLeader(ctx), "a", clientv3.WithCreatedNotify())
	<-watch // an open stream does not hold up the restart
	begun := time.Now()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > patience/4 {
		t.Errorf("the restart took %s", took)
	}
	kept, err := c.Get(ctx, "a")
	if err != nil || kept.Count != 1 || kept.Header.ClusterId != before.Header.ClusterId {
		t.Errorf("after the restart: %+v, %v", kept, err)
	}
	if err := s.Wipe(); err != nil {
		t.Fatal(err)
	}
	wiped, err := c.Get(ctx, "a")
	if err != nil || wiped.Count != 0 || wiped.Header.ClusterId == before.Header.ClusterId ||
		wiped.Header.Revision >= before.Header.Revision {
		t.Errorf("after the wipe: %+v, %v", wiped, err)
	}
}

func TestPortInUseIsAnError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := Start(Options{ClientPort: l.Addr().(*net.TCPAddr).Port})
	if err == nil {
		s.Close()
		t.Fatal("etcd has started on a port in use")
	}
}

// echo answers every byte with itself.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c) // ends with the connection
			}()
		}
	}()
	return l.Addr().String()
}

func TestRelay(t *testing.T) {
	r, err := NewRelay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", r.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	write := func(c net.Conn, s string) {
		t.Helper()
		if _, err := c.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	read := func(c net.Conn, want string, within time.Duration) error {
		buf := make([]byte, len(want))
		if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
			return err
		}
		_, err := io.ReadFull(c, buf)
		if err == nil && string(buf) != want {
			t.Errorf("read %q, want %q", buf, want)
		}
		return err
	}
	silent := func(c net.Conn) {
		t.Helper()
		err := read(c, "x", 100*time.Millisecond)
		if e, ok := err.(net.Error); !ok || !e.Timeout() {
			t.Errorf("a held connection gives %v", err)
		}
	}
	speaks := func(c net.Conn, want string) {
		t.Helper()
		if err := read(c, want, patience); err != nil {
			t.Errorf("cannot read %q: %v", want, err)
		}
	}

	a := dial()
	write(a, "a")
	speaks(a, "a")
	for _, held := range [][2]bool{{true, false}, {false, true}, {true, true}} {
		r.Hold(held[0], held[1])
		write(a, "b")
		silent(a)
		r.Hold(false, false)
		speaks(a, "b")
	}

	r.Freeze()
	write(a, "c")
	silent(a)
	b := dial()
	write(b, "d")
	speaks(b, "d")

	if n := r.Connections(); n != 2 {
		t.Errorf("%d connections, want 2", n)
	}
	r.Cut()
	for _, c := range []net.Conn{a, b} {
		if err := read(c, "x", patience); err == nil {
			t.Error("a cut connection still speaks")
		} else if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Error("a cut connection is silent")
		}
	}
	if n := r.Connections(); n != 0 {
		t.Errorf("%d connections, want none", n)
	}
}
