// Command frontend forwards TCP connections to the current master of a group.
// See README.md.
package main

import (
	"cmp"
	"fmt"
	"os"

	"msdha/internal/fsm"
	"msdha/internal/runtime"
	"msdha/internal/runtime/config"
)

var version = "unversioned" // set by the linker

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) > 0 {
		return info(args)
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

func info(args []string) int {
	switch args[0] {
	case "--version", "version":
		fmt.Println("msdha frontend", version)
		return 0
	case "--help", "-h", "help":
		fmt.Print("frontend forwards what connects to MSDHA_PORT to the group's current master.\n" +
			"It takes no arguments; everything is configured by the environment.\n\n" +
			config.Help(config.ProgramFrontend))
		return 0
	}
	fmt.Fprintf(os.Stderr, "msdha frontend: unknown argument %q; it takes none, see --help\n", args[0])
	return fsm.ExitConfig
}
