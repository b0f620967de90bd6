package proxy

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Waits between attempts to accept while descriptors or memory are short.
const (
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = time.Second
)

// generation is one listener with the sessions that it accepted.
type generation struct {
	proxy    *Proxy
	target   string // host:port
	listener *net.TCPListener
	// ctx ends with the generation, and with it every dial and every wait.
	ctx    context.Context
	cancel context.CancelFunc
	over   atomic.Bool // read before every write
	pokes  chan struct{}

	mu       sync.Mutex
	sessions map[*session]struct{} // nil once over
}

func newGeneration(p *Proxy, target string) (*generation, error) {
	l, err := p.listen()
	if err != nil {
		return nil, err
	}
	g := &generation{
		proxy: p, target: target, listener: l,
		pokes: make(chan struct{}, 1), sessions: map[*session]struct{}{},
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g, nil
}

// mayForward is the check of SPEC X4.
func (g *generation) mayForward() bool { return !g.over.Load() && g.proxy.left() > 0 }

// end closes the listener and resets every session, sessions first: they are
// what a byte could still pass through.
func (g *generation) end() {
	g.over.Store(true)
	g.cancel()
	g.mu.Lock()
	sessions := g.sessions
	g.sessions = nil
	g.mu.Unlock()
	for s := range sessions {
		s.end(endCut)
	}
	_ = g.listener.Close() // waits for Accept to return, and cannot fail
}

// add registers a session, unless the generation is over.
func (g *generation) add(s *session) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.sessions == nil {
		return false
	}
	g.sessions[s] = struct{}{}
	return true
}

func (g *generation) remove(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s)
}

// expire resets the sessions but goes on listening: the permission may come
// back, and whether the port is open is the caller's decision.
func (g *generation) expire() {
	g.mu.Lock()
	sessions := make([]*session, 0, len(g.sessions))
	for s := range g.sessions {
		sessions = append(sessions, s)
	}
	g.mu.Unlock()
	for _, s := range sessions {
		s.end(endCut)
	}
}

// poke tells the watchdog that the deadline has changed.
func (g *generation) poke() {
	select {
	case g.pokes <- struct{}{}:
	default:
	}
}

// watch resets all sessions when the deadline passes: the checks in the data
// path stop new bytes, but not those that the kernel holds already, nor a
// session that is blocked in a write.
func (g *generation) watch() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if left := g.proxy.left(); left > 0 {
			timer.Reset(time.Duration(left))
		} else {
			timer.Stop()
			g.expire()
		}
		select {
		case <-timer.C:
		case <-g.pokes:
		case <-g.ctx.Done():
			return
		}
	}
}

// accept runs until the listener is closed. Whatever else fails is taken for
// passing, such as a want of descriptors, and tried again without spinning.
func (g *generation) accept() {
	p := g.proxy
	backoff := firstBackoff
	for {
		conn, err := g.listener.AcceptTCP()
		switch {
		case err == nil:
			backoff = firstBackoff
			if p.accepts.ends() {
				p.config.Log.Info("accepting connections again", "listen", p.config.Listen)
			}
			p.count.accepted.Add(1)
			g.serve(conn)
			continue
		case g.over.Load() || errors.Is(err, net.ErrClosed):
			return
		}
		if p.accepts.begins() {
			p.config.Log.Error("cannot accept connections, will keep trying",
				"listen", p.config.Listen, "error", err)
		}
		select {
		case <-g.ctx.Done():
			return
		case <-time.After(backoff):
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// serve starts a session, or resets the client if nothing may be forwarded.
func (g *generation) serve(client *net.TCPConn) {
	s := &session{generation: g, client: client}
	if !g.mayForward() || !g.add(s) {
		g.proxy.count.cuts.Add(1)
		reset(client)
		return
	}
	g.proxy.count.active.Add(1)
	g.proxy.routines.Go(s.connect)
}
