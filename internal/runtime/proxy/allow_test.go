package proxy

import (
	"io"
	"testing"
	"time"
)

// SPEC X4: past the deadline an established session forwards nothing. The fake
// clock jumps without the watchdog's knowing, so this is the check in the data
// path.
func TestNothingIsForwardedPastTheDeadline(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	send(t, client, "before")
	receive(t, server, "before")
	client2, server2 := r.session()
	client3, server3 := r.session()
	r.clock.Store(deadline)

	send(t, client, "after")
	if n := receiveReset(t, server); n != 0 {
		t.Errorf("the target received %d bytes", n)
	}
	receiveReset(t, client)

	send(t, server2, "after")
	if n := receiveReset(t, client2); n != 0 {
		t.Errorf("the client received %d bytes", n)
	}
	receiveReset(t, server2)

	// An end of the stream is something that is forwarded, too.
	if err := client3.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receiveReset(t, server3)

	before := r.idle()
	wantReset(t, r.proxy.Addr())
	if s := r.proxy.Stats(); s.Cuts != before.Cuts+1 || before.Cuts != 3 || s.DialErrors != 0 {
		t.Errorf("got %+v", s)
	}
	if err := r.target.SetDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if c, err := r.target.AcceptTCP(); err == nil {
		_ = c.Close()
		t.Error("the target was dialled past the deadline")
	}

	r.proxy.Allow(always)
	client, server = r.session()
	send(t, client, "allowed again")
	receive(t, server, "allowed again")
}

func TestNothingIsForwardedBeforeAllow(t *testing.T) {
	target := listenLoopback(t)
	p := newProxy(t, "127.0.0.1:0", boottime, io.Discard)
	if err := p.Open(target.Addr().String()); err != nil {
		t.Fatal(err)
	}
	wantReset(t, p.Addr())
}

// A write that was blocked when the deadline passed sends nothing afterwards.
func TestBlockedWriteStopsAtTheDeadline(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	stuff(t, client)
	r.clock.Store(deadline)
	forwarded := r.proxy.Stats().ToTarget
	got := receiveReset(t, server) // reading makes the proxy's socket writable
	if s := r.proxy.Stats(); s.ToTarget != forwarded || uint64(got) > forwarded {
		t.Errorf("forwarded %d before the deadline, %d after it; %d bytes were received",
			forwarded, s.ToTarget, got)
	}
}

// The watchdog needs neither a byte nor the caller.
func TestIdleSessionIsResetAtTheDeadline(t *testing.T) {
	target := listenLoopback(t)
	p := newProxy(t, "127.0.0.1:0", boottime, io.Discard)
	r := &rig{t: t, proxy: p, target: target}
	start := boottime()
	const first, last = 200 * time.Millisecond, 600 * time.Millisecond
	p.Allow(start + int64(first))
	r.open(target.Addr().String())
	p.Allow(start + int64(last)) // extended before it has passed
	client, server := r.session()
	address := p.Addr()
	receiveReset(t, client)
	receiveReset(t, server)
	if lived := time.Duration(boottime() - start); lived < last {
		t.Errorf("the session was reset after %v, it was allowed for %v", lived, last)
	}
	// The port stays open: whether to close it is the caller's decision.
	wantReset(t, address)

	p.Allow(always)
	client, server = r.session()
	send(t, client, "x")
	receive(t, server, "x")
	p.Allow(0) // a permission can be taken back
	receiveReset(t, client)
	receiveReset(t, server)
}

func TestExtendedPermissionKeepsSessions(t *testing.T) {
	target := listenLoopback(t)
	p := newProxy(t, "127.0.0.1:0", boottime, io.Discard)
	r := &rig{t: t, proxy: p, target: target}
	p.Allow(boottime() + int64(patience))
	r.open(target.Addr().String())
	client, server := r.session()
	for range 200 {
		p.Allow(boottime() + int64(patience))
		send(t, client, "x")
		receive(t, server, "x")
	}
	if s := p.Stats(); s.Active != 1 || s.Cuts != 0 {
		t.Errorf("got %+v", s)
	}
}
