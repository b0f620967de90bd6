package testkit

import (
	"os"
	"os/signal"
	"syscall"
)

// HearHangups lets what this process starts get SIGHUP with its default effect, also
// below nohup and in background jobs of a shell, where it is ignored and stays so
// across exec: a signal that is handled here is none that a child ignores. For
// TestMain of tests that send it.
func HearHangups() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}
