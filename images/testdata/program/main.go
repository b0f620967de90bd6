// Command program is a start hook and main process for an image that has nothing
// else: no shell, no C library. It leaves orphans behind and waits for SIGTERM.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "program:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	role := ""
	if len(args) > 0 {
		role = args[0]
	}
	switch role {
	case "orphan":
		time.Sleep(100 * time.Millisecond)
		return nil
	case "parent":
		return exec.Command("/proc/self/exe", "orphan").Start()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	if err := exec.Command("/proc/self/exe", "parent").Run(); err != nil {
		return err
	}
	<-stop
	return nil
}
