package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"msdha/internal/evidence"
)

// device is a block device in memory with a file system of its own: unlike a volume
// that is nothing but memory, it can hang and fail as a disk does. It goes when this
// process has closed it, or ended, and nobody has it mounted.
type device struct{ file *os.File }

// newDevice makes one of that size. The file system turns read-only at its first
// error, as that of most machines does.
func newDevice(ctx context.Context, name string, megabytes int) (*device, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a device in memory: %w", err)
	}
	memory := os.NewFile(uintptr(fd), name)
	defer memory.Close() //nolint:errcheck // the device keeps it
	if err := memory.Truncate(int64(megabytes) << 20); err != nil {
		return nil, fmt.Errorf("cannot make a device of %d MB in memory: %w", megabytes, err)
	}
	file, err := attach(memory)
	if err != nil {
		return nil, err
	}
	d := &device{file}
	if err := d.tool(ctx, 0, "mkfs.ext4", "-q", "-F", "-e", "remount-ro", d.file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return d, nil
}

// attach gives a file a loop device.
func attach(memory *os.File) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot get a loop device, so no disk can hang or fail here: %w", err)
	}
	defer control.Close() //nolint:errcheck // nothing was written
	for {
		n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
		if err != nil {
			return nil, fmt.Errorf("cannot get a free loop device: %w", err)
		}
		file, err := os.OpenFile("/dev/loop"+strconv.Itoa(n), os.O_RDWR, 0)
		if err != nil {
			return nil, fmt.Errorf("cannot open a loop device: %w", err)
		}
		config := unix.LoopConfig{Fd: uint32(memory.Fd())}
		config.Info.Flags = unix.LO_FLAGS_AUTOCLEAR
		if err = unix.IoctlLoopConfigure(int(file.Fd()), &config); err == nil {
			return file, nil
		}
		_ = file.Close()
		if !errors.Is(err, unix.EBUSY) { // else somebody was quicker
			return nil, fmt.Errorf("cannot set up %s: %w", file.Name(), err)
		}
	}
}

// tool runs a program of the file system's, which may end with at most that code.
func (d *device) tool(ctx context.Context, atMost int, program string, args ...string) error {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && exit.ExitCode() <= atMost {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot run %s on %s: %w: %s", program, d.file.Name(), err, quiet(out))
	}
	return nil
}

// fail gives the file system an error, as a sector that cannot be read does.
func (d *device) fail() error {
	path := filepath.Join("/sys/fs/ext4", filepath.Base(d.file.Name()), "trigger_fs_error")
	if err := os.WriteFile(path, []byte("1"), 0); err != nil {
		return fmt.Errorf("cannot have %s fail: %w", d.file.Name(), err)
	}
	return nil
}

// repair waits until nobody has it mounted, and mends the file system.
func (d *device) repair(ctx context.Context) error {
	err := evidence.Await(ctx, askLimit*5, func() string {
		f, err := os.OpenFile(d.file.Name(), os.O_RDWR|unix.O_EXCL, 0)
		if err != nil {
			return err.Error()
		}
		_ = f.Close()
		return ""
	})
	if err != nil {
		return fmt.Errorf("cannot repair %s, it is in use: %w", d.file.Name(), err)
	}
	return d.tool(ctx, 1, "e2fsck", "-f", "-p", d.file.Name()) // 1: something was mended
}

// diskVolume makes a volume of a device.
func (e *Engine) diskVolume(ctx context.Context, cluster, name string, d *device) error {
	_, err := e.docker.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: name, Driver: "local", Labels: e.labels(cluster),
		DriverOpts: map[string]string{"type": "ext4", "device": d.file.Name()},
	})
	if err != nil {
		return fmt.Errorf("cannot create the volume %s on %s: %w", name, d.file.Name(), err)
	}
	return nil
}

// startKeeper gives the three backends' data devices of their own. The keeper has them
// mounted, as a machine has its disks, whatever becomes of the backends.
func (c *Cluster) startKeeper(ctx context.Context) (err error) {
	s := &spec{name: "keeper", image: backendImage, entry: []string{"sleep", "infinity"}, volumes: map[string]string{}}
	c.devices = map[string]*device{}
	for i := 1; i <= 3; i++ {
		name := fmt.Sprintf("n%d", i)
		d, err := newDevice(ctx, c.volumeName(name), dataSize)
		if err != nil {
			return err
		}
		c.devices[name] = d
		if err := c.Engine.diskVolume(ctx, c.name, c.volumeName(name), d); err != nil {
			return err
		}
		s.volumes[c.volumeName(name)] = "/volumes/" + name
	}
	if c.keeper, err = c.Engine.run(ctx, c.name, s); err != nil {
		return err
	}
	_, err = c.keeper.Exec(ctx, "root", "sh", "-c", "chmod 1777 /volumes/*")
	return err
}

func (c *Cluster) closeDevices() (err error) {
	for _, d := range c.devices {
		err = errors.Join(err, d.file.Close())
	}
	c.devices = nil
	return err
}

// FailDisk gives the disk of the member's data an error: it is read-only from then on.
func (c *Cluster) FailDisk(m *Member) error { return c.devices[m.Name].fail() }

// RepairDisk is what an operator does with the disk of a backend that is stopped: take
// it out of use, mend it, and put it back.
func (c *Cluster) RepairDisk(ctx context.Context, m *Member) error {
	if err := c.keeper.Stop(ctx, time.Second); err != nil {
		return err
	}
	if err := c.devices[m.Name].repair(ctx); err != nil {
		return err
	}
	return c.keeper.Start(ctx)
}
