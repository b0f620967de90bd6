package proxy

import (
	"net"

	"golang.org/x/sys/unix"
)

// States of a TCP connection, as TCP_INFO numbers them (linux/tcp.h).
const (
	tcpTimeWait = 6
	tcpClose    = 7
)

// reset drops a connection with all that the kernel holds for it, and sends RST
// to the peer. It has happened when reset returns: Close wakes the goroutines
// that use the connection and waits until the last has let go of it. Neither
// call can fail but on a connection that is gone.
func reset(conn *net.TCPConn) {
	_ = conn.SetLinger(0)
	_ = conn.Close()
}

// delivered says whether the peer has acknowledged everything, or never will.
// Both streams must have ended: then the FIN is the last octet of the queue,
// and need not be waited for.
func delivered(conn *net.TCPConn) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	done := true // of a connection that is closed, too
	_ = raw.Control(func(fd uintptr) {
		if queued, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ); err != nil || queued <= 1 {
			return
		}
		// A connection that was reset leaves its queue counted.
		state := tcpState(fd)
		done = state == tcpClose || state == tcpTimeWait
	})
	return done
}

// tcpState is the state of a connection, closed if it is not one any more.
func tcpState(fd uintptr) uint8 {
	info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return tcpClose
	}
	return info.State
}
