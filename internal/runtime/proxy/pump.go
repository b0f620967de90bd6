package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// bufferSize is what one read takes at most; beyond it the system calls that
// larger reads save no longer show beside the copying.
const bufferSize = 64 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

var errNotAllowed = errors.New("forwarding is not allowed any more")

// pump is one direction of a session.
type pump struct {
	session   *session
	src, dst  syscall.RawConn
	forwarded *atomic.Uint64
	opposite  *pump
	// finished is set before FIN is sent to dst.
	finished atomic.Bool

	// The callbacks of src and dst are made once: a closure for every call
	// would be garbage.
	read, write func(fd uintptr) bool
	shut        func(fd uintptr)

	buffer     *[bufferSize]byte // nil while there is nothing to forward
	from, till int               // buffer[from:till] is still to be written
	err        error             // what ended the last callback
}

// newPumps makes the two directions of a session.
func newPumps(s *session, client, server *net.TCPConn) (toServer, toClient *pump, err error) {
	c, err1 := client.SyscallConn()
	v, err2 := server.SyscallConn()
	count := &s.generation.proxy.count
	toServer = &pump{session: s, src: c, dst: v, forwarded: &count.toTarget}
	toClient = &pump{session: s, src: v, dst: c, forwarded: &count.toClient}
	for _, d := range []*pump{toServer, toClient} {
		d.read, d.write, d.shut = d.tryRead, d.tryWrite, d.shutdown
	}
	toServer.opposite, toClient.opposite = toClient, toServer
	return toServer, toClient, errors.Join(err1, err2)
}

// run forwards until the end of the stream, or until the session ends.
func (d *pump) run() {
	err := d.forward()
	d.release()
	switch {
	case err == nil:
		d.session.streamEnded()
	case errors.Is(err, errNotAllowed):
		d.session.end(endCut)
	default:
		d.session.end(endReset)
	}
}

// forward passes on bytes, and the end of the stream as the end of a stream
// (SPEC X2). Errors of the raw connections mean that the session has ended.
func (d *pump) forward() error {
	for {
		if err := d.src.Read(d.read); err != nil {
			return err
		}
		if errors.Is(d.err, io.EOF) {
			break
		}
		if d.err != nil {
			return d.err
		}
		if err := d.dst.Write(d.write); err != nil {
			return err
		}
		if d.err != nil {
			return d.err
		}
		d.release()
	}
	if err := d.dst.Control(d.shut); err != nil {
		return err
	}
	return d.err
}

// tryRead is called when src may be readable. False makes the poller wait,
// without a buffer.
func (d *pump) tryRead(fd uintptr) bool {
	d.buffer = buffers.Get().(*[bufferSize]byte)
	d.from, d.till, d.err = 0, 0, nil
	for {
		n, err := unix.Read(int(fd), d.buffer[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			d.release()
			return false
		case err != nil:
			d.err = err
		case n == 0 && d.isReset(fd):
			d.err = unix.ECONNRESET
		case n == 0:
			d.err = io.EOF
		default:
			d.till = n
		}
		return true
	}
}

// isReset tells the end of a stream from a reset whose error the opposite
// direction has got, by a write: a socket reports it once, and from then on
// looks as if the stream had ended. Having been sent FIN by neither side, it is
// in no state that follows one.
func (d *pump) isReset(fd uintptr) bool {
	return !d.opposite.finished.Load() && tcpState(fd) == tcpClose
}

// tryWrite is called when dst may be writable. False makes the poller wait;
// the permission is asked for again before whatever is written afterwards.
func (d *pump) tryWrite(fd uintptr) bool {
	for d.from < d.till {
		if !d.session.generation.mayForward() {
			d.err = errNotAllowed
			return true
		}
		n, err := unix.Write(int(fd), d.buffer[d.from:d.till])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil:
			d.err = err
			return true
		}
		d.from += n
		d.forwarded.Add(uint64(n))
	}
	return true
}

// shutdown sends FIN, which is forwarding too.
func (d *pump) shutdown(fd uintptr) {
	if !d.session.generation.mayForward() {
		d.err = errNotAllowed
		return
	}
	d.finished.Store(true)
	d.err = unix.Shutdown(int(fd), unix.SHUT_WR)
}

func (d *pump) release() {
	if d.buffer != nil {
		buffers.Put(d.buffer)
		d.buffer = nil
	}
}
