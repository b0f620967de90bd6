package rig

import (
	"context"
	"strings"
	"time"
)

// maxNodes is how many backends a cluster may grow to.
const maxNodes = 5

// Join starts one more backend, which clones the data.
func (c *Cluster) Join(ctx context.Context, name string) (*Member, error) {
	m, err := c.Engine.run(ctx, c.name, c.nodeSpec(name))
	if err == nil {
		c.Nodes = append(c.Nodes, m)
	}
	return m, err
}

// Leave ends a backend for good; its data stays on its volume.
func (c *Cluster) Leave(ctx context.Context, m *Member, grace time.Duration) error {
	if err := m.Stop(ctx, grace); err != nil {
		return err
	}
	c.Nodes = c.Others(m)
	return m.Remove(ctx)
}

// Replace ends a backend and starts it again with another program in the place of
// the image's; empty: with the cluster's own. Its data stays.
func (c *Cluster) Replace(ctx context.Context, m *Member, program string, grace time.Duration) error {
	if err := m.Stop(ctx, grace); err != nil {
		return err
	}
	if err := m.Remove(ctx); err != nil {
		return err
	}
	s := c.nodeSpec(m.Name)
	if program != "" {
		s.volumes[program] = "/usr/local/bin/msdha-backend:ro"
	}
	again, err := c.Engine.run(ctx, c.name, s)
	if err != nil {
		return err
	}
	c.lives.continues(m.id, again.id)
	m.id = again.id
	return m.locate(ctx)
}

// listMembers is what an operator does before the first start. From then on no
// acknowledged row may be lost.
func (c *Cluster) listMembers(ctx context.Context) error {
	if c.Opts.Async {
		return nil
	}
	_, err := c.Ctl(ctx, "members", "init", "n1", "n2", "n3")
	return err
}

// Ctl runs msdhactl as an operator would, beside the nodes and not in them.
func (c *Cluster) Ctl(ctx context.Context, args ...string) (string, error) {
	command := []string{"env"}
	for key, value := range c.agentEnv("operator") {
		if strings.HasPrefix(key, "ETCDCTL_") || key == "MSDHA_GROUP" {
			command = append(command, key+"="+strings.ReplaceAll(value, configPath, "/volumes/config/"))
		}
	}
	command = append(command, "timeout", "60", "msdhactl")
	return c.holder.Exec(ctx, "root", append(command, args...)...)
}
