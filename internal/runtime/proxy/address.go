package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// targetAddress completes a target that names no port with the one listened on.
func targetAddress(target, listen string) (string, error) {
	host, port := target, ""
	if _, err := netip.ParseAddr(target); err != nil {
		switch {
		case strings.HasPrefix(target, "[") && strings.HasSuffix(target, "]"):
			host = target[1 : len(target)-1]
		case strings.Contains(target, ":"):
			if host, port, err = net.SplitHostPort(target); err != nil {
				return "", fmt.Errorf("cannot forward to %q: want host, host:port or [IPv6]:port",
					target)
			}
		}
	}
	if host == "" {
		return "", fmt.Errorf("cannot forward to %q: the host is missing", target)
	}
	if port == "" {
		_, port, _ = net.SplitHostPort(listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("cannot forward to %q: its port %q is not a number from 1 to 65535",
			target, port)
	}
	return net.JoinHostPort(host, port), nil
}

// BindError says why an address cannot be listened on, and what helps.
type BindError struct {
	Address string
	Cure    string // empty where nothing better than the cause is known
	Err     error
}

func newBindError(address string, err error) *BindError {
	e := &BindError{Address: address, Err: err}
	_, port, splitErr := net.SplitHostPort(address)
	if splitErr != nil {
		e.Cure = "give it as host:port or :port"
		return e
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		e.Cure = fmt.Sprintf("another program listens on port %s (`ss -ltnp 'sport = :%s'` "+
			"names it): stop it or choose another port", port, port)
	case errors.Is(err, syscall.EACCES):
		e.Cure = fmt.Sprintf("user %d lacks the right to ports below 1024: run as user root "+
			"(docker: --user=root), add the capability NET_BIND_SERVICE, or set the sysctl "+
			"net.ipv4.ip_unprivileged_port_start=%s", os.Geteuid(), port)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		e.Cure = "the address belongs to no interface here: listen on one that does, or on :" + port
	}
	return e
}

// Error names the address, the cause and the cure.
func (e *BindError) Error() string {
	cause := e.Err
	var sysErr *os.SyscallError
	if errors.As(cause, &sysErr) {
		cause = sysErr.Err
	}
	text := fmt.Sprintf("cannot listen on %s: %v", e.Address, cause)
	if e.Cure != "" {
		text += "; " + e.Cure
	}
	return text
}

// Unwrap gives the error of the system call to errors.Is.
func (e *BindError) Unwrap() error { return e.Err }
