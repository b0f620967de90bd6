package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
)

func (o *operator) switchover() *cobra.Command {
	var to string
	var within time.Duration
	c := &cobra.Command{
		Use:   "switchover",
		Short: "Let another node reign, without a failover's wait",
		Long: "switchover asks the master to end its reign in an orderly way, so that another node follows at\n" +
			"once. It waits, and says who reigns and how long it took. --to only orders those who may claim:\n" +
			"where the node named lacks what another has, that one is promoted, and the exit code is 1.\n\n" +
			requestExit + config.Help(config.ProgramTools),
		Args: noArgs,
		RunE: o.run(func(ctx context.Context, s *session, out io.Writer) error {
			return s.switchover(ctx, out, to, within)
		}),
	}
	c.Flags().StringVar(&to, "to", "", "the node that is to reign (default: whoever has most)")
	if err := c.RegisterFlagCompletionFunc("to", o.nodes(0)); err != nil {
		panic(err) // there is such a flag
	}
	c.Flags().DurationVar(&within, "within", 30*time.Second, "after that the request is void")
	return c
}

func (s *session) switchover(ctx context.Context, out io.Writer, to string, within time.Duration) error {
	var old kv.Record
	start := time.Now()
	lease, err := s.ask(ctx, within, func(l *listing) (wanted, error) {
		if l.reigned() {
			old = l.master.Record
		}
		return l.switchover(to)
	})
	if err != nil {
		return err
	}
	defer s.withdraw(lease)
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	now, err := s.succession(waiting, out, old.Epoch, false)
	switch {
	case over(err):
		return s.noSuccessor(tense(err, within), old)
	case err != nil:
		return err
	}
	text := fmt.Sprintf("%s reigns at %s, epoch %d, %s after the request; before: %s, epoch %d",
		now.Node, now.Address, now.Epoch, since(start), old.Node, old.Epoch)
	if to != "" && now.Node != to {
		return fmt.Errorf("%s reigns instead of %s: %s", now.Node, to, text)
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// noSuccessor tells a reign that did not end from one that nobody followed.
func (s *session) noSuccessor(when string, old kv.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	l, err := s.read(ctx)
	switch {
	case err != nil:
		return unfinished("no successor, %s; the request is withdrawn, and etcd does not answer: %w", when, err)
	case l.reigned() && l.master.Record.Epoch == old.Epoch:
		return unfinished("%s still reigns, %s; the request is withdrawn; its log says why", old.Node, when)
	case l.reigned():
		return unfinished("%s has claimed epoch %d, but is not promoted yet, %s; msdhactl status shows when it is",
			l.master.Record.Node, l.master.Record.Epoch, when)
	}
	return unfinished("the reign of %s is over, and nobody follows yet, %s; msdhactl status says why", old.Node, when)
}

// switchover is SPEC E6: refused where it could only fail.
func (l *listing) switchover(to string) (wanted, error) {
	w := wanted{}
	if err := l.readable(); err != nil {
		return w, err
	}
	if !l.reigned() {
		return w, refused("nobody reigns, so there is nobody to take over from; msdhactl status says why")
	}
	master := l.master.Record
	switch err := l.free("switchover"); {
	case err != nil:
		return w, err
	case l.config != nil && l.config.Record.Bad != "":
		return w, refused("%s", l.unreadable(l.config))
	case to == master.Node:
		return w, refused("%s reigns already", to)
	}
	w.record = kv.Record{Request: kv.RequestSwitchover, Epoch: master.Epoch, Node: to}
	w.keys = []*kv.Item{l.master, present(l.epoch, kv.EpochKey), present(l.config, kv.Config)}
	if to != "" {
		n := l.node(to)
		if err := l.couldReign(n); err != nil {
			return w, err
		}
		if l.listed() && l.config.Record.NextMembers != "" && !l.config.Record.NextMembers.Has(to) {
			return w, refused("%s is to leave the member list, which could not end while it reigns; %s takes that back",
				to, l.opposite())
		}
		w.keys = append(w.keys, &n.key)
	}
	f := l.with(w.record).facts(master.Node)
	if q := l.followers(); f.ReadyOthers < q || !f.Control.Ready {
		return w, refused("%s must be ready to follow %s, and %d could now: %s; a switchover would leave the group "+
			"without a master", plural(q, "other member"), master.Node, f.ReadyOthers, l.unready(master.Node))
	}
	return w, nil
}

// couldReign refuses a successor that could not claim.
func (l *listing) couldReign(n *node) error {
	obstacle := ""
	if n.alive() {
		obstacle = l.obstacle(n)
	}
	if _, why := l.withData([]*node{n}); obstacle == "" && len(why) > 0 {
		obstacle = why[0]
	}
	switch {
	case !n.alive():
		return refused("no node %s is registered; registered are %s", n.name, orNone(l.registered()))
	case n.info.Record.Observer:
		return refused("%s is never promoted (MSDHA_CANDIDATE=false)", n.name)
	case obstacle != "":
		return refused("%s could not claim: %s", n.name, obstacle)
	case n.state() != fsm.StateReady:
		return refused("%s is not ready: its state is %s", n.name, n.stateSince())
	}
	return nil
}

// with is the group with that request.
func (l *listing) with(r kv.Record) *listing {
	items := slices.Clone(l.items)
	items = slices.DeleteFunc(items, func(it kv.Item) bool { return it.Key == kv.Control })
	items = append(items, kv.Item{Key: kv.Control, Present: true, Create: l.rev, Mod: l.rev, Record: r})
	more := sortListing(l.prefix, items)
	more.rev = l.rev
	return more
}

func (l *listing) registered() []string {
	var names []string
	for i := range l.nodes {
		if n := &l.nodes[i]; n.alive() {
			names = append(names, n.name)
		}
	}
	return names
}

// unready says what the others are that could follow the master.
func (l *listing) unready(master string) string {
	var said []string
	names := l.registered()
	if l.listed() {
		names = l.config.Record.Members.List()
	}
	for _, name := range names {
		n := l.node(name)
		switch {
		case name == master:
		case !n.alive():
			said = append(said, name+" is not registered")
		case n.info.Record.Observer:
			said = append(said, name+" is never promoted (MSDHA_CANDIDATE=false)")
		default:
			said = append(said, name+" is "+n.key.Record.State)
		}
	}
	if len(said) == 0 {
		return "there is no other"
	}
	return several(said)
}
