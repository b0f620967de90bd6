package rig

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// life is a container from a start to its end, by the engine's clock, which is
// this machine's. It has not ended while the end is zero.
type life struct{ began, ended time.Time }

// lives are all that the containers of a cluster have had, whoever started them:
// the rig, or a restart policy.
type lives struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu  sync.Mutex
	of  map[string][]life // by the container's id
	err error             // why nothing more is learned
}

// lives follows the engine's events from now on. The engine itself remembers only
// some hundred of them, and health checks are among those.
func (e *Engine) lives(cluster string) *lives {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lives{cancel: cancel, of: map[string][]life{}}
	stream := e.docker.Events(ctx, client.EventsListOptions{
		Since: time.Now().Format(time.RFC3339Nano), // what happens before the engine listens to us counts
		Filters: client.Filters{}.Add("type", string(events.ContainerEventType)).
			Add("event", string(events.ActionStart), string(events.ActionDie)).
			Add("label", clusterLabel+"="+cluster),
	})
	l.wait.Go(func() {
		for {
			select {
			case m := <-stream.Messages:
				l.take(&m)
			case err := <-stream.Err:
				l.mu.Lock()
				defer l.mu.Unlock()
				l.err = fmt.Errorf("the engine does not tell any more who starts: %w", err)
				return
			}
		}
	})
	return l
}

func (l *lives) take(m *events.Message) {
	at := time.Unix(0, m.TimeNano)
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.of[m.Actor.ID]
	last := len(all) - 1
	switch {
	case m.Action == events.ActionStart:
		l.of[m.Actor.ID] = append(all, life{began: at})
	case m.Action == events.ActionDie && last >= 0 && all[last].ended.IsZero():
		all[last].ended = at
	}
}

// continues says that a container has taken the place of another one, whose
// recordings are under the same name.
func (l *lives) continues(old, replacement string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[replacement] = append(l.of[old], l.of[replacement]...)
	delete(l.of, old)
}

func (l *lives) close() {
	if l != nil {
		l.cancel()
		l.wait.Wait()
	}
}

// unborn is how short a life may be without a recording: it may end before the
// agent has opened one, on a machine that is busy with everything else.
const unborn = 5 * time.Second

// recorded compares the lives of a container until now with the beginnings of its
// recordings: there has to be one for each.
func (l *lives) recorded(container string, recordings []time.Time, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	all := l.of[container]
	if len(all) == 0 {
		return errors.New("the engine has told of no start")
	}
	var errs []error
	var before time.Time // the end of the life before; no recording can be of an earlier time
	for _, one := range all {
		until := one.ended
		if until.IsZero() || until.After(now) {
			until = now
		}
		found := 0
		for _, at := range recordings {
			// It may be earlier than the start, which the engine tells afterwards.
			if at.After(before) && !at.After(until) {
				found++
			}
		}
		if took := until.Sub(one.began); found > 1 || found == 0 && took >= unborn {
			errs = append(errs, fmt.Errorf("there are %d recordings of the life of %.1f s that began at %s, want one",
				found, took.Seconds(), one.began.UTC().Format(time.RFC3339Nano)))
		}
		before = until
	}
	return errors.Join(errs...)
}
