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

// attestVariable makes a process of this program the guard's helper: it is
// "<lease>,<limit in ns>", and set by the guard alone. The guard itself has no
// memory for etcd's client, so that another process has to write what its agent
// cannot any more, and it is started only once there is something to write.
const attestVariable = "MSDHA_GUARD_ATTEST"

// Attesting reports whether this process was started by a guard as its helper: to
// give back what is on the lease of an agent that is dead with all its descendants,
// within the limit (SPEC E11). Ours then has to be the only code to run.
func Attesting() bool { return os.Getenv(attestVariable) != "" }

// Task is what the helper was started for. It is asked for once.
func Task() (lease int64, limit time.Duration, err error) {
	value := os.Getenv(attestVariable)
	if err := os.Unsetenv(attestVariable); err != nil {
		return 0, 0, err
	}
	first, second, _ := strings.Cut(value, ",")
	lease, err1 := strconv.ParseInt(first, 10, 64)
	ns, err2 := strconv.ParseInt(second, 10, 64)
	if err1 != nil || err2 != nil || lease <= 0 || ns <= 0 {
		return 0, 0, fmt.Errorf("cannot attest for the guard: %s is %q; it is set by the guard "+
			"and by nobody else", attestVariable, value)
	}
	return lease, time.Duration(ns), nil
}

// attest starts the helper. It gets the environment that the agent had, with the
// same credentials. Where it cannot be started the lease ends by itself.
func (g *guard) attest(lease int64, limit time.Duration) {
	value := attestVariable + "=" + strconv.FormatInt(lease, 10) + "," + strconv.FormatInt(int64(limit), 10)
	helper, err := g.reaper.Start(g.path, g.args, &syscall.ProcAttr{
		Env:   append(without(linkVariable, os.Environ()), value),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		g.log("cannot release what the agent held, its lease has to end by itself: " + err.Error())
		ended := make(chan struct{})
		close(ended)
		g.attested = ended
		return
	}
	g.helper, g.attested = helper, helper.Done()
}

// endHelper kills a helper that has not come to its end within its limit. It is
// waited for, so that nothing of it is left, but not for long: what it may still
// write is true for good.
func (g *guard) endHelper() {
	if g.helper == nil {
		return
	}
	g.log("the helper did not end within its limit; whatever it has not released ends with the lease")
	if err := g.helper.Signal(unix.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		g.log(err.Error())
	}
	select {
	case <-g.helper.Done():
	case <-time.After(agentWait):
	}
	g.helper = nil
}
