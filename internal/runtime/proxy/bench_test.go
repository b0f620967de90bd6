package proxy

import (
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
)

// Every benchmark runs against the target itself and through the proxy, in the
// same process and right after one another: on a busy machine only the ratio
// means something.
func directAndProxy(b *testing.B, serve func(*net.TCPConn), run func(*testing.B, net.Addr)) {
	target := listenLoopback(b)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := target.AcceptTCP()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				serve(c)
			})
		}
	})
	p := newProxy(b, "127.0.0.1:0", boottime, io.Discard)
	p.Allow(always)
	if err := p.Open(target.Addr().String()); err != nil {
		b.Fatal(err)
	}
	b.Run("direct", func(b *testing.B) { run(b, target.Addr()) })
	b.Run("proxy", func(b *testing.B) { run(b, p.Addr()) })
	p.Close()
	_ = target.Close()
	serving.Wait()
}

func echo(c *net.TCPConn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if _, err := c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func connect(b *testing.B, address net.Addr) net.Conn {
	c, err := net.Dial("tcp", address.String())
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// bounce sends a message and reads its echo.
func bounce(b *testing.B, c net.Conn, message []byte) {
	if _, err := c.Write(message); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(c, message); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPingPong(b *testing.B) {
	directAndProxy(b, echo, func(b *testing.B, address net.Addr) {
		c := connect(b, address)
		defer c.Close()
		message := make([]byte, 100)
		b.ReportAllocs()
		for b.Loop() {
			bounce(b, c, message)
		}
	})
}

func BenchmarkThroughput(b *testing.B) {
	discard := func(c *net.TCPConn) {
		buffer := make([]byte, 256<<10)
		for {
			if _, err := c.Read(buffer); err != nil {
				return
			}
		}
	}
	directAndProxy(b, discard, func(b *testing.B, address net.Addr) {
		c := connect(b, address)
		defer c.Close()
		block := make([]byte, 256<<10)
		b.SetBytes(int64(len(block)))
		for b.Loop() {
			if _, err := c.Write(block); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkConnect(b *testing.B) {
	directAndProxy(b, echo, func(b *testing.B, address net.Addr) {
		message := make([]byte, 1)
		for b.Loop() {
			c := connect(b, address)
			bounce(b, c, message)
			if err := c.Close(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkIdleSession reports what an idle session costs, its client and its
// target included; direct has those alone.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 1000
	memory := func() float64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc + m.StackInuse)
	}
	answer := func(c *net.TCPConn) {
		one := make([]byte, 1)
		for {
			if _, err := c.Read(one); err != nil {
				return
			}
			if _, err := c.Write(one); err != nil {
				return
			}
		}
	}
	directAndProxy(b, answer, func(b *testing.B, address net.Addr) {
		most := 0.0 // later rounds find the memory of earlier ones being freed
		for b.Loop() {
			before := memory()
			clients := make([]net.Conn, sessions)
			for i := range clients {
				clients[i] = connect(b, address)
				bounce(b, clients[i], make([]byte, 1))
			}
			most = max(most, (memory()-before)/sessions)
			for _, c := range clients {
				_ = c.Close()
			}
		}
		b.ReportMetric(most, "B/session")
	})
}

func BenchmarkCut(b *testing.B) {
	const sessions = 500
	target := listenLoopback(b)
	p := newProxy(b, "127.0.0.1:0", boottime, io.Discard)
	p.Allow(always)
	for b.Loop() {
		b.StopTimer()
		if err := p.Open(target.Addr().String()); err != nil {
			b.Fatal(err)
		}
		ends := make([]net.Conn, 0, 2*sessions)
		for range sessions {
			ends = append(ends, connect(b, p.Addr()))
			c, err := target.AcceptTCP()
			if err != nil {
				b.Fatal(err)
			}
			ends = append(ends, c)
		}
		b.StartTimer()
		p.Cut()
		b.StopTimer()
		for _, c := range ends {
			_ = c.Close()
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/sessions, "ns/session")
}
