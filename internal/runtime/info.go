package runtime

import (
	"context"
	"fmt"
	"os"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/status"
)

// probeTimeout is below the timeout of HEALTHCHECK in the images, so that the log
// of the engine has our words and not only the engine's own.
const probeTimeout = 3 * time.Second

// About is what backend and frontend can be asked instead of being run.
type About struct {
	Program config.Program
	Version string
	Does    string // one line for --help, without the program's name
	More    string // lines of --help about what else it can be asked, if anything
}

// Info answers the arguments of a program that is configured by its environment
// alone, and returns its exit code. There has to be at least one.
func (a About) Info(args []string) int {
	switch args[0] {
	case "--version", "version":
		fmt.Println("msdha", a.Program, a.Version)
		return fsm.ExitOK
	case "--help", "-h", "help":
		fmt.Printf("%s %s\nIt is run without arguments; everything is configured by the environment.\n\n"+
			"  %[1]s healthcheck   asks the one that runs in the same environment whether it lives:\n"+
			"                       exit code 0 or 1\n"+
			"%[3]s  %[1]s --version\n\n", a.Program, a.Does, a.More)
		fmt.Print(config.Help(a.Program))
		return fsm.ExitOK
	case "healthcheck":
		return a.healthcheck(config.OS())
	}
	fmt.Fprintf(os.Stderr, "msdha %s: unknown argument %q; it is run without any, see --help\n", a.Program, args[0])
	return fsm.ExitConfig
}

// healthcheck is for HEALTHCHECK in an image: 0 or 1, since engines reserve the
// rest. It is about liveness alone: a node that clones, or waits for etcd, and a
// frontend without a master are healthy, and must not be killed for it.
//
// Without an address nobody can be asked. That is no failure: else whoever turns
// the HTTP server off would have an orchestrator that kills all nodes in turn.
func (a About) healthcheck(source config.Source) int {
	listen, err := config.LoadHTTPListen(source, a.Program)
	if err == nil && listen == "" {
		fmt.Println("MSDHA_HTTP_LISTEN is off: nobody can be asked, and nothing is known to be wrong")
		return fsm.ExitOK
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
		defer cancel()
		err = status.Probe(ctx, listen)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "msdha %s: not healthy: %v\n", a.Program, err)
		return exitUnhealthy
	}
	return fsm.ExitOK
}

// exitUnhealthy is what engines understand; it is no exit code of a program that runs.
const exitUnhealthy = 1
