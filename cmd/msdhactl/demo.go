package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"msdha/internal/demo"
)

func newDemo() *cobra.Command {
	var o demo.Options
	var bin, file string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Break a real PostgreSQL group on this machine and measure what it costs",
		Long: "demo starts an etcd, three PostgreSQL nodes under three backends, a frontend and writers, all\n" +
			"on free ports of this machine and in a temporary directory. Then it hurts the master in\n" +
			"several ways. It exits with 0 if every fault was survived and no two nodes were masters at\n" +
			"the same time. Nothing is left behind, after Ctrl-C neither.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if bin == "" {
				self, err := os.Executable()
				if err != nil {
					return err
				}
				bin = filepath.Dir(self)
			}
			if o.Backend == "" {
				o.Backend = filepath.Join(bin, "backend")
			}
			if o.SelfTest {
				o.Async, o.Faults = true, []string{"cut"}
			}
			o.Frontend, o.Out = filepath.Join(bin, "frontend"), c.OutOrStdout()
			r, err := demo.Run(c.Context(), o)
			if err != nil {
				return err
			}
			r.Print(c.OutOrStdout())
			if file != "" {
				if err := writeJSON(file, r); err != nil {
					return err
				}
			}
			return verdict(&r, &o)
		},
	}
	f := c.Flags()
	f.DurationVar(&o.TTL, "ttl", 0, "lease TTL, whole seconds (default 3s)")
	f.StringSliceVar(&o.Faults, "faults", nil, "only these, of "+strings.Join(demo.FaultNames(), ", "))
	f.BoolVar(&o.Async, "async", false, "replicate asynchronously")
	f.BoolVar(&o.Stay, "stay", false, "keep the group up afterwards, until Ctrl-C")
	f.StringVar(&file, "json", "", "write the figures to this file")
	f.StringVar(&bin, "bin", "", "directory of backend and frontend (default: where msdhactl is)")
	f.StringVar(&o.Backend, "backend", "", "another backend program, such as one with a planted bug")
	f.BoolVar(&o.SelfTest, "self-test", false,
		"with a --backend that does not fence: fail unless two masters are noticed")
	return c
}

func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// verdict is the demo's exit status. The self-test wants what nobody else wants.
func verdict(r *demo.Report, o *demo.Options) error {
	switch {
	case o.SelfTest && r.TwoMasters == 0:
		return errors.New("self-test: without fencing two masters should have been noticed, and were not")
	case !o.SelfTest && r.TwoMasters > 0:
		return fmt.Errorf("two masters: %d rows were acknowledged by a node of an old epoch", r.TwoMasters)
	case !o.SelfTest && !o.Async && r.Lost > 0:
		return fmt.Errorf("%d acknowledged rows are missing, which a group with a member list promises not to lose",
			r.Lost)
	}
	return nil
}
