package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/config"
)

// membersExit is the end of every help text here.
const membersExit = "Exit codes: 0 done, or already so, 1 refused, 69 etcd cannot be reached,\n" +
	"75 begun and not finished in time: the same command goes on, 78 wrong command line or configuration.\n\n"

func (o *operator) members() *cobra.Command {
	list := o.membersList()
	c := &cobra.Command{
		Use:   "members",
		Short: "Show or change the member list, by which no acknowledged write is lost",
		Long: "members shows and changes the group's member list. With one, a write counts as acknowledged once k\n" +
			"members other than the master have it, and a node is promoted only if Q = members - k of them,\n" +
			"itself included, have nothing that it lacks. Without a command it shows the list, as members list\n" +
			"does.\n\n" +
			"One change at a time. A member is added to the list at once, and then the database waits for it,\n" +
			"too; where a member is removed or k raised, the database changes first, and the master changes the\n" +
			"list once enough of the remaining members have all that it has. Until then a change is taken back\n" +
			"with the opposite one.\n\n" + membersExit + config.Help(config.ProgramTools),
		Args: noArgs,
		RunE: list.RunE,
	}
	c.AddCommand(list, o.membersInit(), o.membersAdd(), o.membersRemove(), o.membersSetK(), o.membersConfirm())
	return c
}

// run is what a command does with a group.
func (o *operator) run(do func(context.Context, *session, io.Writer) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, _ []string) error {
		s, err := o.open(c.ErrOrStderr())
		if err != nil {
			return err
		}
		defer s.close()
		return do(c.Context(), s, c.OutOrStdout())
	}
}

// oneName takes exactly one node from the command line.
func oneName(c *cobra.Command, args []string) error {
	switch {
	case len(args) != 1:
		return usage(c, fmt.Errorf("want the name of one node, not %d words", len(args)))
	case kv.ValidName(args[0]) != nil:
		return usage(c, kv.ValidName(args[0]))
	}
	return nil
}

func (o *operator) membersList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Show the member list, what changes in it, and who is no member",
		Args:  noArgs,
		RunE: o.run(func(ctx context.Context, s *session, out io.Writer) error {
			l, err := s.read(ctx)
			if err != nil {
				return err
			}
			_, err = io.WriteString(out, l.membersText(s.group))
			return err
		}),
	}
}

func (o *operator) membersInit() *cobra.Command {
	w := wish{k: 1}
	c := &cobra.Command{
		Use:   "init NAME...",
		Short: "Give a group without a member list its first one",
		Long: "init gives a group without a member list its first one. The same list once more is no fault. Until\n" +
			"k members other than the master have once had all its data, only the master (without one: the\n" +
			"master of the last reign; in a new group: the node that made the data) may claim.",
		Args: func(c *cobra.Command, args []string) error { return w.parse(c, args, 1) },

		ValidArgsFunction: o.nodes(0),
	}
	c.RunE = o.run(func(ctx context.Context, s *session, out io.Writer) error {
		return s.changeList(ctx, out, func(l *listing) (step, error) { return l.initList(w) }, 0)
	})
	w.flags(c, "1")
	return c
}

func (o *operator) membersAdd() *cobra.Command {
	return o.listCommand("add NAME", "Make a registered node a member",
		"add makes a registered node a member: elections go by it at once, the database as soon as the master\n"+
			"has seen it. Of a member that is being removed it takes the removal back.",
		func(l *listing, name string) (step, error) { return l.addMember(name) })
}

func (o *operator) membersRemove() *cobra.Command {
	return o.listCommand("remove NAME", "Make a member one no more",
		"remove takes a node out of the list, which a master must see to: first its database waits no more for\n"+
			"that node, then, once k of the remaining have all that the master has, elections go by them alone.\n"+
			"The command waits for that. Interrupted, the change goes on, and the same command waits for it again;\n"+
			"add NAME takes it back.",
		func(l *listing, name string) (step, error) { return l.removeMember(name) })
}

func (o *operator) listCommand(use, short, long string, decide func(*listing, string) (step, error)) *cobra.Command {
	var limit time.Duration
	c := &cobra.Command{Use: use, Short: short, Long: long, Args: oneName, ValidArgsFunction: o.nodes(1)}
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.run(func(ctx context.Context, s *session, out io.Writer) error {
			return s.changeList(ctx, out, func(l *listing) (step, error) { return decide(l, args[0]) }, limit)
		})(c, args)
	}
	timeoutFlag(c, &limit)
	return c
}

func (o *operator) membersSetK() *cobra.Command {
	var limit time.Duration
	var w wish
	c := &cobra.Command{
		Use:   "set-k K",
		Short: "Change how many other members a write waits for",
		Long: "set-k changes how many members other than the master must have a write before it counts as\n" +
			"acknowledged. Lowered, elections go by it at once; raised, the command waits until the master has\n" +
			"seen to it, as for remove. With k = 0 the master waits for nobody, and what it acknowledged last is\n" +
			"lost with it: say --accept-data-loss.",
		Args: func(c *cobra.Command, args []string) (err error) {
			if len(args) != 1 {
				return usage(c, fmt.Errorf("want one number, not %d words", len(args)))
			}
			if w.k, err = strconv.Atoi(args[0]); err != nil || w.k < 0 {
				return usage(c, fmt.Errorf("%q is no k: want a whole number from 0", args[0]))
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.RunE = o.run(func(ctx context.Context, s *session, out io.Writer) error {
		return s.changeList(ctx, out, func(l *listing) (step, error) { return l.setK(w) }, limit)
	})
	c.Flags().BoolVar(&w.loss, "accept-data-loss", false, "needed for k = 0")
	timeoutFlag(c, &limit)
	return c
}

func (o *operator) membersConfirm() *cobra.Command {
	w := wish{k: -1}
	c := &cobra.Command{
		Use:   "confirm [NAME...]",
		Short: "Say after a restore of etcd that this is the member list",
		Long: "confirm is for a group whose etcd was restored from a backup, emptied or replaced. Its nodes\n" +
			"remember a newer member list than etcd has, and none of them claims. confirm gives the present\n" +
			"list, or the one named here, a version above all that the nodes remember. Name the list that was in\n" +
			"force last: an election that counts too few members may lose acknowledged writes. Of PostgreSQL\n" +
			"synchronous_standby_names on the last master tells.",
		Args: func(c *cobra.Command, args []string) error { return w.parse(c, args, 0) },

		ValidArgsFunction: o.nodes(0),
	}
	c.RunE = o.run(func(ctx context.Context, s *session, out io.Writer) error {
		return s.changeList(ctx, out, func(l *listing) (step, error) { return l.confirmList(w) }, 0)
	})
	w.flags(c, "that of the present list, else 1")
	return c
}

func timeoutFlag(c *cobra.Command, limit *time.Duration) {
	c.Flags().DurationVar(limit, "timeout", 5*time.Minute, "how long to wait for the master to see to it")
}

// wish is a list as somebody wants it.
type wish struct {
	names kv.Names
	k     int // -1: not said
	loss  bool
}

func (w *wish) parse(c *cobra.Command, args []string, least int) (err error) {
	if len(args) < least {
		return usage(c, errors.New("the names of the members are missing"))
	}
	if w.names, err = kv.NewNames(args); err != nil {
		return usage(c, err)
	}
	if c.Flags().Changed("k") && w.k < 0 {
		return usage(c, fmt.Errorf("%d is no k: want a whole number from 0", w.k))
	}
	return nil
}

func (w *wish) flags(c *cobra.Command, usual string) {
	c.Flags().IntVar(&w.k, "k", w.k, "how many others must have a write, `K` (default "+usual+")")
	c.Flags().Lookup("k").DefValue = "0" // said in words
	c.Flags().BoolVar(&w.loss, "accept-data-loss", false, "needed for k = 0")
}
