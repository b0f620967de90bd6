package demo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"msdha/examples/postgresql"
	"msdha/internal/postgres"
)

// workspace is a temporary directory that the nodes' user can read: programs,
// hooks, data, logs. PostgreSQL refuses to run as root, so root's nodes run as
// the user postgres.
type workspace struct {
	dir     string
	bin     string // of PostgreSQL
	version string
	user    *syscall.Credential // nil: ours
	kept    bool
}

func newWorkspace(o *Options) (*workspace, error) {
	w := &workspace{}
	var err error
	if w.bin, w.version, err = postgres.Find(postgres.Root); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if w.user, err = postgres.User(); err != nil {
			return nil, err
		}
	}
	// Not $TMPDIR: socket paths are limited to 107 bytes.
	if w.dir, err = os.MkdirTemp("/tmp", "msdha-demo-"); err != nil {
		return nil, err
	}
	if err := w.fill(o); err != nil {
		return nil, errors.Join(err, w.remove())
	}
	return w, nil
}

func (w *workspace) fill(o *Options) error {
	if err := os.Chmod(w.dir, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "hooks", "logs", "nodes"} {
		if err := os.Mkdir(w.path(dir), 0o755); err != nil {
			return err
		}
	}
	for name, from := range map[string]string{"backend": o.Backend, "frontend": o.Frontend} {
		if err := copyFile(from, w.path("bin", name), 0o755); err != nil {
			return fmt.Errorf("cannot use the program %s: %w; build it with \"make build\"", name, err)
		}
	}
	return w.copyHooks()
}

func (w *workspace) copyHooks() error {
	names, err := fs.ReadDir(postgresql.Hooks, "hooks")
	if err != nil {
		return err
	}
	for _, n := range names {
		text, err := fs.ReadFile(postgresql.Hooks, "hooks/"+n.Name())
		if err != nil {
			return err
		}
		mode := os.FileMode(0o755)
		if filepath.Ext(n.Name()) == ".sh" {
			mode = 0o644
		}
		if err := os.WriteFile(w.path("hooks", n.Name()), text, mode); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string, mode os.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (w *workspace) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir}, parts...)...)
}

func (w *workspace) etcdDir() string { return w.path("etcd") }

// own makes a directory that belongs to the nodes' user.
func (w *workspace) own(parts ...string) (string, error) {
	dir := w.path(parts...)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if w.user == nil {
		return dir, nil
	}
	return dir, os.Chown(dir, int(w.user.Uid), int(w.user.Gid))
}

// attr runs a process as the nodes' user, in a group of its own: a Ctrl-C is
// for the demo, which then ends the nodes in order.
func (w *workspace) attr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: w.user, Setpgid: true}
}

// keep leaves the directory behind, because an error names it.
func (w *workspace) keep() string {
	w.kept = true
	return w.path("logs")
}

func (w *workspace) remove() error {
	if w.kept {
		return nil
	}
	return os.RemoveAll(w.dir)
}

// environ is what the programs need of our own environment, and no variable
// that would configure them.
func environ(extra ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=/", "LANG=C.UTF-8"}
	return slices.Concat(env, extra)
}
