package runtime

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"msdha/internal/fsm"
)

// stopSignals ask for a planned stop.
var stopSignals = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT}

// catchSignals is called before anything that takes time, so that a stop asked
// for early is a planned one too. SIGPIPE is caught and not ignored, which
// children would inherit: a closed log must not end us.
func catchSignals(more ...os.Signal) chan os.Signal {
	c := make(chan os.Signal, 8)
	for _, s := range slices.Concat(stopSignals, more, []os.Signal{syscall.SIGPIPE}) {
		if !signal.Ignored(s) { // nohup, or a background job: a wish to be respected
			signal.Notify(c, s)
		}
	}
	return c
}

// UntilAsked runs what has no machine, until it ends by itself or a signal asks it to:
// then its ctx is done.
func UntilAsked(log *Log, serve func(ctx context.Context) error) error {
	signals := catchSignals(syscall.SIGHUP)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for {
			select {
			case s := <-signals:
				if s != syscall.SIGPIPE {
					log.Info("asked to stop", "signal", s.String())
					cancel()
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return serve(ctx)
}

// followSignals posts requests to stop, and hands other signals on.
func (l *loop) followSignals(signals chan os.Signal, other func(syscall.Signal)) {
	defer signal.Stop(signals)
	for {
		select {
		case s := <-signals:
			switch s {
			case syscall.SIGPIPE:
			case syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT:
				l.log.Info("asked to stop", "signal", s.String())
				l.send(fsm.Event{Kind: fsm.StopRequested})
			default:
				l.post(func() { other(s.(syscall.Signal)) })
			}
		case <-l.done:
			return
		}
	}
}
