// Package engine asks a container engine which containers run, and shows the engine
// to others with everything taken away that is not needed for that. It decides
// nothing: what an answer proves is up to the machines of package fsm.
package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// lookBack is how far events are asked for that happened before the first connection;
// the engine remembers some hundred.
const lookBack = 5 * time.Minute

// Client speaks to one engine over a Unix socket. A socket is on the same kernel as
// whoever opens it, so what the engine says is about containers of this kernel; of an
// engine at some address nobody knows that.
type Client struct {
	api    *client.Client
	latest time.Time // of the events told so far, by the engine's clock
}

// State is the engine's word on a container.
type State struct {
	Known      bool
	Status     string
	Running    bool
	Paused     bool
	Restarting bool
	PID        int
	SharesPIDs bool   // HostConfig.PidMode is not its own
	UpperDir   string // where the layer is that it alone writes to, on the host; empty: not told
}

// Open prepares to speak to the engine behind the socket; it does not connect yet.
// Which version of the API is spoken is settled with the engine.
func Open(socket string) (*Client, error) {
	api, err := client.New(client.WithHost("unix://" + socket))
	if err != nil {
		return nil, fmt.Errorf("cannot use the engine's socket %s: %w", socket, err)
	}
	return &Client{api: api, latest: time.Now().Add(-lookBack)}, nil
}

// Close ends all connections.
func (c *Client) Close() { _ = c.api.Close() }

// Follow tells the events of all containers, by full id and action, until the engine
// ends them, or ctx does. Before the first, and after the engine was seen to answer
// within the timeout, it calls open. Events since the last one that an earlier call
// told come again, as far as the engine remembers them. The error says why it ended.
func (c *Client) Follow(
	ctx context.Context, timeout time.Duration, open func(), tell func(container, action string),
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := c.ping(ctx, timeout); err != nil {
		return err
	}
	all := c.api.Events(ctx, client.EventsListOptions{
		Since:   strconv.FormatFloat(float64(c.latest.UnixNano())/1e9, 'f', 9, 64),
		Filters: make(client.Filters).Add("type", string(events.ContainerEventType)),
	})
	open()
	for {
		select {
		case m := <-all.Messages:
			if at := time.Unix(0, m.TimeNano); at.After(c.latest) {
				c.latest = at
			}
			tell(m.Actor.ID, string(m.Action))
		case err := <-all.Err:
			if err == nil {
				err = errors.New("the engine closed the stream")
			}
			return fmt.Errorf("cannot follow the engine's events: %w", err)
		}
	}
}

func (c *Client) ping(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if _, err := c.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); err != nil {
		return fmt.Errorf("cannot reach the engine: %w", err)
	}
	return nil
}

// Inspect asks for the state of the container with the full id. An error means that
// nothing is known.
func (c *Client) Inspect(ctx context.Context, id string) (State, error) {
	r, err := c.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	switch {
	case cerrdefs.IsNotFound(err):
		return State{}, nil
	case err != nil:
		return State{}, fmt.Errorf("cannot inspect container %s: %w", id, err)
	case r.Container.ID != id: // a container of this name
		return State{}, fmt.Errorf("asked for container %s, the engine answers for %q", id, r.Container.ID)
	case r.Container.State == nil || r.Container.HostConfig == nil:
		return State{}, fmt.Errorf("the engine's answer for container %s has no state", id)
	}
	s, upper := r.Container.State, ""
	if g := r.Container.GraphDriver; g != nil {
		upper = g.Data["UpperDir"]
	}
	return State{
		Known: true, Status: string(s.Status), Running: s.Running, Paused: s.Paused, Restarting: s.Restarting,
		PID: s.Pid, SharesPIDs: r.Container.HostConfig.PidMode != "", UpperDir: upper,
	}, nil
}
