package etcdtest

import (
	"fmt"
	"net"
	"sync"
)

// Relay forwards TCP connections to a target and can fall silent, in one
// direction or both, without closing anything: what a partition looks like from
// behind a proxy, where even TCP sees nothing wrong.
type Relay struct {
	target   string
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex
	pairs map[*pair]struct{}
	// The gates are closed channels while bytes pass, open ones while they wait.
	requests, replies chan struct{}
	closed            bool
}

// pair is one forwarded connection; done ends copies that wait at a gate.
type pair struct {
	in, out net.Conn
	done    chan struct{}
	frozen  bool
}

// NewRelay listens on a free port of 127.0.0.1.
func NewRelay(target string) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("cannot start a relay to %s: %w", target, err)
	}
	r := &Relay{target: target, listener: l, pairs: map[*pair]struct{}{}}
	r.requests, r.replies = make(chan struct{}), make(chan struct{})
	r.Hold(false, false)
	r.wg.Go(r.accept)
	return r, nil
}

// Addr is the relay's host:port.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Hold stops or resumes each direction. What is held is delivered late, when the
// direction resumes, unless the connection is cut before.
func (r *Relay) Hold(requests, replies bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	set(&r.requests, requests)
	set(&r.replies, replies)
}

func set(gate *chan struct{}, hold bool) {
	held := true
	select {
	case <-*gate:
		held = false
	default:
	}
	if hold && !held {
		*gate = make(chan struct{})
	}
	if !hold && held {
		close(*gate)
	}
}

// Freeze lets the connections that are open now fall silent for good, as if
// something on the way had forgotten them; new ones are served.
func (r *Relay) Freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.frozen = true
	}
}

// Cut resets every connection that is open now; new ones are served.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.cut()
		delete(r.pairs, p)
	}
}

// Connections is the number of open ones.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs)
}

// Close ends the relay and everything that goes through it.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	err := r.listener.Close()
	r.Cut()
	r.wg.Wait()
	return err
}

func (p *pair) cut() {
	close(p.done)
	for _, c := range []net.Conn{p.in, p.out} {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // a reset, as from a middlebox; it fails on dead sockets only
		}
		_ = c.Close()
	}
}

func (r *Relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.serve(in) })
	}
}

func (r *Relay) serve(in net.Conn) {
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = in.Close()
		return
	}
	p := &pair{in: in, out: out, done: make(chan struct{})}
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		p.cut()
		return
	}
	r.pairs[p] = struct{}{}
	r.mu.Unlock()
	r.wg.Go(func() { r.pump(p, in, out, &r.requests) })
	r.pump(p, out, in, &r.replies)
}

func (r *Relay) pump(p *pair, from, to net.Conn, gate *chan struct{}) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		// The end of a connection is held like its bytes.
		if !r.pass(p, gate) || err != nil {
			break
		}
		if _, err := to.Write(buf[:n]); err != nil {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, open := r.pairs[p]; open {
		p.cut()
		delete(r.pairs, p)
	}
}

// pass waits until the gate lets bytes through; false when the pair is cut.
func (r *Relay) pass(p *pair, gate *chan struct{}) bool {
	r.mu.Lock()
	g := *gate
	if p.frozen {
		g = nil
	}
	r.mu.Unlock()
	select {
	case <-g:
		return true
	case <-p.done:
		return false
	}
}
