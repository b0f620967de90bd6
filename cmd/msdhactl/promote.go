package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
)

func (o *operator) promote() *cobra.Command {
	var loss bool
	var within time.Duration
	c := &cobra.Command{
		Use:   "promote NODE --accept-data-loss",
		Short: "Let a node claim in spite of what it may lack",
		Long: "promote is the one way past the rule that whoever is promoted has all that was acknowledged. It is\n" +
			"for a group without a master whose missing members never come back. It says what may be lost, and\n" +
			"then allows that one node to claim after this one reign. All else still holds: the wait, the\n" +
			"fencing, the list.\n\n" +
			requestExit + config.Help(config.ProgramTools),
		Args: oneName,

		ValidArgsFunction: o.nodes(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.run(func(ctx context.Context, s *session, out io.Writer) error {
			return s.promote(ctx, out, args[0], loss, within)
		})(c, args)
	}
	c.Flags().BoolVar(&loss, "accept-data-loss", false, "what the others have and this node lacks is given up")
	c.Flags().DurationVar(&within, "within", time.Minute, "after that the request is void")
	return c
}

func (s *session) promote(ctx context.Context, out io.Writer, name string, loss bool, within time.Duration) error {
	var last kv.Epoch
	start, warned := time.Now(), ""
	lease, err := s.ask(ctx, within, func(l *listing) (wanted, error) {
		w, err := l.promote(name)
		if err != nil {
			return w, err
		}
		last = w.record.Epoch
		if text := strings.Join(l.losses(name), "\n"); text != warned {
			warned = text
			_, _ = fmt.Fprintln(out, text)
		}
		if !loss {
			return w, refused("promote %s gives up whatever it lacks; say --accept-data-loss if that is meant", name)
		}
		return w, nil
	})
	if err != nil {
		return err
	}
	defer s.withdraw(lease)
	waiting, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	now, err := s.succession(waiting, out, last, true)
	switch {
	case over(err):
		return s.notPromoted(tense(err, within), name)
	case err != nil:
		return err
	case now.Node != name:
		return fmt.Errorf("%s reigns instead of %s, at %s, epoch %d", now.Node, name, now.Address, now.Epoch)
	}
	_, err = fmt.Fprintf(out, "%s reigns at %s, epoch %d, %s after the request\n", now.Node, now.Address, now.Epoch,
		since(start))
	return err
}

func (s *session) notPromoted(when, name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	if l, err := s.read(ctx); err == nil && l.reigned() {
		return unfinished("%s has claimed epoch %d, but is not promoted yet, %s; msdhactl status shows when it is",
			l.master.Record.Node, l.master.Record.Epoch, when)
	}
	return unfinished("%s was not promoted, %s; the request is withdrawn; msdhactl status and the log of %s say why",
		name, when, name)
}

// promote is SPEC E7's one exception: for this vacancy, and this node.
func (l *listing) promote(name string) (wanted, error) {
	w := wanted{}
	if err := l.readable(); err != nil {
		return w, err
	}
	switch {
	case l.reigned():
		return w, refused("%s reigns, epoch %d: there is nothing to force; to change masters: msdhactl switchover",
			l.master.Record.Node, l.master.Record.Epoch)
	case l.epoch == nil:
		return w, refused("there is no _epoch: nobody has reigned here, or etcd was emptied, and there is no reign " +
			"that a promotion could follow; msdhactl status says why nobody is promoted")
	}
	if err := l.free("promotion"); err != nil {
		return w, err
	}
	if blocks := l.blocks(); len(blocks) > 0 {
		return w, refused("nobody can be promoted: %s", strings.Join(blocks, "; "))
	}
	w.record = kv.Record{Request: kv.RequestPromote, Epoch: l.epoch.Record.Epoch, Node: name}
	more := l.with(w.record)
	if err := more.couldReign(more.node(name)); err != nil {
		return w, err
	}
	w.keys = []*kv.Item{present(l.master, kv.Master), l.epoch, present(l.config, kv.Config), &l.node(name).key}
	return w, nil
}

// losses is what may be lost if the node is promoted now, in words.
func (l *listing) losses(name string) []string {
	own := l.node(name)
	p, said := own.info.Record.Position, l.final(own)
	lines := []string{fmt.Sprintf("%s has not said in this vacancy how far its data reaches", name)}
	if said {
		lines[0] = fmt.Sprintf("%s is at %s", name, at(p))
	}
	names := l.registered()
	if l.listed() {
		names = l.config.Record.Members.List()
	}
	for _, other := range names {
		n := l.node(other)
		q := n.info.Record.Position
		switch {
		case other == name:
		case !n.alive():
			lines = append(lines, fmt.Sprintf("%s is not registered: what only it has is lost", other))
		case !l.final(n):
			lines = append(lines, fmt.Sprintf("%s (%s) has not said how far its data reaches: it may have more",
				other, n.key.Record.State))
		case said && q.Compare(p) > 0:
			lines = append(lines, fmt.Sprintf("%s is at %s: it has more, and that is lost", other, at(q)))
		case said:
			lines = append(lines, fmt.Sprintf("%s is at %s: it has nothing more", other, at(q)))
		default:
			lines = append(lines, fmt.Sprintf("%s is at %s", other, at(q)))
		}
	}
	return lines
}
