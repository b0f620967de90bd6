package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/store"
)

const (
	// askTimeout bounds one request; within the patience it is repeated, over
	// another endpoint where there is one.
	askTimeout = 2 * time.Second
	askPause   = 100 * time.Millisecond
	// askAtOnce bounds the requests under way, one for each lease.
	askAtOnce = 16
)

// newStatus is the command `msdhactl status`.
func newStatus() *cobra.Command { return statusCommand(config.OS) }

func statusCommand(environment func() config.Source) *cobra.Command {
	asJSON := false
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the group, and why nobody is promoted when nobody is",
		Long: "status shows a group as etcd has it at one revision: master, epoch, nodes, frontends,\n" +
			"the last reigns, and why nobody is promoted when nobody is. It changes nothing.\n\n" +
			"LEFT is what is left of a node's lease, in seconds, rounded down: its authority ends a\n" +
			"little before the lease does, unless it is renewed. What a node believes itself, GET\n" +
			"/status on its MSDHA_HTTP_LISTEN tells.\n\n" +
			"Exit codes: 0 shown, 69 etcd cannot be reached, 78 wrong configuration or refused login.\n\n" +
			config.Help(config.ProgramTools),
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := readStatus(cmd.Context(), environment(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			return s.print(cmd.OutOrStdout(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON instead of tables")
	return c
}

// readStatus reads etcd as the environment says. Its errors carry exit codes.
func readStatus(ctx context.Context, env config.Source, stderr io.Writer) (*groupStatus, error) {
	s, err := openSession(env, stderr)
	if err != nil {
		return nil, err
	}
	defer s.close()
	l, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	l.lives = lifetimes(ctx, s.st, l.leases())
	return l.status(s.group), nil
}

// list reads the group, linearizably, and repeats that until ctx ends where
// etcd does not answer. What etcd refuses is not repeated.
func list(ctx context.Context, st *store.Store) ([]kv.Item, kv.Header, error) {
	for {
		once, cancel := context.WithTimeout(ctx, askTimeout)
		items, header, outcome, err := st.List(once)
		cancel()
		switch outcome {
		case kv.OK:
			return items, header, nil
		case kv.Failed:
			return nil, header, &failure{fsm.ExitConfig, err}
		}
		select {
		case <-ctx.Done():
			return nil, header, &failure{fsm.ExitUnavailable, err}
		case <-time.After(askPause):
		}
	}
}

// lifetime is how long a lease still lives; zero where etcd did not tell.
type lifetime struct {
	store.Remaining
	gone bool
}

// lifetimes asks for all leases. One that ended since the listing is gone; what
// etcd does not answer is left out, as the listing is worth showing without.
func lifetimes(ctx context.Context, st *store.Store, leases []kv.LeaseID) map[kv.LeaseID]lifetime {
	lives := make(map[kv.LeaseID]lifetime, len(leases))
	var mu sync.Mutex
	var wg sync.WaitGroup
	turns := make(chan struct{}, askAtOnce)
	for _, id := range leases {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			once, cancel := context.WithTimeout(ctx, askTimeout)
			defer cancel()
			left, _, outcome, _ := st.TimeToLive(once, id)
			if outcome != kv.OK && outcome != kv.LeaseGone {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			lives[id] = lifetime{Remaining: left, gone: outcome == kv.LeaseGone}
		})
	}
	wg.Wait()
	return lives
}

func (s *groupStatus) print(w io.Writer, asJSON bool) error {
	text := s.text()
	if asJSON {
		raw, err := json.MarshalIndent(s, "", "  ")
		if err != nil {
			return fmt.Errorf("cannot write the status as JSON: %w", err)
		}
		text = string(raw) + "\n"
	}
	_, err := io.Copy(w, strings.NewReader(text))
	return err
}
