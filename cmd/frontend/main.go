// Command frontend forwards TCP connections to the current master of a group.
// See README.md.
package main

import (
	"cmp"
	"os"

	"msdha/internal/fsm"
	"msdha/internal/runtime"
	"msdha/internal/runtime/config"
)

var version = "unversioned" // set by the linker

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 {
		about := runtime.About{
			Program: config.ProgramFrontend, Version: version,
			Does: "forwards what connects to MSDHA_PORT to the group's current master.",
		}
		return about.Info(args)
	}
	cfg, warnings, err := config.LoadFrontend(config.OS())
	log := runtime.NewLogger(os.Stderr, cfg.LogJSON, cfg.LogLevel, "frontend", cmp.Or(cfg.Name, "?"))
	defer log.Close()
	runtime.Report(log, warnings, err)
	if err != nil {
		return fsm.ExitConfig
	}
	return runtime.RunFrontend(cfg, version, log)
}
