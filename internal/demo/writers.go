package demo

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	throughCount = 3 // writers through the frontend
	byFrontend   = "frontend"
)

// startWriters starts all writers; the result waits for them to end with ctx.
func (d *demo) startWriters(ctx context.Context) func() {
	var wait sync.WaitGroup
	for i := range throughCount {
		wait.Go(func() {
			d.ledger.Write(ctx, fmt.Sprintf("w%d", i+1), byFrontend, func() string { return dsn(d.port) })
		})
	}
	for _, n := range d.nodes {
		wait.Go(func() { d.ledger.Write(ctx, "direct-"+n.name, n.name, n.dsn) })
	}
	wait.Go(func() { d.showRate(ctx) })
	return wait.Wait
}

// showRate shows that clients are served, or are not.
func (d *demo) showRate(ctx context.Context) {
	const every = 2 * time.Second
	was := d.ledger.Count()
	for sleep(ctx, every) == nil {
		n := d.ledger.Count()
		m := d.observer.Master()
		who := "nobody is master"
		if !m.Published.IsZero() {
			who = fmt.Sprintf("%s is master of epoch %d", m.Node, m.Epoch)
		}
		d.timeline.Say("    %3.0f rows/s acknowledged, %s", float64(n-was)/every.Seconds(), who)
		was = n
	}
}
