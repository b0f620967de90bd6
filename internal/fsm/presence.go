package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
)

// presence keeps a frontend's own key alive, so that people see it (SPEC X6).
// Nothing is decided by it; whatever fails is begun again.
type presence struct {
	op    Op
	lease kv.LeaseID
	ttl   time.Duration
	shown bool
	due   Instant
	// lookOp is the read of our key under way.
	lookOp Op
}

// wake sends the next request: a lease, the key, then keepalives.
func (p *presence) wake(now Instant, op Op, cfg *FrontendConfig, out *Effects) {
	p.op = op
	p.due = now.Add(2 * cfg.TTL) // no reply at all: begin anew
	timeout := cfg.TTL / roundsPerTTL
	switch {
	case p.lease == 0:
		e := out.add(GrantLease)
		e.Op, e.TTL, e.Timeout = op, cfg.TTL, timeout
	case !p.shown:
		e, t := out.addTxn(Show)
		k := kv.FrontendKey(cfg.Name)
		t.Put(k, kv.Record{Version: cfg.Version, Address: cfg.Address, TTL: p.ttl}, p.lease)
		t.Get(k)
		e.Op, e.Timeout = op, timeout
	default:
		e := out.add(KeepAlive)
		e.Op, e.Lease, e.Timeout = op, p.lease, timeout
		p.look(op, cfg, timeout, out)
	}
}

// look reads the key, linearizably: while nobody reigns no other request would
// notice that etcd was replaced, and the watch waits for a revision that the
// new one reaches who knows when (SPEC K4). Its reply repeats the keepalive's
// number, negated.
func (p *presence) look(op Op, cfg *FrontendConfig, timeout time.Duration, out *Effects) {
	e, t := out.addTxn(ReadRoute)
	t.Get(kv.FrontendKey(cfg.Name))
	e.Op, e.Timeout = -op, timeout
	p.lookOp = -op
}

func (p *presence) receive(now Instant, ev *Event) {
	if ev.Op == 0 {
		return
	}
	if ev.Op == p.lookOp {
		p.lookOp = 0
		if ev.Outcome == kv.OK && !ev.Result.Items[0].Present {
			p.shown = false // somebody deleted it
		}
		return
	}
	if ev.Op != p.op {
		return
	}
	p.op = 0
	gone := ev.Outcome == kv.LeaseGone || ev.Kind == KeptAlive && ev.Outcome == kv.OK && ev.TTL <= 0
	switch {
	case gone:
		p.lease, p.shown = 0, false
		p.due = now.Add(time.Second)
	case ev.Outcome != kv.OK:
		p.due = now.Add(time.Second)
	case ev.Kind == Granted:
		p.lease, p.ttl, p.due = ev.Lease, ev.TTL, now
	default:
		p.shown = true
		p.due = now.Add(p.ttl / roundsPerTTL)
	}
}
