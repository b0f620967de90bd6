package guard

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"
)

// Two things that make a guard of 5 MB out of one of 2 are settled before its
// first instruction, so it executes itself once more with both switched off.
//
// Where transparent huge pages are set to "always", the first page that Go's
// heap touches costs 2 MB. And Go's runtime prepares itself for every processor
// of the machine; a guard has work for one at most.
//
// Neither setting may reach the programs below, to which they matter: the guard
// restores the environment, and the agent, on hugePagesOption, the pages.
const (
	hugePagesOption = "thp"
	// thriftVariable is "<option>,<GOMAXPROCS as it was>" in the second life.
	thriftVariable  = "MSDHA_GUARD_THRIFT"
	maxProcs        = "GOMAXPROCS"
	maxProcsAsGuard = maxProcs + "=1"
)

// executeThriftily executes this program again with the settings above, and
// returns in the second life, or where there is none to be had. The option is
// for the agent.
func executeThriftily(log func(string)) (option string) {
	if value := os.Getenv(thriftVariable); value != "" {
		option, procs, _ := strings.Cut(value, ",")
		_ = os.Unsetenv(thriftVariable)
		if procs == "" {
			_ = os.Unsetenv(maxProcs)
		} else {
			_ = os.Setenv(maxProcs, procs)
		}
		return option
	}
	// Where huge pages are off already, somebody above wants it so.
	off, err := unix.PrctlRetInt(unix.PR_GET_THP_DISABLE, 0, 0, 0, 0)
	if err == nil && off == 0 && unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0) == nil {
		option = hugePagesOption
	}
	env := append(without(maxProcs, os.Environ()), maxProcsAsGuard,
		thriftVariable+"="+option+","+os.Getenv(maxProcs))
	err = unix.Exec(selfPath, os.Args, env)
	log("cannot execute " + selfPath + " again to save memory, going on: " + err.Error())
	return option
}

func allowHugePages() error {
	if err := unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot allow huge pages again: %w", err)
	}
	return nil
}

// A collection needs 400 kB for itself, and Go starts one every two minutes.
// The guard makes next to no garbage until it kills, so there is none before
// that, unless something is badly wrong.
const (
	heapLimit   = 8 << 20
	killPercent = 20
)

func stopCollector() {
	debug.SetMemoryLimit(heapLimit)
	debug.SetGCPercent(-1)
}

func startCollector() {
	debug.SetMemoryLimit(math.MaxInt64)
	debug.SetGCPercent(killPercent)
}

// without returns the environment without one variable.
func without(name string, env []string) []string {
	kept := env[:0]
	for _, entry := range env {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return kept
}
