package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"msdha/internal/runtime/guard"
)

// helper is what the guard starts when its agent is dead.
func helper() int {
	lease, limit, err := guard.Task()
	if err != nil {
		fmt.Println("error", err)
		return 99
	}
	fmt.Printf("helper %d,%d\n", lease, limit.Milliseconds())
	fmt.Println("left", len(others()))
	switch how := os.Getenv("GUARDTEST_HELPER"); how {
	case "":
		return 0
	case "stop":
		_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
		time.Sleep(time.Hour) // another thread may be the one that gets it
	case "hang":
		time.Sleep(time.Hour)
	default:
		code, _ := strconv.Atoi(how)
		return code
	}
	return 0
}

// others are the node's processes but for the guard and this one.
func others() (pids []string) {
	mark := []byte("GUARD_TEST_MARK=" + os.Getenv("GUARD_TEST_MARK") + "\x00")
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		pid := filepath.Base(filepath.Dir(path))
		if pid == strconv.Itoa(os.Getpid()) || pid == strconv.Itoa(os.Getppid()) {
			continue
		}
		if env, err := os.ReadFile(path); err == nil && bytes.Contains(env, mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}
