package proxy

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestHalfCloseByClient(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	send(t, client, "question")
	if err := client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receive(t, server, "question")
	receiveEnd(t, server)
	send(t, server, "a late answer")
	receive(t, client, "a late answer")
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	receiveEnd(t, client)
	if s := r.idle(); s.Resets != 0 || s.Cuts != 0 || s.ToTarget != 8 || s.ToClient != 13 {
		t.Errorf("got %+v", s)
	}
}

func TestHalfCloseByServer(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	send(t, server, "greeting")
	if err := server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	receive(t, client, "greeting")
	receiveEnd(t, client)
	send(t, client, "and still")
	receive(t, server, "and still")
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	receiveEnd(t, server)
	if s := r.idle(); s.Resets != 0 || s.Cuts != 0 {
		t.Errorf("got %+v", s)
	}
}

// pour writes size bytes of a stream in pieces of random length, ends it, and
// returns their digest.
func pour(t *testing.T, c *net.TCPConn, seed uint64, size int) []byte {
	random := rand.New(rand.NewPCG(seed, seed))
	stream := rand.NewChaCha8([32]byte{byte(seed)})
	digest := sha256.New()
	buffer := make([]byte, 300<<10)
	for size > 0 {
		piece := buffer[:min(size, 1+random.IntN(len(buffer)))]
		_, _ = stream.Read(piece) // never fails
		digest.Write(piece)
		if _, err := c.Write(piece); err != nil {
			t.Error(err)
			break
		}
		size -= len(piece)
	}
	if err := c.CloseWrite(); err != nil {
		t.Error(err)
	}
	return digest.Sum(nil)
}

func drink(t *testing.T, c *net.TCPConn) []byte {
	digest := sha256.New()
	if _, err := io.Copy(digest, c); err != nil {
		t.Error(err)
	}
	return digest.Sum(nil)
}

func TestAllBytesAndNothingButThem(t *testing.T) {
	const size, sessions = 24 << 20, 3
	r := newRig(t)
	var wg sync.WaitGroup
	for n := range uint64(sessions) {
		client, server := r.session()
		var up, down, gotUp, gotDown []byte
		var flows sync.WaitGroup
		flows.Go(func() { up = pour(t, client, 2*n, size) })
		flows.Go(func() { down = pour(t, server, 2*n+1, size) })
		flows.Go(func() { gotUp = drink(t, server) })
		flows.Go(func() { gotDown = drink(t, client) })
		wg.Go(func() {
			flows.Wait()
			if !bytes.Equal(up, gotUp) || !bytes.Equal(down, gotDown) {
				t.Errorf("session %d: other bytes came out than went in", n)
			}
		})
	}
	wg.Wait()
	if s := r.idle(); s.ToTarget != sessions*size || s.ToClient != sessions*size {
		t.Errorf("got %+v", s)
	}
}

func TestResetPropagates(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	exchange(t, client, server)
	reset(client)
	receiveReset(t, server)
	client, server = r.session()
	exchange(t, client, server)
	reset(server)
	receiveReset(t, client)
	if s := r.idle(); s.Resets != 2 || s.Cuts != 0 {
		t.Errorf("got %+v", s)
	}
}

// pair is the two ends of a connection.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l := listenLoopback(t)
	a = dial(t, l.Addr())
	b, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	return a, own(t, b)
}

// The kernel reports a reset once. When the direction that is writing gets the
// report, the one that is reading must not take the silence for an end of the
// stream: a client could take half of an answer for the whole.
func TestResetReportedToTheWriterIsNotAnEnd(t *testing.T) {
	r := newRig(t)
	client, clientEnd := pair(t)
	server, serverEnd := pair(t)
	reset(server)
	raw, err := serverEnd.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the report of the reset", func() bool {
		report := 0
		if err := raw.Control(func(fd uintptr) { // takes it, as a write would
			report, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		}); err != nil {
			t.Fatal(err)
		}
		return report == int(unix.ECONNRESET)
	})
	s := &session{generation: r.proxy.current, client: clientEnd, server: serverEnd}
	_, toClient, err := newPumps(s, clientEnd, serverEnd)
	if err != nil {
		t.Fatal(err)
	}
	if err := toClient.forward(); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("got error %v, want a reset", err)
	}
	reset(clientEnd)
	receiveReset(t, client)
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestIdleSessionHoldsTwoDescriptors(t *testing.T) {
	r := newRig(t)
	client, server := r.session()
	send(t, client, "warm")
	receive(t, server, "warm")
	before := descriptors(t)
	const sessions = 50
	for range sessions {
		client, server := r.session()
		exchange(t, client, server)
	}
	// The test holds the other two ends of each.
	if got, want := descriptors(t)-before, 4*sessions; got != want {
		t.Errorf("%d idle sessions hold %d descriptors, want %d", sessions, got-2*sessions, 2*sessions)
	}
	r.proxy.Cut()
	// The listener and the first session's two are gone as well. Goroutines
	// that are just leaving may hold the last references to some.
	waitFor(t, "the descriptors are closed", func() bool {
		return descriptors(t)-before == 2*sessions-2-1
	})
}

func TestIdleSessionHoldsNoBuffer(t *testing.T) {
	const sessions, limit = 200, 24 << 10
	r := newRig(t)
	memory := func() uint64 {
		runtime.GC()
		runtime.GC() // the second one frees what pools held during the first
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := memory()
	block := string(make([]byte, 128<<10))
	for range sessions {
		client, server := r.session()
		send(t, client, block)
		receive(t, server, block)
		send(t, server, block)
		receive(t, client, block)
	}
	if each := (memory() - before) / sessions; int64(each) > limit {
		t.Errorf("an idle session holds %d bytes, the limit is %d", each, limit)
	}
}
