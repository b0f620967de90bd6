// Package postgres says where PostgreSQL is on this machine, and who runs it.
package postgres

import (
	"errors"
	"fmt"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Root is where Debian puts PostgreSQL's versions.
const Root = "/usr/lib/postgresql"

// Find takes the newest of the versions below root.
func Find(root string) (bin, version string, err error) {
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

// User is who runs PostgreSQL where we are root, which PostgreSQL refuses to be.
func User() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root, and %w: install the package "+
			"postgresql, or run this as another user", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(err1, err2)
}
