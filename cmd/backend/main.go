// Command backend runs a program with one master and many slaves: it is the
// entry point of a container, or of a supervised service. See README.md.
package main

import (
	"cmp"
	"fmt"
	"os"

	"msdha/internal/fsm"
	"msdha/internal/runtime"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/guard"
)

var version = "unversioned" // set by the linker

func main() { os.Exit(run(os.Args[1:])) }

// run is first the guard, the parent of all, and then, in a process of its own
// that the guard starts, the agent (SPEC N7), and once that is dead, the helper
// that speaks for it (SPEC E11).
func run(args []string) int {
	if len(args) > 0 {
		about := runtime.About{
			Program: config.ProgramBackend, Version: version,
			Does: "runs the hooks in MSDHA_HOOKS_DIR and takes part in its group's election.",
		}
		return about.Info(args)
	}
	switch {
	case guard.Attesting():
		return attest()
	case !guard.Inside():
		return guard.Run(guard.Options{Policy: runtime.NewGuardPolicy()})
	}
	link, err := guard.Attach()
	if err != nil {
		fmt.Fprintln(os.Stderr, "msdha backend:", err)
		return fsm.ExitConfig
	}
	cfg, warnings, err := config.LoadBackend(config.OS())
	log := newLog(&cfg)
	defer log.Close()
	runtime.Report(log, warnings, err)
	if err != nil {
		return fsm.ExitConfig
	}
	return runtime.RunBackend(cfg, version, link, log)
}

func newLog(cfg *config.Backend) *runtime.Log {
	return runtime.NewLogger(os.Stderr, cfg.LogJSON, cfg.LogLevel, "node", cmp.Or(cfg.Name, "?"))
}

// attest is what the guard has done in a process of its own when the agent is dead.
// The configuration is the agent's, whose warnings have been read.
func attest() int {
	lease, limit, err := guard.Task()
	if err != nil {
		fmt.Fprintln(os.Stderr, "msdha backend:", err)
		return fsm.ExitConfig
	}
	cfg, _, err := config.LoadBackend(config.OS())
	log := newLog(&cfg)
	defer log.Close()
	if err != nil {
		runtime.Report(log, nil, err)
		return fsm.ExitConfig
	}
	return runtime.Attest(cfg, lease, limit, log)
}
