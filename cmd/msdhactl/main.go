// Command msdhactl looks at groups, changes them, breaks them, and simulates them. Each
// subcommand has a file of its own. See README.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/runtime/config"
)

var version = "unversioned" // set by the linker

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := newRoot().ExecuteContext(ctx)
	stop()
	os.Exit(report(err))
}

// report says what went wrong and gives the exit status: the error's own, or 1.
func report(err error) int {
	if err == nil {
		return fsm.ExitOK
	}
	fmt.Fprintln(os.Stderr, "msdhactl:", err)
	var coded interface{ ExitCode() int }
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return 1
}

func newRoot() *cobra.Command {
	c := &cobra.Command{
		Use:   "msdhactl",
		Short: "Look at groups of one master and many slaves, change, break and simulate them",
		Long: "msdhactl looks at groups of one master and many slaves, changes, breaks and simulates them.\n" +
			"What it says goes to standard output, what went wrong to standard error.",
		Version:           version,
		Args:              noArgs,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		RunE: func(c *cobra.Command, _ []string) error {
			return usage(c, errors.New("a command is missing"))
		},
	}
	c.SetFlagErrorFunc(usage)
	c.AddCommand(newStatus(), newDemo(), newSim(), newExplore(), newReplay())
	c.AddCommand((&operator{environment: config.OS}).commands()...)
	return c
}

// noArgs refuses what is neither a command nor a flag.
func noArgs(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return usage(c, err)
	}
	return nil
}

// usage is the error for a command line that cannot be understood.
func usage(c *cobra.Command, err error) error {
	return &failure{fsm.ExitConfig, fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
}
