package rig

import (
	"context"
	"fmt"
	"strings"
	"time"

	"msdha/internal/evidence"
)

// Limits of patience, generous for a busy machine: what takes longer is broken.
const (
	steadyLimit = 90 * time.Second
	askLimit    = 2 * time.Second
)

// Steady waits until there is a master, both others stream from it, and writers
// get acknowledgements through both frontends.
func (c *Cluster) Steady(ctx context.Context, limit time.Duration) error {
	return evidence.Await(ctx, limit, func() string { return c.missing(ctx) })
}

// missing says what a steady cluster lacks; empty when it is steady.
func (c *Cluster) missing(ctx context.Context) string {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	m, lacks := c.Observer.Unready(names)
	if lacks != "" {
		return lacks
	}
	return c.unserved(ctx, m.Node, m.Published)
}

// unserved says what lacks where that node has been master since then: its slaves,
// or acknowledgements.
func (c *Cluster) unserved(ctx context.Context, node string, since time.Time) string {
	var names []string
	for _, n := range c.Nodes {
		names = append(names, n.Name)
	}
	master := c.Node(node)
	if master == nil {
		return fmt.Sprintf("the master %q is none of ours", node)
	}
	streaming, err := query[int](ctx, master, `select count(*) from pg_stat_replication
		where state = 'streaming' and application_name in ('`+strings.Join(names, "', '")+`')`)
	if err != nil {
		return fmt.Sprintf("the master %s does not answer: %v", node, err)
	}
	if streaming < len(c.Nodes)-1 {
		senders, err := query[string](ctx, master, `select coalesce(string_agg(concat_ws(' ', r.application_name,
			r.state, r.sent_lsn, r.flush_lsn, a.wait_event, 'of', pg_current_wal_flush_lsn()), ', '), 'none')
			from pg_stat_replication r join pg_stat_activity a using (pid)`)
		return fmt.Sprintf("%d of %d slaves stream from %s: senders: %s (%v)",
			streaming, len(c.Nodes)-1, node, senders, err)
	}
	for _, f := range c.Fronts {
		last := c.Clients.Ledger.Last(f.Name)
		if time.Since(last) > time.Second || last.Before(since) {
			return "writers get no acknowledgements through " + f.Name
		}
	}
	return ""
}
