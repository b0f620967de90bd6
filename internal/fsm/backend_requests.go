package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// historyKept is how many reigns _history remembers.
const historyKept = 20

// The pace of a machine, as parts of T (SPEC R1).
const (
	roundsPerTTL  = 3  // a round every T/3, less jitter
	roundParts    = 6  // each of its requests has T/6
	retryParts    = 40 // a failed round is repeated, but not faster than this
	actRetryParts = 20
)

// timing returns T as far as it is known.
func (b *Backend) timing() time.Duration {
	if b.ttl > 0 {
		return b.ttl
	}
	return b.cfg.TTL
}

// request starts an etcd request of the act slot and forgets an earlier one:
// its reply, should it come, is stale.
func (b *Backend) request(now Instant, e *Effect) {
	b.ops++
	b.act, b.actKind = request{op: b.ops, sent: now}, e.Kind
	b.retryDue = Never
	e.Op, e.Timeout, e.Attempt = b.ops, b.timing()/roundParts, b.tries
}

func (b *Backend) grant(now Instant, _ *Event, out *Effects) {
	b.lease, b.registered, b.authority, b.roundDue = 0, 0, Never, Never
	b.alive.op, b.check.op = 0, 0
	if b.giveUpDue == Never {
		b.giveUpDue = b.patience(now)
	}
	e := out.add(GrantLease)
	e.TTL = b.cfg.TTL
	if mutant.On(mutant.LongLease) {
		e.TTL *= 3
	}
	b.request(now, e)
}

// grantAnew begins joining again. The time that somebody else's hold on our name
// was given is over with it.
func (b *Backend) grantAnew(now Instant, ev *Event, out *Effects) {
	b.giveUpDue, b.nameSeen = b.patience(now), 0
	b.grant(now, ev, out)
}

func (b *Backend) patience(now Instant) Instant {
	if b.cfg.StartPatience == 0 {
		return Never
	}
	return now.Add(b.cfg.StartPatience)
}

// granted: authority counts from when the lease was asked for.
func (b *Backend) granted(now Instant, ev *Event, out *Effects) {
	b.tries = 0
	b.maxTTL = max(b.maxTTL, b.ttl)
	b.authority = b.act.sent.Add(shorter(b.ttl, 2))
	b.roundDue = now
	b.register(now, ev, out)
}

// register puts our keys if the name is free. A node with data also deletes an
// _initialized that is still running, in the same transaction (SPEC P2); the
// first try assumes that there is none, and a refusal tells.
func (b *Backend) register(now Instant, _ *Event, out *Effects) {
	e, t := out.addTxn(Register)
	own := kv.NodeKey(b.cfg.Name)
	t.IfCreate(own, 0)
	if b.data != "" {
		t.IfMod(kv.Initialized, b.initMod)
		if b.initBusy {
			t.Delete(kv.Initialized)
		}
	}
	t.Put(own, kv.Record{State: string(StatePreStart)}, b.lease)
	t.Put(kv.NodeInfo(b.cfg.Name), b.info(), b.lease)
	t.Get(own)
	t.Get(kv.NodeInfo(b.cfg.Name))
	t.Get(kv.Initialized)
	b.want = StatePreStart
	b.request(now, e)
}

func (b *Backend) info() kv.Record {
	return kv.Record{
		Address: b.cfg.Address, Place: b.cfg.Place, Version: b.cfg.Version,
		TTL: b.ttl, DataID: b.data, Observer: b.cfg.Observer, Priority: b.cfg.Priority,
		HasFence: b.cfg.Hooks.Has(HookFence), Serial: b.remembered.Serial,
	}
}

// startRound sends both halves of a renewal round. s is taken here, before
// anything leaves (SPEC R1, R2).
func (b *Backend) startRound(now Instant, _ *Event, out *Effects) {
	b.roundSent, b.roundTTL, b.roundDue, b.wrote = now, 0, Never, b.written
	// Before we registered there is nothing to check.
	b.checked = b.registered == 0 || mutant.On(mutant.NoCheck)
	limit := b.timing() / roundParts

	b.ops++
	b.alive = request{op: b.ops, sent: now}
	e := out.add(KeepAlive)
	e.Op, e.Lease, e.Timeout, e.Attempt = b.ops, b.lease, limit, b.attempt
	if b.checked {
		return
	}
	b.ops++
	b.check = request{op: b.ops, sent: now}
	e, t := out.addTxn(Check)
	own := kv.NodeKey(b.cfg.Name)
	t.IfCreate(own, b.registered)
	t.IfLease(own, b.lease)
	if b.reign.master != 0 && !mutant.On(mutant.CheckNoMaster) {
		t.IfCreate(kv.Master, b.reign.master)
		t.IfLease(kv.Master, b.lease)
	}
	t.Get(own)
	e.Op, e.Timeout, e.Attempt = b.ops, limit, b.attempt
}

// extend moves D forward after a whole round (SPEC R2).
func (b *Backend) extend(now Instant, _ *Event, out *Effects) {
	s := b.roundSent
	if mutant.On(mutant.ReceiveDeadline) {
		s = now
	}
	t := b.roundTTL
	if b.reign.ttl > 0 {
		t = min(t, b.reign.ttl)
	}
	b.rounds++
	b.attempt = 0
	b.roundDue = max(now, b.roundSent.Add(t/roundsPerTTL-b.jitter(t)))
	if mutant.On(mutant.MasterTTLRestarts) && b.reignDue != Never {
		b.reignDue = now.Add(b.cfg.MasterTTL)
	}
	if mutant.On(mutant.DeadlineNoDrift) {
		s = s.Add(t - shorter(t, 2))
	}
	if d := s.Add(shorter(t, 2)); b.authority != Never && d > b.authority {
		b.authority = d
		if mutant.On(mutant.GuardOnTTL) {
			d = now.Add(t)
		}
		b.arm(d, out)
	}
}

// jitter keeps the nodes of a group from renewing in step: up to a tenth of
// the period, from a hash, since a machine draws no random numbers.
func (b *Backend) jitter(t time.Duration) time.Duration {
	x := uint64(b.lease)*0x9E3779B97F4A7C15 + uint64(b.rounds)*0xBF58476D1CE4E5B9
	x ^= x >> 31
	x *= 0x94D049BB133111EB
	x ^= x >> 29
	return time.Duration(x%uint64(t/(10*roundsPerTTL)+1)) + mutant.Noise()
}

// repeatRound: a failed or unknown round is repeated at once with a new s,
// paced only so that a refused connection does not spin (SPEC R1).
func (b *Backend) repeatRound(now Instant, _ *Event, out *Effects) {
	b.alive.op, b.check.op = 0, 0
	b.attempt++
	b.roundDue = max(now, b.roundSent.Add(b.timing()/retryParts))
	if mutant.On(mutant.NoRepeat) {
		b.roundDue = max(now, b.roundSent.Add(b.timing()/roundsPerTTL))
	}
}

// arm tells the guard what to enforce if this process does not (SPEC R5).
// While joining nothing runs: losing that lease is no reason to die.
func (b *Backend) arm(d Instant, out *Effects) {
	if b.phase < PreStart || mutant.On(mutant.NoFence) {
		return
	}
	e := out.add(ArmGuard)
	e.Fence, e.Kill, e.Lease, e.TTL = d, d.Add(Grace(b.timing())), b.lease, b.ttl
	b.guardKill = e.Kill
	if mutant.On(mutant.NoKill) {
		e.Kill = Never
	}
}

// Grace is G: the time from the fence signal to SIGKILL (SPEC R4).
func Grace(ttl time.Duration) time.Duration {
	if ttl >= 5*time.Second {
		return ttl / 2
	}
	return ttl / 4
}

// publish puts the wanted state, if our keys are still ours. It compares the
// revision of our last write: a publication that was lost in a broken connection
// and repeated may arrive much later, and must not bring an old state back
// (found by the simulator, L3). What the node tells about itself goes with it: its
// data, the newest member list it knows, and, by the driver, since when.
func (b *Backend) publish(now Instant, out *Effects) {
	e, t := out.addTxn(Publish)
	own := kv.NodeKey(b.cfg.Name)
	t.IfCreate(own, b.registered)
	t.IfLease(own, b.lease)
	if !mutant.On(mutant.PublishNoMod) {
		t.IfMod(own, b.written)
	}
	if b.want == StateMaster {
		t.IfCreate(kv.Master, b.reign.master)
	}
	t.Put(own, kv.Record{State: string(b.want)}, b.lease)
	if b.want != StateStopping { // a final that counts goes on counting
		t.Put(kv.NodeInfo(b.cfg.Name), b.info(), b.lease)
	}
	t.Get(own)
	b.request(now, e)
}

// tryBootstrap makes this node the one that creates the data, unless another
// node has registered since our view (SPEC P2).
func (b *Backend) tryBootstrap(now Instant, _ *Event, out *Effects) {
	e, t := out.addTxn(Bootstrap)
	own := kv.NodeKey(b.cfg.Name)
	t.IfCreate(kv.Initialized, 0)
	t.IfCreate(own, b.registered)
	t.IfLease(own, b.lease)
	t.IfNoneNewer(kv.KindNodeInfo, b.facts.Rev)
	t.Put(kv.Initialized, kv.Record{Node: b.cfg.Name, Incarnation: b.lease, Running: true}, b.lease)
	t.Get(kv.Initialized)
	b.request(now, e)
}

// claim is SPEC E3: everything that makes the claim right is a condition of
// the transaction, as the view had it in the order of the watch.
func (b *Backend) claim(now Instant, _ *Event, out *Effects) {
	f := &b.facts
	b.claimed, b.claimSeen = true, f.Rev
	e, t := out.addTxn(Claim)
	own := kv.NodeKey(b.cfg.Name)
	if !mutant.On(mutant.ClaimOverLock) {
		t.IfCreate(kv.Master, 0)
	}
	if !mutant.On(mutant.ClaimNoEpoch) && !mutant.On(mutant.ClaimOverLock) {
		t.IfMod(kv.EpochKey, b.vacancy.mod)
		if !b.vacancy.known { // nor was there a reign whose _epoch somebody deleted
			t.IfNoneNewer(kv.KindHistory, f.Rev)
		}
	}
	if !mutant.On(mutant.ClaimNoText) {
		t.IfNoneSays(kv.StateMaster)
	}
	t.IfMod(kv.Control, f.Control.Mod)
	t.IfMod(kv.Config, f.Config.Mod)
	if !mutant.On(mutant.ClaimNoNode) {
		t.IfCreate(own, b.registered)
		t.IfLease(own, b.lease)
	}

	master := kv.Record{
		Node: b.cfg.Name, Incarnation: b.lease, Epoch: b.nextEpoch(), Address: b.cfg.Address, TTL: b.ttl,
	}
	lock := b.lease
	if mutant.On(mutant.LockOffLease) {
		lock = 0
	}
	t.Put(kv.Master, master, lock)
	epoch := master
	epoch.Place, epoch.Unfenced = b.cfg.Place, b.debts()
	t.Put(kv.EpochKey, epoch, 0)
	t.Put(kv.HistoryKey(epoch.Epoch), epoch, 0)
	if f.HistoryCount >= historyKept {
		t.Delete(kv.HistoryKey(f.HistoryOldest))
	}
	if b.hasData && !f.Init.Done {
		t.IfMod(kv.Initialized, f.Init.Mod)
		t.Put(kv.Initialized, kv.Record{Node: b.cfg.Name, Done: true, DataID: b.data}, 0)
	}
	if r := f.Control.Request; (r == kv.RequestSwitchover || r == kv.RequestPromote) &&
		!mutant.On(mutant.RequestKept) {
		t.Delete(kv.Control)
	}
	t.Get(kv.Master)
	t.Get(kv.EpochKey)
	t.Get(own)
	b.request(now, e)
}

// confirm reads what became of a claim: never assumed (SPEC E3).
func (b *Backend) confirm(now Instant, _ *Event, out *Effects) {
	e, t := out.addTxn(Confirm)
	t.Get(kv.Master)
	t.Get(kv.EpochKey)
	t.Get(kv.NodeKey(b.cfg.Name))
	b.request(now, e)
}

// release gives the reign up, now that the whole tree is gone (SPEC E5). It
// compares our reign by _epoch's revision, and deletes only what is ours.
func (b *Backend) release(now Instant, out *Effects) {
	own := kv.NodeKey(b.cfg.Name)
	e, t := out.addTxn(Release)
	t.IfMod(kv.EpochKey, b.reign.epochMod)
	if b.reign.masterHeld {
		t.IfLease(kv.Master, b.lease)
		t.Delete(kv.Master)
	}
	if b.reign.nodeHeld {
		t.IfCreate(own, b.registered)
		t.IfLease(own, b.lease)
		t.Delete(own)
	}
	if mutant.On(mutant.ReleaseNoCompare) {
		t.NIf = 0
	}
	r := b.epochRecord()
	r.Released, r.By = true, b.cfg.Name
	if mutant.On(mutant.DebtReleased) {
		r.Unfenced = ""
	}
	t.Put(kv.EpochKey, r, 0)
	r.Ended = b.cause.String()
	t.Put(kv.HistoryKey(r.Epoch), r, 0)
	t.Get(kv.Master)
	t.Get(kv.EpochKey)
	t.Get(own)
	b.request(now, e)
}

func (b *Backend) revoke(now Instant, _ *Event, out *Effects) {
	e := out.add(RevokeLease)
	e.Lease = b.lease
	b.request(now, e)
}
