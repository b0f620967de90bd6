package guard

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// linkVariable tells the agent that it has a guard: "<descriptor>" or
// "<descriptor>,thp". Attach removes it, so that no hook inherits it.
const linkVariable = "MSDHA_GUARD_LINK"

// agentFD is the descriptor that the agent finds its end of the pair on.
const agentFD = 3

// Inside reports whether this process was started by a guard, and therefore has
// to be the agent and call Attach.
func Inside() bool { return os.Getenv(linkVariable) != "" }

// Link is the agent's line to its guard.
type Link struct {
	file *os.File
	conn syscall.RawConn
	gone chan struct{}
}

// Attach takes over the line that the guard passed down. The agent calls it
// once, before it starts any process.
func Attach() (*Link, error) {
	value := os.Getenv(linkVariable)
	if err := os.Unsetenv(linkVariable); err != nil {
		return nil, err
	}
	number, option, _ := strings.Cut(value, ",")
	fd, err := strconv.Atoi(number)
	if err != nil || fd < agentFD {
		return nil, fmt.Errorf("cannot attach to the guard: %s is %q; it is set by the guard "+
			"and by nobody else", linkVariable, value)
	}
	if option == hugePagesOption {
		if err := allowHugePages(); err != nil {
			return nil, err
		}
	}
	return newLink(fd)
}

func newLink(fd int) (*Link, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, fmt.Errorf("cannot attach to the guard: descriptor %d is not its socket", fd)
	}
	unix.CloseOnExec(fd) // the guard takes its end for the agent's life
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("cannot attach to the guard: %w", err)
	}
	l := &Link{file: os.NewFile(uintptr(fd), "guard"), gone: make(chan struct{})}
	if l.conn, err = l.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("cannot attach to the guard: %w", err)
	}
	go l.watch()
	return l, nil
}

// watch waits for the end of the file: the guard never writes.
func (l *Link) watch() {
	defer close(l.gone)
	var buf [1]byte
	for {
		if _, err := l.file.Read(buf[:]); err != nil {
			return
		}
	}
}

// Gone is closed when the guard is gone. The agent then kills its tree at once
// and ends: nobody would do it in its place (SPEC R5).
func (l *Link) Gone() <-chan struct{} { return l.gone }

// Arm replaces the guard's deadlines: the fence signal and SIGKILL to
// everything, as clock.Now instants; clock.Never disarms. It never blocks. An
// error means that the guard still holds the deadlines from before, which are
// the earlier ones: nothing is unsafe.
func (l *Link) Arm(fence, kill int64) error {
	return l.send(armRecord(fence, kill))
}

// Child tells the guard which process gets which fence signal; pid 0 for none.
func (l *Link) Child(pid int, sig syscall.Signal) error {
	return l.send(childRecord(pid, sig))
}

// Lease tells the guard what nobody but a helper of its own can give back once this
// process is dead, and how long that helper may take (SPEC E11). 0 says that there
// is nothing left to be given back, or that whoever is left is out of our reach.
func (l *Link) Lease(id int64, limit time.Duration) error {
	return l.send(leaseRecord(id, limit))
}

// Close ends the line. The guard takes that for the agent's end and kills all.
func (l *Link) Close() error {
	err := l.file.Close()
	<-l.gone
	return err
}

func (l *Link) send(r record) error {
	if !r.valid() {
		return fmt.Errorf("cannot tell the guard: %d, %d are no %s", r.a, r.b, r.kind)
	}
	p := r.encode()
	var sendErr error
	// Close waits for this function, so the descriptor is still ours in it.
	err := l.conn.Write(func(fd uintptr) bool {
		sendErr = unix.Sendto(int(fd), p[:], unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, nil)
		return true
	})
	if errors.Is(sendErr, unix.EAGAIN) {
		return errors.New("cannot tell the guard: it does not read (stopped?)")
	}
	if err = errors.Join(err, sendErr); err != nil {
		return fmt.Errorf("cannot tell the guard: %w", err)
	}
	return nil
}

func (k recordKind) String() string {
	switch k {
	case recordArm:
		return "fence and kill time, in that order"
	case recordLease:
		return "lease and limit"
	}
	return "pid and signal"
}
