package demo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"msdha/examples/postgresql"
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
	if w.bin, w.version, err = findPostgres("/usr/lib/postgresql"); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 {
		if w.user, err = postgresUser(); err != nil {
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

// findPostgres takes the newest of Debian's versions.
func findPostgres(root string) (bin, version string, err error) {
	found, err := filepath.Glob(root + "/*/bin/postgres")
	if err != nil {
		return "", "", err
	}
	newest := -1
	for _, path := range found {
		v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		if err == nil && v > newest {
			newest, bin = v, filepath.Dir(path)
		}
	}
	if newest < 0 {
		return "", "", fmt.Errorf("cannot find PostgreSQL in %s/*/bin: install it, on Debian "+
			"with \"apt-get install postgresql\", or run \"make demo\" as root", root)
	}
	return bin, "PostgreSQL " + strconv.Itoa(newest), nil
}

func postgresUser() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root, and %w: install the package "+
			"postgresql, or run the demo as another user", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
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
