package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// rpc is one request to etcd, from when it is sent until its time is over and
// nothing of it is left under way.
type rpc struct {
	number  uint64
	actor   int32
	gen     uint32
	helper  bool // of the actor's guard's helper, not of its agent
	kind    fsm.EffectKind
	op      fsm.Op
	sent    fsm.Instant
	lease   kv.LeaseID
	ttl     time.Duration
	txn     kv.Txn
	attempt int
	refs    int  // occurrences that point here
	replied bool // the machine has had its one reply

	outcome kv.Outcome
	header  kv.Header
	result  kv.Result
	granted time.Duration
	items   []kv.Item
}

func (w *World) send(a *actor, e *fsm.Effect, now fsm.Instant) {
	if e.Op == 0 { // a planted bug sends without waiting for a reply
		w.etcd.Revoke(e.Lease)
		w.check.afterChange(w)
		return
	}
	a.requests++
	if e.Kind == fsm.Claim {
		w.reach(OnTry)
	}
	w.sendFor(a, e, &w.out, now, false)
}

// sendFor sends a request of an actor's agent, or of its guard's helper.
func (w *World) sendFor(a *actor, e *fsm.Effect, out *fsm.Effects, now fsm.Instant, helper bool) {
	i := w.newRPC()
	r := &w.rpcs[i]
	r.actor, r.gen, r.kind, r.op, r.sent, r.helper = a.index, a.gen, e.Kind, e.Op, now, helper
	if helper {
		r.gen = a.node.tree
	}
	r.lease, r.ttl, r.attempt = e.Lease, e.TTL, e.Attempt
	if e.Kind.IsTxn() {
		r.txn = out.Txns[e.Txn]
	}
	r.refs = 1
	w.agenda.push(occurrence{
		at: a.clock.true(now.Add(e.Timeout)), kind: rpcTimesOut, actor: a.index, slot: i, gen: r.gen,
		number: r.number,
	})
	if w.passes(a, &a.toEtcd) {
		r.refs++
		w.at(w.delay(a)+w.stuck(a, e), occurrence{
			kind: rpcArrives, actor: a.index, slot: i, gen: r.gen, number: r.number,
		})
	}
}

func (w *World) newRPC() int32 {
	w.number++
	if n := len(w.free); n > 0 {
		i := w.free[n-1]
		w.free = w.free[:n-1]
		items := w.rpcs[i].items
		w.rpcs[i].items = items[:0]
		w.rpcs[i].number, w.rpcs[i].replied, w.rpcs[i].refs = w.number, false, 0
		return i
	}
	n := len(w.rpcs)
	if n < cap(w.rpcs) {
		w.rpcs = w.rpcs[:n+1] // it was used in an earlier episode
	} else {
		w.rpcs = append(w.rpcs, rpc{})
	}
	w.rpcs[n] = rpc{number: w.number, items: w.rpcs[n].items[:0]}
	return int32(n)
}

// unref frees the slot when nothing points to it any more.
func (w *World) unref(i int32) {
	r := &w.rpcs[i]
	if r.refs--; r.refs == 0 {
		r.number = 0
		w.free = append(w.free, i)
	}
}

// dropRPC forgets a reply whose addressee is dead.
func (w *World) dropRPC(o *occurrence) {
	if o.kind == rpcReturns || o.kind == rpcTimesOut {
		w.unref(o.slot)
	}
}

// rpcArrives executes a request, unless the link was cut while it was under
// way; without a leader it waits for one.
func (w *World) rpcArrives(o *occurrence) {
	r, a := &w.rpcs[o.slot], &w.actors[o.actor]
	if a.toEtcd.cuts > 0 || a.isolated > 0 {
		w.unref(o.slot)
		return
	}
	again := *o
	if a.atStale(r.attempt) && !(a.obsolete && r.kind == fsm.KeepAlive) {
		w.unref(o.slot) // a member that is cut off waits for a leader, longer than anybody waits for it
		return
	}
	if w.leaderBack > w.now {
		// Without members there is nobody to hold a request, and without a leader it is
		// held until its own time is over.
		if w.downUntil > w.now || w.leaderBack > w.now+int64(requestTime) {
			w.unref(o.slot)
			return
		}
		again.at = w.leaderBack + int64(commitDelay)
		w.agenda.push(again)
		return
	}
	if !w.answer(a, r) {
		again.at = w.now + int64(50*time.Millisecond)
		w.agenda.push(again)
		return
	}
	w.hash = mix(w.hash ^ uint64(r.kind)<<32 ^ uint64(r.outcome))
	if !w.passes(a, &a.fromEtcd) {
		w.unref(o.slot)
		return
	}
	back := occurrence{kind: rpcReturns, actor: o.actor, slot: o.slot, gen: o.gen, number: o.number}
	w.at(commitDelay+w.delay(a), back)
}

// answer is etcd's, or that of whatever stands for it where a fault does.
func (w *World) answer(a *actor, r *rpc) bool {
	switch {
	case a.refused:
		r.outcome, r.header = kv.Failed, kv.Header{}
		w.sometimes(Refused)
	case a.obsolete && r.kind == fsm.KeepAlive && r.lease != 0:
		now := int64(w.etcdClock.local(w.now))
		r.granted, r.header, r.outcome = a.cutOff.KeepAlive(now, r.lease)
		switch r.outcome {
		case EtcdNoAnswer:
			return false
		case kv.OK:
			w.sometimes(StaleAck)
		default:
			w.sometimes(FalseDenial)
		}
		w.check.unsound(r.lease)
	case a.unsure && (w.sched.Calm || w.etcdR.chance(500)):
		if !w.serve(r) {
			return false
		}
		r.outcome = kv.Unknown
		w.sometimes(DoneUnknown)
	case a.unsure:
		r.outcome = kv.Unknown
	default:
		return w.serve(r)
	}
	return true
}

// serve runs the request in the model; false means that etcd keeps it waiting.
func (w *World) serve(r *rpc) bool {
	now := int64(w.etcdClock.local(w.now))
	e := w.etcd
	r.outcome = kv.OK
	if r.replied {
		w.sometimes(LateRequest)
	}
	w.because(r.kind.String(), w.whose(r))
	switch r.kind {
	case fsm.GrantLease:
		r.lease, r.granted, r.header = e.Grant(now, r.ttl)
	case fsm.KeepAlive:
		r.granted, r.header, r.outcome = e.KeepAlive(now, r.lease)
		if _, ok := e.Lease(r.lease); !ok && r.outcome == kv.OK {
			w.sometimes(GhostLease)
		}
		return r.outcome != EtcdNoAnswer
	case fsm.RevokeLease:
		r.header, r.outcome = e.Revoke(r.lease)
	case fsm.ListKeys:
		r.items, r.header = e.List(r.items[:0])
	case fsm.Attest:
		before := w.etcd.Get(kv.EpochKey)
		r.result, r.header, r.outcome = e.Txn(&r.txn)
		w.check.attests(w, r, &before)
	default:
		r.result, r.header, r.outcome = e.Txn(&r.txn)
	}
	w.check.afterChange(w)
	w.notifyWatches()
	return true
}

// whose names the process that asks.
func (w *World) whose(r *rpc) string {
	name := w.actors[r.actor].name
	if r.helper && w.trace != nil {
		return name + "'s guard's helper"
	}
	return name
}

// rpcReturns delivers the reply, if it comes before its time is over. One that
// comes later is delivered too: a machine has to ignore it.
func (w *World) rpcReturns(a *actor, o *occurrence) {
	r := &w.rpcs[o.slot]
	if a.fromEtcd.cuts > 0 || a.isolated > 0 {
		w.unref(o.slot)
		return
	}
	w.begin(r.kind.Answer())
	ev := &w.ev
	ev.Op, ev.Sent, ev.Outcome, ev.Header = r.op, r.sent, r.outcome, r.header
	ev.Lease, ev.TTL = r.lease, r.granted
	ev.Result, ev.Items = &r.result, r.items
	if a.witness != nil {
		a.witness.groups[0].Items = r.items
		ev.Groups = a.witness.groups[:]
	}
	w.check.stale, r.replied = r.replied, true
	if w.check.stale {
		w.sometimes(LateReply)
	} else {
		a.requests--
	}
	w.step(a)
	w.check.stale = false
	w.unref(o.slot)
}

func (w *World) rpcTimesOut(a *actor, o *occurrence) {
	r := &w.rpcs[o.slot]
	if !r.replied {
		r.replied = true
		a.requests--
		w.begin(r.kind.Answer())
		w.ev.Op, w.ev.Sent, w.ev.Outcome = r.op, r.sent, kv.Unknown
		w.step(a)
	}
	w.unref(o.slot)
}

// etcdScan looks for expired leases, as the leader does every 500 ms.
func (w *World) etcdScan() {
	w.at(scanPeriod, occurrence{kind: etcdScans})
	if w.leaderBack > w.now {
		return
	}
	w.expired = w.etcd.Expired(int64(w.etcdClock.local(w.now)), w.expired[:0])
	for _, id := range w.expired {
		w.reach(OnExpiry)
		w.at(commitDelay, occurrence{kind: etcdRevokes, number: uint64(id)})
	}
	if !w.sched.Calm && w.etcdR.chance(100) { // other groups use this etcd, too
		w.etcd.WriteElsewhere()
		w.check.afterChange(w)
	}
}

// etcdRevoke is a revocation that the leader asked for, being committed. If the
// leader is lost first, it may be committed by the next one, who has extended
// the lease meanwhile. And a keepalive that races with it may be granted
// although the keys are gone (etcd issue 14758).
func (w *World) etcdRevoke(o *occurrence) {
	id := kv.LeaseID(o.number)
	if w.leaderBack > w.now {
		if w.etcdR.chance(500) {
			w.check.unsound(id)
			o.slot++
			late := w.leaderBack - w.now + int64(w.etcdR.between(commitDelay, w.sched.TTL/8))
			w.at(time.Duration(late), *o)
		}
		return
	}
	w.because("lease expired", "")
	if o.slot > 0 {
		w.sometimes(LateRevoke)
	}
	if !w.sched.Calm && w.etcdR.chance(250) {
		w.check.unsound(id)
		w.etcd.RevokeSlowly(id, int64(w.etcdClock.local(w.now))+w.etcdR.below(int64(200*time.Millisecond)))
	} else {
		w.etcd.Revoke(id)
	}
	w.check.afterChange(w)
	w.notifyWatches()
}

// leaderReturns: a new leader extends every lease.
func (w *World) leaderReturns(o *occurrence) {
	if o.at < w.leaderBack {
		return
	}
	w.leaderBack = 0
	w.note("etcd", "has a leader again")
	for i := range w.actors[:w.nodes] {
		if a := &w.actors[i]; a.up && a.member.Backend.Phase() == fsm.Waiting {
			w.sometimes(LeaderInWait)
		}
	}
	w.etcd.LeaderChange(int64(w.etcdClock.local(w.now)))
	w.notifyWatches()
}
