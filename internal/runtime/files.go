package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// The files in MSDHA_RUN_DIR (SPEC H6).
const (
	fileIsMaster = "is_master"
	fileMaster   = "current_master"
	fileAddress  = "current_master_address"
)

// files are what hooks and people read. Each is replaced atomically.
type files struct {
	dir string
	log *slog.Logger
}

func newFiles(dir string, log *slog.Logger) (*files, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cannot use MSDHA_RUN_DIR: %w; mount a tmpfs there", err)
	}
	f := &files{dir: dir, log: log}
	err := os.Remove(filepath.Join(dir, fileIsMaster)) // of an earlier life
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = errors.Join(f.replace(fileMaster, ""), f.replace(fileAddress, ""))
	}
	if err != nil {
		return nil, fmt.Errorf("cannot write in MSDHA_RUN_DIR: %w; mount a tmpfs there, "+
			"or make it writable for this user", err)
	}
	return f, nil
}

func (f *files) replace(name, text string) error { return replaceFile(f.dir, name, text, false) }

// replaceFile writes a file beside the old one and renames it. A durable one
// survives the machine.
func replaceFile(dir, name, text string, durable bool) error {
	tmp, err := os.CreateTemp(dir, "."+name+".*")
	if err != nil {
		return err
	}
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Chmod(0o644))
	if err == nil && durable {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}

func (f *files) report(err error) {
	if err != nil {
		f.log.Error("cannot update a file in MSDHA_RUN_DIR", "error", err)
	}
}

func (f *files) markMaster(on bool) {
	if on {
		f.report(f.replace(fileIsMaster, ""))
		return
	}
	err := os.Remove(filepath.Join(f.dir, fileIsMaster))
	if !errors.Is(err, fs.ErrNotExist) {
		f.report(err)
	}
}

// writeMaster writes the address first: who finds the name finds its address.
func (f *files) writeMaster(node, address string) {
	f.report(f.replace(fileAddress, line(address)))
	f.report(f.replace(fileMaster, line(node)))
}

func line(s string) string {
	if s == "" {
		return ""
	}
	return s + "\n"
}
