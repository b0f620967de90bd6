package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The real-time signals as the C libraries and Docker number them; the kernel's
// first two are the C library's own.
const (
	signalRTMin = 34
	signalRTMax = 64
)

// ParseSignal reads a signal as users write it: TERM, SIGTERM, sigterm, 15,
// RTMIN+3.
func ParseSignal(text string) (syscall.Signal, error) {
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(text)), "SIG")
	number, err := strconv.Atoi(name)
	if err != nil {
		number = namedSignal(name)
	}
	if number < 1 || number > signalRTMax {
		return 0, fmt.Errorf("cannot use %q as a signal: want a name such as TERM or SIGQUIT, "+
			"or a number from 1 to %d", text, signalRTMax)
	}
	return syscall.Signal(number), nil
}

func namedSignal(name string) int {
	for _, base := range []struct {
		name   string
		number int
	}{{"RTMIN", signalRTMin}, {"RTMAX", signalRTMax}} {
		offset, ok := strings.CutPrefix(name, base.name)
		if !ok {
			continue
		}
		n := 0
		if offset != "" {
			var err error
			if n, err = strconv.Atoi(offset); err != nil || offset[0] >= '0' {
				return 0
			}
		}
		if number := base.number + n; number >= signalRTMin && number <= signalRTMax {
			return number
		}
		return 0
	}
	return int(unix.SignalNum("SIG" + name))
}

// SignalName is the inverse of ParseSignal: SIGTERM, or "signal 40".
func SignalName(sig syscall.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return "signal " + strconv.Itoa(int(sig))
}

// SignalID signals exactly this process, never one that got its pid later. It
// returns os.ErrProcessDone if the process has been reaped.
func SignalID(id ID, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(id.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	if err == nil {
		defer unix.Close(fd) //nolint:errcheck // nothing was written
	}
	// The descriptor holds on to whatever process has the pid; which one that
	// is, its start time tells.
	now, statErr := Identify(id.PID)
	switch {
	case errors.Is(statErr, fs.ErrNotExist) || statErr == nil && now != id:
		return os.ErrProcessDone
	case statErr != nil:
		return statErr
	}
	if err == nil {
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	// Kernels before 5.3 have no such descriptors, and seccomp profiles of
	// their time refuse them with EPERM.
	if err != nil && !errors.Is(err, unix.ESRCH) {
		err = unix.Kill(id.PID, sig)
	}
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// ErrNoRight is wrapped by what MaySignal returns.
var ErrNoRight = errors.New("no right to signal it")

// MaySignal reports whether this process has the right to signal pid and all
// its present descendants. Where it has not, nothing here could fence them, so
// such a main process is refused (SPEC R5). A process that is gone is no error.
func MaySignal(pid int) error {
	tree, err := Descendants(pid)
	if err != nil {
		return err
	}
	for i := -1; i < len(tree); i++ {
		at := pid
		if i >= 0 {
			at = tree[i].PID
		}
		if err := unix.Kill(at, 0); errors.Is(err, unix.EPERM) {
			return noRight(at)
		}
	}
	return nil
}

func noRight(pid int) error {
	owner := "another user"
	if info, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = "uid " + strconv.Itoa(int(stat.Uid))
		}
	}
	return fmt.Errorf("cannot control process %d of %s as uid %d: %w; run the agent as that "+
		"user, or as root with CAP_KILL (docker run --cap-add KILL)",
		pid, owner, os.Geteuid(), ErrNoRight)
}
