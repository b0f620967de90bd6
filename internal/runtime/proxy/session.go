package proxy

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// session is one client, and the target once it is connected.
type session struct {
	generation *generation
	client     *net.TCPConn

	mu     sync.Mutex
	server *net.TCPConn // nil until connected
	ended  bool         // both connections are closed

	running atomic.Int32 // directions that have not reached their end of stream
}

// ending says why a session is over.
type ending uint8

const (
	endDone  ending = iota // both sides have said all
	endReset               // one side reset it, or could not be reached
	endCut                 // generation or deadline ended it
)

var resolver = &net.Resolver{PreferGo: true} // gives up in time, unlike getaddrinfo

// connect dials the target and starts the two directions. They are goroutines
// of their own because the stack that a dial needs would stay with this one.
func (s *session) connect() {
	g := s.generation
	p := g.proxy
	dialer := net.Dialer{Timeout: dialTimeout, KeepAliveConfig: keepAlive, Resolver: resolver}
	conn, err := dialer.DialContext(g.ctx, "tcp", g.target)
	if err != nil {
		if g.over.Load() {
			s.end(endCut)
			return
		}
		p.count.dialErrors.Add(1)
		if p.dials.begins() {
			p.config.Log.Warn("cannot reach the target, resetting its clients",
				"target", g.target, "error", err)
		}
		s.end(endReset)
		return
	}
	if p.dials.ends() {
		p.config.Log.Info("reaching the target again", "target", g.target)
	}
	server := conn.(*net.TCPConn)
	if !s.attach(server) {
		reset(server) // the session ended while it was being dialled
		return
	}
	s.running.Store(2)
	toServer, toClient, err := newPumps(s, s.client, server)
	if err != nil {
		s.end(endReset) // a connection that is closed already
		return
	}
	p.routines.Go(toServer.run)
	p.routines.Go(toClient.run)
}

// attach gives the session its second connection, unless it has ended. The end
// of a generation ends the sessions one by one, so this is what keeps a dial
// that completes late from forwarding anything.
func (s *session) attach(server *net.TCPConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.server = server
	return true
}

// end closes both connections. All but endDone reset them, the target's first:
// what must not be sent is what would reach a former master. The lock is held
// throughout, so that whoever comes second returns after it has happened.
func (s *session) end(why ending) {
	if !s.close(why) {
		return
	}
	count := &s.generation.proxy.count
	switch why {
	case endCut:
		count.cuts.Add(1)
	case endReset:
		count.resets.Add(1)
	case endDone:
	}
	s.generation.remove(s)
	count.active.Add(-1)
}

// close says whether it was the one that ended the session.
func (s *session) close(why ending) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.ended = true
	if why == endDone {
		_ = s.server.Close() // both streams have ended; there is nothing left to fail
		_ = s.client.Close()
		return true
	}
	if s.server != nil {
		reset(s.server)
	}
	reset(s.client)
	return true
}

// streamEnded is called by each direction when it has passed on its end of
// stream; the second one finishes the session.
func (s *session) streamEnded() {
	switch {
	case s.running.Add(-1) > 0:
	case s.drain():
		s.end(endDone)
	default:
		s.end(endCut)
	}
}

// drain waits until the kernel has delivered what it holds for either side,
// for as long as the peers take, and so long the session can be cut: false says
// that it was. Usually there is nothing to wait for, hence polling will do.
func (s *session) drain() bool {
	const longest = 50 * time.Millisecond
	wait := time.Millisecond
	for !delivered(s.server) || !delivered(s.client) {
		select {
		case <-s.generation.ctx.Done():
			return false
		case <-time.After(wait):
		}
		wait = min(2*wait, longest)
	}
	return true
}
