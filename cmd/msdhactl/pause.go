package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
)

const requestExit = "Exit codes: 0 done, 1 refused or otherwise than wanted, 69 etcd cannot be reached,\n" +
	"75 not in time, and the request is withdrawn, 78 wrong command line or configuration.\n\n"

func (o *operator) pause() *cobra.Command {
	return &cobra.Command{
		Use:   "pause",
		Short: "Promote nobody until resume",
		Long: "pause keeps every node from being promoted, and the master's reign from ending by MSDHA_MASTER_TTL,\n" +
			"until resume. A master that loses its lease is ended all the same: then the group has none.\n\n" +
			requestExit + config.Help(config.ProgramTools),
		Args: noArgs,

		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: o.run(func(ctx context.Context, s *session, out io.Writer) error {
			return s.say(ctx, out, (*listing).pause)
		}),
	}
}

func (o *operator) resume() *cobra.Command {
	return &cobra.Command{
		Use:   "resume",
		Short: "End a pause",
		Long:  "resume ends what pause began.\n\n" + requestExit + config.Help(config.ProgramTools),
		Args:  noArgs,
		RunE: o.run(func(ctx context.Context, s *session, out io.Writer) error {
			return s.say(ctx, out, (*listing).resume)
		}),
	}
}

// say makes a change and says what is so now.
func (s *session) say(ctx context.Context, out io.Writer, decide func(*listing) (step, error)) error {
	done, err := s.change(ctx, decide)
	if err == nil {
		_, err = fmt.Fprintln(out, done.said)
	}
	return err
}

func (l *listing) pause() (step, error) {
	if l.asked() == kv.RequestPause {
		return step{said: "the group is paused already"}, nil
	}
	if err := l.free("pause"); err != nil {
		return step{}, err
	}
	said := "the group is paused: nobody is promoted until msdhactl resume"
	if !l.reigned() {
		said += "; nobody reigns now"
	}
	return step{txn: l.request(wanted{record: kv.Record{Request: kv.RequestPause}}, 0), said: said}, nil
}

func (l *listing) resume() (step, error) {
	switch {
	case l.control != nil && l.control.Record.Bad != "":
		return step{}, l.free("")
	case l.asked() != kv.RequestPause:
		return step{said: "the group is not paused"}, nil
	}
	var t kv.Txn
	t.IfMod(kv.Control, l.control.Mod)
	t.Delete(kv.Control)
	t.Get(kv.Control)
	return step{txn: &t, said: "the group is not paused any more"}, nil
}
