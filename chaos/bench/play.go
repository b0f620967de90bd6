package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"msdha/chaos/rig"
	"msdha/internal/evidence"
)

// Limits and pauses of a run.
const (
	steadyLimit  = 120 * time.Second
	outageLimit  = 150 * time.Second // what lasts longer is broken
	aftermath    = 2 * time.Second   // of acknowledgements, before anything is healed
	pollPace     = 20 * time.Millisecond
	frontProbes  = 3 // sessions through the proxy, so that one that hangs hides nothing
	sampleLength = time.Second
)

// play is one run under way.
type play struct {
	group
	cell   cell
	rec    *record
	from   *rig.Member
	server int64 // the PostgreSQL that the fault meets (evidence.Ack.Server)
	front  string
	ledger *evidence.Ledger
	struck time.Time

	mu    sync.Mutex
	found marks // by probes
}

// run plays a cell on a steady group and leaves it steady, or says in the record why
// not. An error means that nothing was measured. lost are rows that were missing
// before; it returns how many are now.
func (p *play) run(ctx context.Context, wait time.Duration, lost int) (int, error) {
	c := p.cluster()
	p.front, p.ledger, p.found = c.Fronts[0].Name, c.Clients.Ledger, marks{}
	c.Clients.Work()
	defer c.Clients.Rest()
	if err := p.prepare(ctx, wait); err != nil {
		return lost, err
	}
	fault, err := p.deed(ctx)
	if err != nil {
		return lost, err
	}
	keys, err := c.WatchKeys(ctx, p.keys())
	if err != nil {
		return lost, err
	}
	defer keys.Close()
	acked := p.ledger.Count(p.front)

	p.struck = time.Now()
	begun := make(chan error, 1)
	go func() { begun <- fault.begin() }()
	stopProbes := p.probe(ctx)
	recovered, err := p.recovery(ctx)
	stopProbes()
	if err != nil {
		return lost, err
	}
	if err := p.measure(keys, recovered); err != nil {
		return lost, err
	}
	if err := p.heal(ctx, &fault, begun); err != nil {
		return lost, err
	}
	p.rec.Healing = round(p.ledger.Gap(recovered, time.Now(), p.front).Seconds())
	p.rec.Acked = p.ledger.Count(p.front) - acked
	if p.rec.Broken != "" {
		return lost, nil // nobody could be asked for the rows
	}
	master, err := p.master(ctx)
	if err != nil {
		return lost, err
	}
	v, err := p.ledger.Check(ctx, rig.DSN(master))
	p.rec.Lost = v.Lost - lost
	return v.Lost, err
}

// prepare waits until the group is steady, measures how busy the machine is, and
// looks whom the fault will meet.
func (p *play) prepare(ctx context.Context, wait time.Duration) error {
	if err := p.Steady(ctx, steadyLimit); err != nil {
		return err
	}
	busy, err := busyFor(ctx, sampleLength)
	if err != nil {
		return err
	}
	p.rec.Busy, p.rec.Load, p.rec.Wait = round(busy), load(), round(wait.Seconds())
	if err := sleep(ctx, wait); err != nil {
		return err
	}
	if p.from, err = p.master(ctx); err != nil {
		return err
	}
	p.rec.From = p.from.Name
	if p.server = p.ledger.Server(p.front); p.server == 0 {
		return errors.New("the writers know no server")
	}
	return nil
}

// probe asks all servers, and the proxy, until the first of each kind answers as a
// new primary, and that primary until a standby streams from it. The result ends that.
func (p *play) probe(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	for _, n := range p.cluster().Nodes {
		wait.Go(func() {
			at := n.AwaitPrimary(ctx, p.server)
			if at.IsZero() {
				return
			}
			p.note(primary, at)
			if p.waits() {
				p.note(followed, n.AwaitStandby(ctx))
			}
		})
	}
	for range frontProbes {
		wait.Go(func() { p.note(routed, p.cluster().Fronts[0].AwaitPrimary(ctx, p.server)) })
	}
	return func() {
		cancel()
		wait.Wait()
	}
}

// note keeps the earliest moment of that name.
func (p *play) note(name string, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if was, seen := p.found[name]; !seen || !at.IsZero() && at.Sub(p.struck).Seconds() < was {
		p.found.at(name, at, p.struck)
	}
}

// recovery waits for acknowledgements by another PostgreSQL process than the old one,
// and some time longer. It returns when healing may begin.
func (p *play) recovery(ctx context.Context) (time.Time, error) {
	for p.ledger.Server(p.front) == p.server {
		if time.Since(p.struck) > outageLimit {
			p.rec.Broken = fmt.Sprintf("no acknowledgement within %v", outageLimit)
			return time.Now(), nil
		}
		if err := sleep(ctx, pollPace); err != nil {
			return time.Time{}, err
		}
	}
	err := sleep(ctx, aftermath)
	return time.Now(), err
}

// measure notes the outage, and its marks.
func (p *play) measure(keys *rig.KeyWatch, until time.Time) error {
	events, err := keys.Events()
	if err != nil {
		return err
	}
	begin, end := p.ledger.LongestGap(p.struck, until, p.front)
	p.rec.Outage = round(end.Sub(begin).Seconds())
	s := p.read(events, p.struck)
	p.rec.Marks, p.rec.To, p.rec.By = s.marks, s.to, s.by
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, at := range p.found {
		p.rec.Marks[name] = at
	}
	p.rec.Marks.at(last, begin, p.struck)
	p.rec.Marks.at(first, end, p.struck)
	return nil
}

// heal ends the fault and waits until everything is whole again.
func (p *play) heal(ctx context.Context, d *deed, begun <-chan error) error {
	select {
	case err := <-begun:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	if d.end != nil {
		if err := d.end(); err != nil {
			return err
		}
	}
	if err := p.Steady(ctx, steadyLimit); err != nil {
		if ctx.Err() != nil {
			return err
		}
		p.rec.Broken = "not whole again: " + err.Error()
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
