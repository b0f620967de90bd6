package rig

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const snapshot = "snapshot.db"

// Snapshot saves what etcd holds, for Restore.
func (c *Cluster) Snapshot(ctx context.Context) error {
	from := c.Etcds[0]
	_, err := from.Exec(ctx, "", "etcdctl", "--endpoints=http://127.0.0.1:2379", "snapshot", "save", "/data/"+snapshot)
	if err != nil {
		return err
	}
	for _, m := range c.Etcds[1:] {
		if err := c.keep(ctx, "cp", "/volumes/"+from.Name+"/"+snapshot, "/volumes/"+m.Name+"/"); err != nil {
			return err
		}
	}
	return nil
}

// keep runs a command where all volumes are.
func (c *Cluster) keep(ctx context.Context, command ...string) error {
	_, err := c.holder.Exec(ctx, "root", command...)
	return err
}

// Restore makes the snapshot a new etcd, with a new token as docs/SAFETY.md asks
// of operators: all members are stopped, get new data directories, and start.
func (c *Cluster) Restore(ctx context.Context) error {
	for _, m := range c.Etcds {
		if err := m.Stop(ctx, 5*time.Second); err != nil {
			return err
		}
	}
	token := fmt.Sprintf("%s-%d", c.name, time.Now().UnixNano())
	for _, m := range c.Etcds {
		if err := c.keep(ctx, "rm", "-r", "/volumes/"+m.Name+"/etcd"); err != nil {
			return err
		}
		if err := c.restoreMember(ctx, m, token); err != nil {
			return err
		}
	}
	for _, m := range c.Etcds {
		if err := m.Start(ctx); err != nil {
			return err
		}
	}
	for _, m := range c.Etcds {
		if err := c.AwaitEtcd(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) restoreMember(ctx context.Context, m *Member, token string) error {
	tool, err := c.Engine.run(ctx, c.name, &spec{
		name: m.Name + "-restore", image: etcdImage, entry: []string{"/usr/local/bin/etcdutl"},
		volumes: map[string]string{c.volumeName(m.Name): "/data"},
		cmd: []string{
			"snapshot", "restore", "/data/" + snapshot, "--data-dir=/data/etcd", "--name=" + m.Name,
			"--initial-cluster=" + initialCluster(), "--initial-advertise-peer-urls=" + peerURL(m.Name),
			"--initial-cluster-token=" + token,
		},
	})
	if err != nil {
		return err
	}
	code, log, err := tool.Outcome(ctx)
	if err == nil && code != 0 {
		err = fmt.Errorf("cannot restore %s: etcdutl ended with %d: %s", m.Name, code, strings.TrimSpace(log))
	}
	if err != nil {
		return err
	}
	return tool.Remove(ctx)
}
