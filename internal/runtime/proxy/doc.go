// Package proxy is the frontend's data path: it forwards TCP connections to one
// target, and stops doing so at once and completely (SPEC X1–X5).
//
// # What it promises
//
// A session belongs to the generation under which it was accepted: what lies
// between one Open and the Cut, or the next Open, that ends it. When Cut has
// returned, new connections are refused and every session of the generation is
// reset on both sides. A dial that completes later is reset without a byte.
//
// Allow gives a deadline on the caller's clock. It is compared with the clock
// before every connect and directly before every write(2) and shutdown(2), in
// either direction, also before each part of a write that blocked in between.
// Past it nothing is forwarded, and a watchdog resets the sessions even if the
// caller hangs. What remains is the instant between the comparison and the
// system call, and the watchdog's timer: it runs on CLOCK_MONOTONIC, which
// stands still during a suspend, so it may be late by that much; the comparison
// is not.
//
// # How a session is reset
//
// By SO_LINGER 0 and Close: the kernel sends RST and drops both its buffers.
// For a descriptor that the poller handles, net waits in Close until no
// goroutine is inside a call on it, which is what gives Cut its postcondition,
// and a closed listener too.
//
// A session whose two directions have ended stays known until the kernel has
// delivered what it still holds: an ordinary close would leave the rest, up to
// megabytes, to the kernel, out of reach of a Cut.
//
// # Why not io.Copy
//
// Between two TCP connections io.Copy uses splice(2). That needs a pipe per
// direction, which Go's poller holds from the first wait to the end of the
// stream, so that an idle session costs six descriptors instead of two; what is
// in the pipe and the socket is written without any check of a deadline. Plain
// io.Copy with a buffer holds 32 KiB per direction of an idle session. Here
// a buffer is taken from a pool inside the read callback of syscall.RawConn and
// given back when there is nothing to read, so that an idle session holds two
// descriptors and two small goroutines and no buffer.
//
// # Limits
//
// Back-pressure is that of TCP: a side that is not being read is not read from.
// Therefore a reset by one side is noticed only after what it sent before has
// been written to the other. Bytes that a peer sent just before a reset may be
// lost, as on any TCP connection. Host names are resolved by Go's resolver at
// every dial; it keeps /etc/hosts for up to five seconds.
package proxy
