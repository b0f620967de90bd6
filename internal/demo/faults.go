package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"
)

// fault is one way to hurt a master, and how it heals.
type fault struct {
	name, text string
	strike     func(*demo, *node) error
	heal       func(*demo, *node) error // nil: the supervisor starts it again
	lasts      int                      // times the TTL, before it heals
}

var faults = []fault{
	{name: "kill-agent", text: "SIGKILL to the agent of %s", strike: killAgent},
	{name: "kill-postgres", text: "SIGKILL to the PostgreSQL of %s", strike: killPostgres},
	{name: "stop", text: "graceful stop of %s", strike: stopNode},
	{
		name: "freeze", text: "SIGSTOP to all of %s for three times the TTL",
		strike: func(_ *demo, n *node) error { return n.freeze() }, heal: thaw, lasts: 3,
	},
	{name: "cut", text: "%s is cut off from etcd", strike: cut, heal: reconnect, lasts: 4},
}

// FaultNames are the names of all faults, in their order.
func FaultNames() (names []string) {
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}

func chooseFaults(names []string) ([]fault, error) {
	if len(names) == 0 {
		return faults, nil
	}
	var chosen []fault
	for _, name := range names {
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown fault %q: want some of %s", name, strings.Join(FaultNames(), ", "))
		}
		chosen = append(chosen, faults[i])
	}
	return chosen, nil
}

func killAgent(_ *demo, n *node) error {
	pid, err := n.agentPID()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

func killPostgres(_ *demo, n *node) error {
	pid, err := n.postmasterPID()
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

func stopNode(_ *demo, n *node) error { return n.process.signal(syscall.SIGTERM) }

func thaw(_ *demo, n *node) error {
	n.thaw()
	return nil
}

// cut lets what is said to etcd vanish, both ways, without a word.
func cut(_ *demo, n *node) error {
	n.relay.Hold(true, true)
	return nil
}

func reconnect(_ *demo, n *node) error {
	n.relay.Cut() // what it held is not delivered late
	n.relay.Hold(false, false)
	return nil
}

// play hurts the master once the group is steady, waits for its successor, lets
// the fault heal, and for the old one to be back as a slave.
func (d *demo) play(ctx context.Context, f fault) (FaultReport, error) {
	if err := d.steady(ctx); err != nil {
		return FaultReport{}, err
	}
	if err := sleep(ctx, time.Second); err != nil {
		return FaultReport{}, err
	}
	old := d.observer.Master()
	n := d.node(old.Node)
	d.timeline.Heading(fmt.Sprintf(f.text, n.name))
	acked := d.ledger.Count()
	begin := time.Now()
	if err := f.strike(d, n); err != nil {
		return FaultReport{}, err
	}
	next, err := d.observer.AwaitOther(ctx, old.Epoch, failLimit)
	if err != nil {
		return FaultReport{}, d.withLogs(ctx, err)
	}
	if f.heal != nil && !d.opts.SelfTest {
		if err := sleep(ctx, time.Until(begin.Add(time.Duration(f.lasts)*d.opts.TTL))); err != nil {
			return FaultReport{}, err
		}
		d.timeline.Say("    %s: the fault is over", n.name)
		if err := f.heal(d, n); err != nil {
			return FaultReport{}, err
		}
	}
	if err := d.settled(ctx); err != nil {
		return FaultReport{}, err
	}
	if !d.opts.SelfTest {
		d.timeline.Say("    %s is back as a slave of %s", n.name, next.Node)
	}
	outage := d.ledger.Gap(begin, time.Now(), byFrontend)
	first := d.ledger.First(begin, int64(old.Epoch), byFrontend)
	old = d.observer.Reign(old.Epoch)
	return FaultReport{
		Fault: f.name, From: old.Node, To: next.Node, OutageMS: outage.Milliseconds(),
		DetectionMS: old.Gone.Sub(begin).Milliseconds(), WaitMS: next.Claimed.Sub(old.Gone).Milliseconds(),
		HookMS:    next.Published.Sub(next.Claimed).Milliseconds(),
		RoutingMS: first.Sub(next.Published).Milliseconds(), Acked: d.ledger.Count() - acked,
	}, nil
}
