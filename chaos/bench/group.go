package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"msdha/chaos/rig"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/proc"
)

// group is a system under load. What is the same for all stands in the cluster.
type group interface {
	cluster() *rig.Cluster
	Steady(ctx context.Context, limit time.Duration) error
	// master is the node that a fault is to meet.
	master(ctx context.Context) (*rig.Member, error)
	// agent is the process that decides on a node, and no other one there.
	agent(ctx context.Context, m *rig.Member) (proc.ID, error)
	// switchover asks for another master, whoever that may be.
	switchover(ctx context.Context, from *rig.Member) error
	// keys is where the group's keys are; read what their changes since the
	// fault tell.
	keys() string
	read(events []rig.KeyEvent, struck time.Time) story
	versions(ctx context.Context) (string, error)
	// waits says whether a commit waits for a standby.
	waits() bool
}

// open starts the system, and waits until it is steady.
func (s *system) open(ctx context.Context, e *rig.Engine, out io.Writer) (group, error) {
	opts := rig.Options{Name: s.name, Out: out, TTL: s.ttl, Bench: true}
	if s.patroni == nil {
		c, err := rig.Start(ctx, e, opts)
		return &own{Cluster: c}, err
	}
	p, err := rig.StartPatroni(ctx, e, opts, *s.patroni)
	return &peer{Patroni: p}, err
}

// own is a group of ours.
type own struct {
	*rig.Cluster
	epoch kv.Epoch // that the fault meets
}

func (o *own) cluster() *rig.Cluster { return o.Cluster }
func (o *own) keys() string          { return rig.Keys }
func (o *own) waits() bool           { return true }

func (o *own) master(context.Context) (*rig.Member, error) {
	r := o.Observer.Master()
	o.epoch = r.Epoch
	if m := o.Node(r.Node); m != nil {
		return m, nil
	}
	return nil, errors.New("there is no master")
}

func (o *own) agent(ctx context.Context, m *rig.Member) (proc.ID, error) { return m.Agent(ctx) }

func (o *own) switchover(ctx context.Context, _ *rig.Member) error {
	_, err := o.Ctl(ctx, "switchover")
	return err
}

func (o *own) read(events []rig.KeyEvent, struck time.Time) story {
	return ownKeys(events, rig.Keys, o.epoch, struck)
}

func (o *own) versions(ctx context.Context) (string, error) {
	version, err := o.Ctl(ctx, "--version")
	if err != nil {
		return "", err
	}
	return below(ctx, o.Cluster, strings.TrimSpace(version))
}

// peer is a group of Patroni's.
type peer struct {
	*rig.Patroni
	old string // the leader that the fault meets
}

func (p *peer) cluster() *rig.Cluster { return p.Cluster }
func (p *peer) keys() string          { return rig.PatroniScope }
func (p *peer) waits() bool           { return false }

func (p *peer) master(ctx context.Context) (*rig.Member, error) {
	m, err := p.Leader(ctx)
	if err == nil {
		p.old = m.Name
	}
	return m, err
}

func (p *peer) agent(ctx context.Context, m *rig.Member) (proc.ID, error) { return p.Agent(ctx, m) }

func (p *peer) switchover(ctx context.Context, from *rig.Member) error {
	return p.Switchover(ctx, from)
}

func (p *peer) read(events []rig.KeyEvent, struck time.Time) story {
	return patroniKeys(events, p.old, struck)
}

func (p *peer) versions(ctx context.Context) (string, error) {
	patroni, err := p.Nodes[0].Exec(ctx, "", "patroni", "--version")
	if err != nil {
		return "", err
	}
	haproxy, err := p.Fronts[0].Exec(ctx, "", "haproxy", "-v")
	if err != nil {
		return "", err
	}
	_, haproxy, _ = strings.Cut(haproxy, "version ")
	haproxy, _, _ = strings.Cut(haproxy, " ")
	return below(ctx, p.Cluster, fmt.Sprintf("%s, HAProxy %s", strings.TrimSpace(patroni), haproxy))
}

// below adds the versions of what is the same for all.
func below(ctx context.Context, c *rig.Cluster, what string) (string, error) {
	postgres, err := c.Nodes[0].Exec(ctx, "", "postgres", "--version")
	if err != nil {
		return "", err
	}
	etcd, err := c.Etcds[0].Exec(ctx, "", "/usr/local/bin/etcd", "--version")
	if err != nil {
		return "", err
	}
	_, postgres, _ = strings.Cut(strings.TrimSpace(postgres), "(PostgreSQL) ")
	postgres, _, _ = strings.Cut(postgres, " ")
	_, etcd, _ = strings.Cut(etcd, "etcd Version: ")
	etcd, _, _ = strings.Cut(etcd, "\n")
	return fmt.Sprintf("%s, PostgreSQL %s, etcd %s", what, postgres, etcd), nil
}
