package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime"
	"msdha/internal/runtime/config"
	"msdha/internal/runtime/store"
)

const (
	// changeTries bounds how often a change is decided anew because somebody else
	// changed what it was decided by.
	changeTries = 10
	// lookEvery is the pace at which a command that waits looks at the group.
	lookEvery = 200 * time.Millisecond
)

// operator makes the commands that change a group.
type operator struct {
	environment func() config.Source
	// before runs before each transaction: tests change the group there, which
	// is what another operator or a failover could do.
	before func()
}

// session is a group in etcd.
type session struct {
	st       *store.Store
	group    string
	patience time.Duration // how long etcd may not answer
	before   func()
}

// commands are those that change a group.
func (o *operator) commands() []*cobra.Command {
	return []*cobra.Command{o.members(), o.switchover(), o.pause(), o.resume(), o.promote(), o.reinit()}
}

func (o *operator) open(stderr io.Writer) (*session, error) {
	s, err := openSession(o.environment(), stderr)
	if s != nil {
		s.before = o.before
	}
	return s, err
}

func openSession(env config.Source, stderr io.Writer) (*session, error) {
	cfg, warnings, err := config.LoadTools(env)
	for _, w := range warnings {
		_, _ = fmt.Fprintln(stderr, "msdhactl: warning:", w)
	}
	if err != nil {
		return nil, &failure{fsm.ExitConfig, err}
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	st, err := runtime.OpenStore(&cfg.Common, log)
	if err != nil {
		return nil, &failure{fsm.ExitConfig, err}
	}
	return &session{st: st, group: cfg.Group, patience: cfg.StartPatience}, nil
}

func (s *session) close() { s.st.Close() }

// patient is a context for one question: it ends once etcd has not answered for
// too long.
func (s *session) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.patience == config.Forever {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, s.patience)
}

// read lists the group.
func (s *session) read(ctx context.Context) (*listing, error) {
	ctx, cancel := s.patient(ctx)
	defer cancel()
	items, header, err := list(ctx, s.st)
	if err != nil {
		return nil, err
	}
	l := sortListing(s.st.Prefix(), items)
	l.rev = header.Rev
	return l, nil
}

// step is what there is to do: a transaction that compares what was read, or
// nothing. said is what is so afterwards, or once the master has made the list of
// until the one that elections go by.
type step struct {
	txn   *kv.Txn
	said  string
	until *kv.Record
}

// change decides by what it reads, and executes that unless somebody has changed
// what it read: then it decides anew. A transaction of which nobody knows whether
// it was executed is decided anew too, and must be recognised as done.
func (s *session) change(ctx context.Context, decide func(*listing) (step, error)) (step, error) {
	var last error
	for range changeTries {
		l, err := s.read(ctx)
		if err != nil {
			return step{}, err
		}
		todo, err := decide(l)
		if err != nil || todo.txn == nil {
			return todo, err
		}
		done, err := s.execute(ctx, todo.txn)
		if done {
			return todo, nil
		}
		last = err
		if fails := (*failure)(nil); errors.As(err, &fails) {
			return step{}, err
		}
	}
	if last != nil {
		return step{}, &failure{fsm.ExitUnavailable, last}
	}
	return step{}, fmt.Errorf("the group changed %d times while the change was being decided, and nothing was "+
		"written; look at msdhactl status, and try again", changeTries)
}

// execute reports whether the transaction was executed. Without an error somebody
// had changed what it compares; a failure is final; any other error leaves open
// what became of it.
func (s *session) execute(ctx context.Context, t *kv.Txn) (bool, error) {
	if s.before != nil {
		s.before()
	}
	once, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	result, _, outcome, err := s.st.Txn(once, t, 0)
	switch {
	case outcome == kv.OK:
		return result.Succeeded, nil
	case outcome == kv.LeaseGone:
		return false, nil
	case outcome == kv.Failed:
		return false, &failure{fsm.ExitConfig, err}
	case ctx.Err() != nil:
		return false, &failure{fsm.ExitUnavailable, err}
	}
	return false, err
}

// refused is for what must not be done: why not, and what to do instead.
func refused(format string, args ...any) error { return fmt.Errorf(format, args...) }

// unfinished is for what may still come true, or what the same command goes on with.
func unfinished(format string, args ...any) error {
	return &failure{fsm.ExitAgain, fmt.Errorf(format, args...)}
}

// await looks at the group until over says that the wait is over. What over says
// meanwhile is printed when it changes. Etcd may be away for a while. Without an
// answer in time the error is that of ctx.
func (s *session) await(ctx context.Context, out io.Writer,
	over func(*listing) (bool, string, error),
) error {
	said := ""
	for {
		l, err := s.read(ctx)
		var fails *failure
		switch {
		case err == nil:
			done, words, err := over(l)
			if err != nil || done {
				return err
			}
			if words != said {
				_, _ = fmt.Fprintln(out, words)
				said = words
			}
		case ctx.Err() != nil:
		case errors.As(err, &fails) && fails.code == fsm.ExitUnavailable:
			_, _ = fmt.Fprintln(out, err)
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookEvery):
		}
	}
}
