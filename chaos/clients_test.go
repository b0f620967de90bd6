//go:build docker

package chaos

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"msdha/chaos/rig"
)

// Fault: a switchover, then a kill of the master; what counts is what common clients
// make of it, which know nothing of msdha.
//
// Promise: psql and pgbench work through any frontend as soon as somebody reigns; a
// pool's sessions are reset with the old master (SPEC X3), so that it finds the new
// one by connecting anew and needs no restart; libpq with several hosts and
// target_session_attrs finds master and standbys without a frontend.
//
// Evidence: their exit codes and output before, between and after; the pool answers
// soon after the publication, from the new master.
var clientsView = scenario{name: "clients-view", tier: full, play: func(p *play) {
	pool := p.pool()
	defer pool.close()
	p.common(p.old.Node)
	p.strike("switchover, and a kill, under psql, pgbench, libpq and a pool")
	next := p.switchover("")
	pool.answers(p, next.Published)
	p.healed()
	p.common(next.Node)

	p.old = next
	m := p.master()
	p.must(m.Kill(p.ctx))
	last := p.successor()
	pool.answers(p, last.Published)
	p.common(last.Node)
	p.must(m.Start(p.ctx))
	p.healed()
}}

// common is what clients of PostgreSQL's own do while that node reigns.
func (p *play) common(master string) {
	p.t.Helper()
	const through, straight = "host=f1,f2", "host=n1,n2,n3 target_session_attrs="
	p.tool("", "pgbench", "-i", "-q", "-s", "1", through)
	p.tool("number of failed transactions: 0", "pgbench", "-n", "-c", "4", "-t", "20", through)
	const who = "select current_setting('cluster_name')"
	p.tool(master, "psql", "-XAt", "-c", who, through)
	p.tool(master, "psql", "-XAt", "-c", who, straight+"read-write")
	p.tool("t", "psql", "-XAt", "-c", "select pg_is_in_recovery()", straight+"standby")
}

// tool runs a client and wants that in its output.
func (p *play) tool(want, program string, args ...string) {
	p.t.Helper()
	out, err := p.Tool(p.ctx, program, args...)
	p.must(err)
	if !strings.Contains(out, want) {
		p.t.Errorf("%s %q prints %q, want it to contain %q", program, args, out, want)
	}
}

// pooled asks again and again through a pool that knows both frontends.
type pooled struct {
	last  atomic.Int64 // Unix nanoseconds of the last answer's request
	close func()
}

func (p *play) pool() *pooled {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.ctx)
	pool, err := pgxpool.New(ctx, rig.DSN(p.Fronts...))
	p.must(err)
	o := &pooled{}
	ended := make(chan struct{})
	o.close = func() {
		cancel()
		<-ended
		pool.Close()
	}
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			sent := time.Now()
			ask, done := context.WithTimeout(ctx, time.Second)
			var one int
			if pool.QueryRow(ask, "select 1").Scan(&one) == nil {
				o.last.Store(sent.UnixNano())
			}
			done()
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return o
}

// answers asserts that what was asked after that time was answered soon.
func (o *pooled) answers(p *play, since time.Time) {
	p.t.Helper()
	deadline := since.Add(noise)
	for o.last.Load() < since.UnixNano() {
		if time.Now().After(deadline) {
			p.t.Fatalf("the pool gets no answer %v after the publication", noise)
		}
		p.pass(10 * time.Millisecond)
	}
}
