//go:build docker

package rig

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"msdha/internal/testkit"
)

// TestDevice: a disk that hangs takes a write when it goes on and not before; one that
// fails is read-only until it is repaired, which has to wait until nobody uses it.
func TestDevice(t *testing.T) {
	ctx := t.Context()
	d, err := newDevice(ctx, "msdha-test", 64)
	testkit.Must(t, err)
	t.Cleanup(func() { testkit.Must(t, d.file.Close()) })
	at := t.TempDir()
	mount := func() { testkit.Must(t, syscall.Mount(d.file.Name(), at, "ext4", 0, "")) }
	mount()
	t.Cleanup(func() { _ = syscall.Unmount(at, 0) })
	write := func() error { return os.WriteFile(filepath.Join(at, "file"), []byte("x"), 0o600) }
	testkit.Must(t, write())

	h, err := beginHang(at)
	testkit.Must(t, err)
	written := make(chan error, 1)
	go func() { written <- write() }()
	select {
	case err := <-written:
		t.Errorf("a disk that hangs took a write: %v", err)
		written <- err
	case <-time.After(300 * time.Millisecond):
	}
	testkit.Must(t, h.end())
	testkit.Must(t, <-written)

	testkit.Must(t, d.fail())
	if err := write(); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a write to a disk that failed: %v, want %v", err, syscall.EROFS)
	}
	mended := make(chan error, 1)
	go func() { mended <- d.repair(ctx) }()
	select {
	case err := <-mended:
		t.Fatalf("a disk in use was repaired: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	testkit.Must(t, syscall.Unmount(at, 0))
	testkit.Must(t, <-mended)
	mount()
	testkit.Must(t, write())
}
