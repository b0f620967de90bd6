package proxy

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

func wantRefused(t *testing.T, address net.Addr) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address.String(), patience)
	if err == nil {
		_ = c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got error %v, want a refused connection", err)
	}
}

func TestCutResetsBothSides(t *testing.T) {
	r := newRig(t)
	address := r.proxy.Addr()
	client, server := r.session()
	send(t, client, "x")
	receive(t, server, "x")
	r.proxy.Cut()
	wantRefused(t, address)
	receiveReset(t, client)
	receiveReset(t, server)
	if s := r.idle(); s.Cuts != 1 || s.Resets != 0 {
		t.Errorf("got %+v", s)
	}
	if r.proxy.Addr() != nil {
		t.Error("a proxy that is cut has an address")
	}
	r.proxy.Cut() // does nothing
	r.open(r.target.Addr().String())
	client, server = r.session()
	send(t, client, "again")
	receive(t, server, "again")
}

// What was on its way in a kernel buffer of the proxy does not arrive after the
// cut, in neither direction.
func TestCutDropsKernelBuffers(t *testing.T) {
	for _, up := range []bool{true, false} {
		r := newRig(t)
		client, server := r.session()
		from, to := client, server
		if !up {
			from, to = server, client
		}
		sent := stuff(t, from)
		arrived := unread(t, to) // all stands still by now
		forwarded := int64(r.proxy.Stats().ToTarget + r.proxy.Stats().ToClient)
		if forwarded <= arrived || sent <= forwarded {
			t.Fatalf("sent %d, forwarded %d, arrived %d: the kernel holds nothing to drop",
				sent, forwarded, arrived)
		}
		r.proxy.Cut()
		if got := receiveReset(t, to); got != arrived {
			t.Errorf("up %v: %d bytes were received, %d had arrived before the cut", up, got, arrived)
		}
		receiveReset(t, from)
	}
}

// A session whose two streams have ended has bytes left in the kernel as long
// as a peer does not read. They must not outlive a cut.
func TestCutDropsTheRestOfAFinishedSession(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receiveEnd(t, client)
	if err := server.SetReadBuffer(32 << 10); err != nil { // does not grow any more
		t.Fatal(err)
	}
	const size = 4 << 20
	var flow sync.WaitGroup
	flow.Go(func() { pour(t, client, 1, size) })
	var consumed int64
	block := make([]byte, 32<<10)
	waitFor(t, "all is forwarded", func() bool {
		if r.proxy.Stats().ToTarget == size {
			return true
		}
		// A little at a time, so that the proxy's kernel buffer stays full.
		n, err := server.Read(block)
		if err != nil {
			t.Fatal(err)
		}
		consumed += int64(n)
		return false
	})
	flow.Wait()
	if s := r.proxy.Stats(); s.Active != 1 {
		t.Fatalf("got %+v, want the session to be known while bytes are on their way", s)
	}
	r.proxy.Cut()
	if got := receiveReset(t, server); consumed+got >= size {
		t.Errorf("all %d bytes arrived in spite of the cut", size)
	}
	if s := r.idle(); s.Cuts != 1 {
		t.Errorf("got %+v", s)
	}
}

// Without a cut they arrive.
func TestFinishedSessionDeliversTheRest(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20
	want := pour(t, client, 1, size)
	if got := drink(t, server); string(got) != string(want) {
		t.Error("other bytes came out than went in")
	}
	if s := r.idle(); s.ToTarget != size || s.Resets != 0 {
		t.Errorf("got %+v", s)
	}
}

func TestCutOfManySessions(t *testing.T) {
	const sessions = 200
	r := newRig(t)
	var ends []*net.TCPConn
	for range sessions {
		client, server := r.session()
		ends = append(ends, client, server)
		exchange(t, client, server)
	}
	var wg sync.WaitGroup
	for i := 0; i < len(ends); i += 2 {
		wg.Go(func() { // a flow that goes on until it is cut
			for {
				if _, err := ends[i].Write([]byte("more")); err != nil {
					return
				}
			}
		})
		wg.Go(func() { receiveReset(t, ends[i+1]) })
	}
	waitFor(t, "bytes flow", func() bool { return r.proxy.Stats().ToTarget > 100*sessions })
	r.proxy.Cut()
	if s := r.idle(); s.Cuts != sessions || s.Resets != 0 {
		t.Errorf("got %+v", s)
	}
	wg.Wait()
}

func TestOpenReplacesTheTarget(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	exchange(t, client, server)
	address := r.target.Addr().String()
	r.target = listenLoopback(t)
	r.open(r.target.Addr().String())
	receiveReset(t, client)
	receiveReset(t, server)
	client, server = r.session()
	send(t, client, "to the second")
	receive(t, server, "to the second")
	r.open(address) // the same address again is another generation, too
	receiveReset(t, client)
}

// A dial that completes after the cut finds its session ended.
func TestLateDialIsNotAttached(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	g := r.proxy.current
	s := &session{generation: g, client: client}
	if !g.add(s) {
		t.Fatal("cannot add a session to an open generation")
	}
	r.proxy.count.active.Add(1)
	r.proxy.Cut()
	if s.attach(server) {
		t.Error("the connection was attached to a session that had been cut")
	}
	if g.add(&session{}) {
		t.Error("a session was added to a generation that is over")
	}
}

// Cuts at any moment of a session's beginning leave nothing behind.
func TestCutWhileConnecting(t *testing.T) {
	r := newRig(t)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := r.target.AcceptTCP()
			if err != nil {
				return
			}
			serving.Go(func() { receiveAnyEnd(c) })
		}
	})
	for n := range 100 {
		var clients sync.WaitGroup
		address := r.proxy.Addr().String()
		for range 4 {
			clients.Go(func() {
				c, err := net.DialTimeout("tcp", address, patience)
				if err != nil {
					return // refused, or reset in the queue: both are a cut
				}
				_, _ = c.Write([]byte("x"))
				receiveAnyEnd(c.(*net.TCPConn))
			})
		}
		for spin := time.Now(); time.Since(spin) < time.Duration(n)*10*time.Microsecond; {
		}
		r.proxy.Cut()
		r.idle()
		clients.Wait()
		r.open(r.target.Addr().String())
	}
	r.proxy.Close()
	_ = r.target.Close()
	serving.Wait()
	if err := r.proxy.Open("127.0.0.1:1"); !errors.Is(err, ErrClosed) {
		t.Errorf("Open after Close: got %v", err)
	}
}

// receiveAnyEnd reads until the connection ends in whichever way.
func receiveAnyEnd(c *net.TCPConn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	for {
		if _, err := c.Read(make([]byte, 1<<10)); err != nil {
			return
		}
	}
}
