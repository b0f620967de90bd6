package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The parsers return reasons: what is wrong, without the value as a whole and
// without the accepted form, both of which Fault adds.

var units = []struct {
	letter byte
	length time.Duration
}{
	{'d', 24 * time.Hour},
	{'h', time.Hour},
	{'m', time.Minute},
	{'s', time.Second},
}

// parseDuration reads `10` (seconds), `10s`, `5m`, `12h`, `1d` and sums from
// the larger unit to the smaller, such as `1h30m`.
func parseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, errors.New("there is no number")
	}
	var sum time.Duration
	next := 0 // first of units that may still follow
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		if digits == 0 {
			return 0, fmt.Errorf("there is no digit at %s", quote(rest))
		}
		number, tail := rest[:digits], rest[digits:]
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return 0, errors.New("it is too long a time")
		}
		unit := time.Second
		if tail != "" {
			i := unitIndex(tail[0])
			if i < 0 {
				return 0, fmt.Errorf("there is no unit %s", quote(tail))
			}
			if i < next {
				return 0, errors.New("the units do not go from large to small")
			}
			unit, next, tail = units[i].length, i+1, tail[1:]
		} else if rest != s {
			return 0, fmt.Errorf("the unit of %s is missing", number)
		}
		if n > (math.MaxInt64-int64(sum))/int64(unit) {
			return 0, errors.New("it is too long a time")
		}
		sum += time.Duration(n) * unit
		rest = tail
	}
	return sum, nil
}

func unitIndex(letter byte) int {
	for i, u := range units {
		if u.letter == letter {
			return i
		}
	}
	return -1
}

// parsePositive reads a duration that must not be zero.
func parsePositive(s string) (time.Duration, error) {
	d, err := parseDuration(s)
	if err == nil && d == 0 {
		err = errors.New("it is zero")
	}
	return d, err
}

// parseOptional reads a duration that `0` and `off` switch off.
func parseOptional(s string) (time.Duration, error) {
	if s == "off" {
		return 0, nil
	}
	return parseDuration(s)
}

// parsePatience reads a duration or `forever`.
func parsePatience(s string) (time.Duration, error) {
	if s == "forever" {
		return Forever, nil
	}
	return parsePositive(s)
}

// parseTTL reads a lease TTL. A day is far beyond any use, and keeps sums of
// several TTLs from overflowing.
func parseTTL(s string) (time.Duration, error) {
	d, err := parsePositive(s)
	if err == nil && d > 24*time.Hour {
		err = errors.New("it is longer than a day")
	}
	return d, err
}

// parseEtcdctlTimeout reads what etcdctl reads, which is Go's form of a
// duration, as well as ours.
func parseEtcdctlTimeout(s string) (time.Duration, error) {
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d, nil
	}
	return parsePositive(s)
}

// number makes a parser of whole numbers within bounds.
func number(least, most int) func(string) (int, error) {
	return func(s string) (int, error) {
		n, err := strconv.Atoi(s)
		switch {
		case errors.Is(err, strconv.ErrRange), err == nil && n > most:
			return 0, errors.New("it is too large")
		case err != nil:
			return 0, errors.New("it is no whole number")
		case n < least:
			return 0, errors.New("it is too small")
		}
		return n, nil
	}
}

func parseBool(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "t", "true", "yes", "on":
		return true, nil
	case "0", "f", "false", "no", "off":
		return false, nil
	}
	return false, errors.New("it is neither true nor false")
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, errors.New("the port is above 65535")
	case err != nil:
		return 0, errors.New("the port is not a number")
	case n == 0:
		return 0, errors.New("the port is 0")
	}
	return uint16(n), nil
}

// checkHost accepts an IP address, without brackets, or a DNS name. The
// underscore is no part of DNS but of many a container's name.
func checkHost(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	name := strings.TrimSuffix(s, ".")
	if name == "" {
		return errors.New("the host is missing")
	}
	if len(name) > 253 {
		return errors.New("the host is longer than 253 characters")
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" {
			return errors.New("the host has an empty label")
		}
		if len(label) > 63 {
			return errors.New("the host has a label longer than 63 characters")
		}
		for _, r := range label {
			ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
				r == '-' || r == '_'
			if !ok {
				return fmt.Errorf("the host contains %q", r)
			}
		}
	}
	return nil
}

// splitAddress reads host, host:port, [v6]:port, [v6] or a bare v6 address.
// An empty port means that none was given.
func splitAddress(s string) (host, port string, err error) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.String(), "", nil // the many forms of an IPv6 address become one
	}
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(s, "]") {
		host = strings.TrimSuffix(inner, "]")
	} else if strings.Contains(s, ":") {
		if host, port, err = net.SplitHostPort(s); err != nil {
			return "", "", errors.New("it has too many colons, or brackets in the wrong place")
		}
		if _, err := parsePort(port); err != nil {
			return "", port, err
		}
	} else {
		host = s
	}
	if strings.HasPrefix(s, "[") {
		a, err := netip.ParseAddr(host)
		if err != nil || !a.Is6() {
			return "", "", errors.New("what is in brackets is not an IPv6 address")
		}
		host = a.String()
	}
	return host, port, checkHost(host)
}

// parseAddress reads what frontends dial and returns it in the one form that
// is published.
func parseAddress(s string) (string, error) {
	host, port, err := splitAddress(s)
	if err != nil || port == "" {
		return host, err
	}
	return net.JoinHostPort(host, port), nil
}

// parseListen reads an address to listen on; empty means off. Port 0, any free
// port, is left to those who know how to find out which one it was.
func parseListen(s string) (string, error) {
	if s == "off" || s == "0" {
		return "", nil
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", errors.New("it is not host:port")
	}
	if port != "0" {
		if _, err := parsePort(port); err != nil {
			return "", err
		}
	}
	if host != "" {
		if err := checkHost(host); err != nil {
			return "", err
		}
	}
	return net.JoinHostPort(host, port), nil
}

// parsePrefix accepts one or more segments; slashes at the end mean nothing,
// the one at the beginning does (SPEC C: the shell original had none).
func parsePrefix(s string) (string, error) {
	trimmed := strings.TrimRight(s, "/")
	if trimmed == "" {
		return "", errors.New("there is nothing but slashes")
	}
	if len(trimmed) > 1024 {
		return "", errors.New("it is longer than 1024 characters")
	}
	for segment := range strings.SplitSeq(strings.TrimPrefix(trimmed, "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "", fmt.Errorf("%q is no segment of a key", segment)
		}
		for _, r := range segment {
			ok := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
				r == '.' || r == '_' || r == '-'
			if !ok {
				return "", fmt.Errorf("it contains %q", r)
			}
		}
	}
	return trimmed, nil
}

// parseSocket takes unix:///path, or the path alone.
func parseSocket(s string) (string, error) {
	path := strings.TrimPrefix(s, "unix://")
	if strings.Contains(path, "://") {
		return "", errors.New("it is no Unix socket")
	}
	return parsePath(path)
}

func parsePath(s string) (string, error) {
	if !filepath.IsAbs(s) {
		return "", errors.New("the path is not absolute")
	}
	return filepath.Clean(s), nil
}

// parseSignal reads TERM, SIGTERM, sigterm or 15. Numbers reach the real-time
// signals, which have no portable names.
func parseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > 64 {
			return 0, errors.New("signals have the numbers 1 to 64")
		}
		return syscall.Signal(n), nil
	}
	name := "SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if sig := unix.SignalNum(name); sig != 0 {
		return sig, nil
	}
	return 0, errors.New("there is no such signal")
}

func parseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, errors.New("there is no such level")
}

// parseChoice reads one of two words and says whether it was the second.
func parseChoice(s, first, second string) (bool, error) {
	switch strings.ToLower(s) {
	case first:
		return false, nil
	case second:
		return true, nil
	}
	return false, fmt.Errorf("it is neither %s nor %s", first, second)
}
