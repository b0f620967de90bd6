package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"

	"msdha/internal/runtime/proc"
)

// hang is a file system that does not take any writes: whoever tries waits in the
// kernel, where SIGKILL ends nothing. A process of its own sees to its end, when it is
// told to or this one has ended, even by SIGKILL: nobody could remove the containers.
type hang struct {
	cmd  *exec.Cmd
	hold io.Closer
	said *strings.Builder
}

const hangScript = `exec 3<"$1" && fsfreeze --freeze /proc/self/fd/3 || exit
echo hangs
cat >/dev/null
fsfreeze --unfreeze /proc/self/fd/3`

// beginHang returns when the file system that is mounted there hangs.
func beginHang(path string) (*hang, error) {
	h := &hang{cmd: exec.Command("sh", "-c", hangScript, "sh", path), said: &strings.Builder{}}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of a Ctrl-C's reach
	h.cmd.Stderr = h.said
	hold, err := h.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	h.hold = hold
	told, err := h.cmd.StdoutPipe()
	if err == nil {
		err = h.cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(told).ReadString('\n'); err != nil || line != "hangs\n" {
		return nil, fmt.Errorf("cannot have the file system at %s hang: %w", path, h.end())
	}
	return h, nil
}

func (h *hang) end() error {
	if err := errors.Join(h.hold.Close(), h.cmd.Wait()); err != nil {
		return fmt.Errorf("fsfreeze: %w: %s", err, quiet([]byte(h.said.String())))
	}
	return nil
}

// HangDisk has the disk of the member's data take no writes any more, until ResumeDisk.
func (c *Cluster) HangDisk(ctx context.Context, m *Member) error {
	keeper, err := c.keeper.State(ctx)
	if err != nil {
		return err
	}
	h, err := beginHang(fmt.Sprintf("/proc/%d/root/volumes/%s", keeper.Pid, m.Name))
	if err != nil {
		return err
	}
	c.Engine.hanging.Lock()
	defer c.Engine.hanging.Unlock()
	c.Engine.hangs = append(c.Engine.hangs, h)
	return nil
}

// ResumeDisk has all disks that hang go on.
func (c *Cluster) ResumeDisk() error { return c.Engine.endHangs() }

func (e *Engine) endHangs() (err error) {
	e.hanging.Lock()
	defer e.hanging.Unlock()
	for _, h := range e.hangs {
		err = errors.Join(err, h.end())
	}
	e.hangs = nil
	return err
}

// Uninterruptible is how many processes of the member wait in the kernel, where no
// signal reaches them.
func (m *Member) Uninterruptible(ctx context.Context) (count int, err error) {
	guard, err := m.Guard(ctx)
	if err != nil {
		return 0, err
	}
	tree, err := proc.Descendants(guard.PID)
	if err != nil {
		return 0, err
	}
	for i := range tree {
		if tree[i].State == 'D' {
			count++
		}
	}
	return count, nil
}
