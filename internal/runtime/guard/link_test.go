package guard

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/clock"
)

func pair(t *testing.T) (guardEnd, agentEnd int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return fds[0], fds[1]
}

func attach(t *testing.T, value string) (*Link, error) {
	t.Helper()
	t.Setenv(linkVariable, value)
	l, err := Attach()
	if Inside() {
		t.Error("the variable is left for the hooks")
	}
	return l, err
}

func TestLink(t *testing.T) {
	ours, theirs := pair(t)
	l, err := attach(t, strconv.Itoa(theirs))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the pair is the test's
	err = errors.Join(l.Arm(5, clock.Never), l.Child(4711, unix.SIGQUIT), l.Child(0, unix.SIGTERM),
		l.Lease(0x7fff, time.Second), l.Lease(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	for _, want := range []record{
		armRecord(5, clock.Never), childRecord(4711, unix.SIGQUIT), childRecord(0, unix.SIGTERM),
		leaseRecord(0x7fff, time.Second), leaseRecord(0, 0),
	} {
		n, err := unix.Read(ours, buf)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := decode(buf[:n]); !ok || got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
	for what, err := range map[string]error{
		"kill before fence": l.Arm(5, 4), "fence at 0": l.Arm(0, 4), "negative": l.Arm(-5, 4),
		"pid 1": l.Child(1, unix.SIGTERM), "negative pid": l.Child(-4, unix.SIGTERM),
		"signal 0": l.Child(4711, 0), "signal 65": l.Child(4711, 65),
		"no limit": l.Lease(4711, 0), "negative lease": l.Lease(-1, 5), "negative limit": l.Lease(1, -5),
	} {
		if err == nil {
			t.Errorf("%s was sent", what)
		}
	}
	select {
	case <-l.Gone():
		t.Fatal("gone while the guard lives")
	default:
	}
	_ = unix.Close(ours)
	select {
	case <-l.Gone():
	case <-time.After(patience):
		t.Fatal("the guard's end went unnoticed")
	}
	if err := l.Arm(5, 6); err == nil {
		t.Fatal("armed a guard that is gone")
	}
}

// TestLinkNeverBlocks: a guard that is stopped does not stop the agent.
func TestLinkNeverBlocks(t *testing.T) {
	ours, theirs := pair(t)
	defer unix.Close(ours) //nolint:errcheck // a socket
	l, err := attach(t, strconv.Itoa(theirs))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the pair is the test's
	for deadline := time.Now().Add(patience); err == nil; err = l.Arm(5, 6) {
		if time.Now().After(deadline) {
			t.Fatal("nobody reads, and nothing is full")
		}
	}
	if !strings.Contains(err.Error(), "does not read") {
		t.Fatal(err)
	}
}

func TestAttachRefuses(t *testing.T) {
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	noSocket := strconv.Itoa(int(file.Fd()))
	for _, value := range []string{"", "x", "-1", "0", "2", noSocket, "999999", "3.5"} {
		if l, err := attach(t, value); err == nil {
			_ = l.Close()
			t.Errorf("attached to %q", value)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, r := range []record{armRecord(5, clock.Never), childRecord(4711, unix.SIGQUIT), leaseRecord(1, 2)} {
		p := r.encode()
		f.Add(p[:])
	}
	f.Add([]byte{})
	f.Add(make([]byte, recordSize))
	f.Fuzz(func(t *testing.T, p []byte) {
		r, ok := decode(p)
		if !ok {
			return
		}
		if again := r.encode(); string(again[:]) != string(p) {
			t.Fatalf("%x became %x", p, again)
		}
		if r.kind == recordArm && (r.a <= 0 || r.b < r.a) || r.kind == recordChild && r.a == 1 ||
			r.kind == recordLease && r.a != 0 && r.b <= 0 {
			t.Fatalf("accepted %+v", r)
		}
	})
}
