package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
)

func (o *operator) reinit() *cobra.Command {
	var within, limit time.Duration
	c := &cobra.Command{
		Use:   "reinit NODE",
		Short: "Let a slave set its data aside and clone the master's",
		Long: "reinit asks one slave to end, and to begin its next life by moving its data aside and cloning the\n" +
			"master's, even if the data fits. Something must start the node again, such as a restart policy. The\n" +
			"command waits until the node is ready again.\n\n" +
			requestExit + config.Help(config.ProgramTools),
		Args: oneName,

		ValidArgsFunction: o.nodes(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.run(func(ctx context.Context, s *session, out io.Writer) error {
			return s.reinit(ctx, out, args[0], within, limit)
		})(c, args)
	}
	c.Flags().DurationVar(&within, "within", time.Minute, "after that the request is void")
	c.Flags().DurationVar(&limit, "timeout", time.Hour, "how long to wait for the node to be ready again")
	return c
}

func (s *session) reinit(ctx context.Context, out io.Writer, name string, within, limit time.Duration) error {
	var old kv.LeaseID
	start := time.Now()
	lease, err := s.ask(ctx, within, func(l *listing) (wanted, error) {
		w, err := l.reinit(name)
		old = w.record.Incarnation
		return w, err
	})
	if err != nil {
		return err
	}
	defer s.withdraw(lease)
	err = s.obeyed(ctx, out, name, old, within)
	if err != nil {
		return err
	}
	s.withdraw(lease) // void by now, and in the way of other requests
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err = s.await(waiting, out, func(l *listing) (bool, string, error) {
		n := l.node(name)
		switch {
		case !n.alive():
			return false, name + " has ended; waiting for its next life", nil
		case n.state() == fsm.StateReady, n.state() == fsm.StateMaster:
			return true, "", nil
		}
		return false, fmt.Sprintf("%s lives again: %s", name, n.key.Record.State), nil
	})
	if over(err) {
		return unfinished("%s is not ready again, %s; msdhactl status shows when it is", name, tense(err, limit))
	}
	if err == nil {
		_, err = fmt.Fprintf(out, "%s is ready again, %s after the request\n", name, since(start))
	}
	return err
}

// obeyed waits until that incarnation has ended.
func (s *session) obeyed(ctx context.Context, out io.Writer, name string, old kv.LeaseID, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := s.await(ctx, out, func(l *listing) (bool, string, error) {
		n := l.node(name)
		switch {
		case n.key.Lease != old:
			return true, "", nil
		case n.state() == fsm.StateReady:
			return false, fmt.Sprintf("waiting for %s to end", name), nil
		}
		text := "waiting for %s, which is %s: it obeys once it is ready"
		return false, fmt.Sprintf(text, name, n.key.Record.State), nil
	})
	if over(err) {
		return unfinished("%s has not ended, %s; the request is withdrawn; its log says why", name, tense(err, within))
	}
	return err
}

// reinit is for a slave whose data nobody needs: a master reigns.
func (l *listing) reinit(name string) (wanted, error) {
	w := wanted{}
	if err := l.readable(); err != nil {
		return w, err
	}
	if err := l.free("reinit"); err != nil {
		return w, err
	}
	n := l.node(name)
	switch {
	case !n.alive():
		return w, refused("no node %s is registered; registered are %s", name, orNone(l.registered()))
	case !l.reigned():
		return w, refused("nobody reigns, so there is nobody to clone from, and the data of %s may be needed; "+
			"msdhactl status says why nobody reigns", name)
	case l.master.Record.Node == name:
		return w, refused("%s reigns; msdhactl switchover first", name)
	case !l.masterStatus().Published:
		return w, refused("%s is still being promoted; try again when msdhactl status shows that it is routed to",
			l.master.Record.Node)
	}
	w.record = kv.Record{Request: kv.RequestReinit, Node: name, Incarnation: n.key.Lease}
	w.keys = []*kv.Item{l.master, &n.key}
	return w, nil
}
