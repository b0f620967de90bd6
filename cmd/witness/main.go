// Command witness passes a container engine's word on, when it says that a container
// of a group does not run any more. See README.md.
package main

import (
	"cmp"
	"context"
	"os"

	"msdha/internal/fsm"
	"msdha/internal/runtime"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/engine"
)

var version = "unversioned" // set by the linker

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	switch {
	case len(args) == 1 && args[0] == "proxy":
		return proxy()
	case len(args) > 0:
		about := runtime.About{
			Program: config.ProgramWitness, Version: version,
			Does: "attests the death of nodes whose containers the engine says have ended.",
			More: "  witness proxy         lets only what a witness needs through to the engine:\n" +
				"                       listens on MSDHA_ENGINE_PROXY, asks MSDHA_ENGINE\n",
		}
		return about.Info(args)
	}
	cfg, warnings, err := config.LoadWitness(config.OS())
	log := runtime.NewLogger(os.Stderr, cfg.LogJSON, cfg.LogLevel, "witness", cmp.Or(cfg.Name, "?"))
	defer log.Close()
	runtime.Report(log, warnings, err)
	if err != nil {
		return fsm.ExitConfig
	}
	api, err := engine.Open(cfg.Engine)
	if err != nil {
		log.Error("cannot start", "error", err)
		return fsm.ExitConfig
	}
	defer api.Close()
	return runtime.RunWitness(cfg, version, witnessed{api}, log)
}

func proxy() int {
	cfg, err := config.LoadEngineProxy(config.OS())
	log := runtime.NewLogger(os.Stderr, cfg.LogJSON, cfg.LogLevel, "witness", "proxy")
	defer log.Close()
	runtime.Report(log, nil, err)
	if err != nil {
		return fsm.ExitConfig
	}
	log.Info("engine proxy starts", "version", version, "engine", cfg.Engine)
	err = runtime.UntilAsked(log, func(ctx context.Context) error {
		return engine.NewProxy(cfg.Engine, log.Logger).Serve(ctx, cfg.Listen)
	})
	if err != nil {
		log.Error("ends", "error", err)
		return fsm.ExitConfig
	}
	return fsm.ExitOK
}
