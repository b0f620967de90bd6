package rig

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Newcomer runs one more backend, under another node's name, without data.
func (c *Cluster) Newcomer(ctx context.Context, container, as string) (*Member, error) {
	s := c.nodeSpec(as)
	s.name, s.restart = container, false
	s.env["MSDHA_RECORD"] = "off"
	delete(s.volumes, c.volumeName(as))
	s.tmpfs = append(s.tmpfs, "/var/lib/postgresql/data")
	return c.Engine.run(ctx, c.name, s)
}

// outcomeLimit is how long a container may take to end that is about to.
const outcomeLimit = 60 * time.Second

// Outcome waits for the container's end and returns its exit code and its log.
func (m *Member) Outcome(ctx context.Context) (code int, log string, err error) {
	ctx, cancel := context.WithTimeout(ctx, outcomeLimit)
	defer cancel()
	opts := client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning}
	end := m.engine.docker.ContainerWait(ctx, m.id, opts)
	select {
	case r := <-end.Result:
		code = int(r.StatusCode)
	case err := <-end.Error:
		return 0, "", fmt.Errorf("%s did not end within %v: %w", m.Name, outcomeLimit, err)
	}
	log, err = m.Log(ctx, time.Time{})
	return code, log, err
}

// Restarts is how often the engine has started the container again.
func (m *Member) Restarts(ctx context.Context) (int, error) {
	c, err := m.engine.docker.ContainerInspect(ctx, m.id, client.ContainerInspectOptions{})
	return c.Container.RestartCount, m.did("inspect", err)
}
