package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// dialTimeout bounds resolving and connecting (SPEC X2).
const dialTimeout = 2 * time.Second

// keepAlive finds a silently lost peer of an idle session after a minute.
var keepAlive = net.KeepAliveConfig{
	Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
}

// ErrClosed is what Open returns after Close.
var ErrClosed = errors.New("cannot open a proxy that was closed")

// Config is what a Proxy needs; all fields are required.
type Config struct {
	// Listen is the address to listen on, such as ":5432". Its port is also
	// dialled on a target that names none.
	Listen string
	// Clock is nanoseconds of CLOCK_BOOTTIME. It is called before every write
	// and must be safe for concurrent use.
	Clock func() int64
	Log   *slog.Logger
}

// Stats are counts since New, but for Active.
type Stats struct {
	Accepted   uint64 // connections accepted
	Active     int64  // sessions that exist now
	DialErrors uint64
	ToTarget   uint64 // bytes written to targets
	ToClient   uint64 // bytes written to clients
	// Resets are sessions that ended because one side reset them or could not
	// be reached; Cuts those that Open, Cut, Close or the deadline ended.
	Resets uint64
	Cuts   uint64
}

type counters struct {
	accepted, dialErrors, toTarget, toClient, resets, cuts atomic.Uint64
	active                                                 atomic.Int64
}

// Proxy forwards to at most one target at a time. Its methods may be called
// concurrently.
type Proxy struct {
	config   Config
	until    atomic.Int64 // CLOCK_BOOTTIME, nanoseconds
	count    counters
	dials    burst
	accepts  burst
	routines sync.WaitGroup

	change sync.Mutex // held by Open, Cut and Close as a whole
	closed bool

	mu      sync.Mutex
	current *generation // nil while cut
}

// New makes a proxy that is cut, and that may not forward until Allow.
func New(config Config) *Proxy {
	return &Proxy{config: config}
}

// Open cuts what there is, listens, and forwards to target: host, host:port,
// an IPv6 address, or one in brackets with a port. It begins a new generation
// even if the target is the same: at the same address there may be another
// incarnation. A failure to listen is a *BindError; the proxy is then cut, and
// Open may be repeated.
func (p *Proxy) Open(target string) error {
	p.change.Lock()
	defer p.change.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.cut()
	address, err := targetAddress(target, p.config.Listen)
	if err != nil {
		return err
	}
	g, err := newGeneration(p, address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.current = g
	p.mu.Unlock()
	p.routines.Go(g.accept)
	p.routines.Go(g.watch)
	return nil
}

// Cut stops listening and resets every session. When it returns, both have
// happened, and no byte that a session still held will be sent.
func (p *Proxy) Cut() {
	p.change.Lock()
	defer p.change.Unlock()
	p.cut()
}

func (p *Proxy) cut() {
	p.mu.Lock()
	g := p.current
	p.current = nil
	p.mu.Unlock()
	if g != nil {
		g.end()
	}
}

// Close cuts, for good, and waits for the proxy's goroutines.
func (p *Proxy) Close() {
	p.change.Lock()
	p.closed = true
	p.cut()
	p.change.Unlock()
	p.routines.Wait()
}

// Allow permits forwarding until the given time on the proxy's clock, in
// nanoseconds (SPEC X4). It replaces the time of the call before, may go back,
// and outlives Open and Cut. Before the first call nothing is forwarded.
func (p *Proxy) Allow(until int64) {
	p.until.Store(until)
	p.mu.Lock()
	g := p.current
	p.mu.Unlock()
	if g != nil {
		g.poke()
	}
}

// left is how many nanoseconds of the permission are left; none at 0 and below.
func (p *Proxy) left() int64 { return p.until.Load() - p.config.Clock() }

// Addr is the address that is listened on, nil while cut.
func (p *Proxy) Addr() net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil {
		return nil
	}
	return p.current.listener.Addr()
}

// Stats reads the counters, one after the other.
func (p *Proxy) Stats() Stats {
	c := &p.count
	return Stats{
		Accepted: c.accepted.Load(), Active: c.active.Load(), DialErrors: c.dialErrors.Load(),
		ToTarget: c.toTarget.Load(), ToClient: c.toClient.Load(),
		Resets: c.resets.Load(), Cuts: c.cuts.Load(),
	}
}

// listen binds the proxy's address. Multipath TCP, which Go's listeners offer by
// default, is switched off: what lingering, SIOCOUTQ and TCP_INFO say of its
// sockets is not what this package relies on.
func (p *Proxy) listen() (*net.TCPListener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), "tcp", p.config.Listen)
	if err != nil {
		return nil, newBindError(p.config.Listen, err)
	}
	return l.(*net.TCPListener), nil
}

// burst thins out a log: of errors in a row only the first is worth a line.
type burst struct {
	failed atomic.Bool
}

// begins says whether an error is the first since ends.
func (b *burst) begins() bool { return b.failed.CompareAndSwap(false, true) }

// ends says whether there were errors before this success. The load keeps the
// usual case, a success after a success, from writing to a shared cache line.
func (b *burst) ends() bool { return b.failed.Load() && b.failed.CompareAndSwap(true, false) }
