package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// The phases of a backend, in the order of a node's life.
const (
	Idle Phase = iota
	Inspecting
	Granting
	Registering
	NameTaken
	Attesting
	Listing
	Bootstrapping
	PreStart
	Starting
	NotReady
	Readying
	Standby
	Waiting
	Claiming
	Confirming
	Clearing
	Promoting
	Reigning
	Draining
	Fenced
	Releasing
	Exited
)

var backendPhases = []string{
	"Idle", "Inspecting", "Granting", "Registering", "NameTaken", "Attesting", "Listing",
	"Bootstrapping", "PreStart", "Starting", "NotReady", "Readying", "Standby", "Waiting", "Claiming", "Confirming",
	"Clearing", "Promoting", "Reigning", "Draining", "Fenced", "Releasing", "Exited",
}

// The signals of a backend's table.
const (
	sigNone Signal = iota
	sigStarted
	sigStop
	sigGuardLost
	sigGranted
	sigRefused
	sigRoundOK
	sigRoundFailed
	sigNotOurs
	sigRegistered
	sigNameHeld
	sigRegisterStale
	sigPublished
	sigPublishStale
	sigBootstrapWon
	sigBootstrapLost
	sigClaimed
	sigClaimRefused
	sigClaimUnclear
	sigConfirmedOurs
	sigConfirmedNot
	sigReleased
	sigReleaseStale
	sigVoted
	sigSettled
	sigRepaid
	sigGraveRead
	sigAttested
	sigRevoked
	sigActFailed
	sigHookOK
	sigHookFailed
	sigLaneOK
	sigLaneFailed
	sigDiverged
	sigMonitorFailed
	sigChildStarted
	sigChildFailed
	sigChildExited
	sigTreeGone
	sigView
	sigViewLost
	sigReplaced
	sigAuthorityEnd
	sigKillDue
	sigGiveUp
	sigRoundDue
	sigRetryDue
	sigReignOver
	sigClaimDue
	sigDetachDue
	sigPositionDue
	sigVoteDue
	sigFollowDue
	sigFenceDue
	sigAttestDue
	sigLaneStale
	sigMembersDue
	sigSettleDue
	sigMonitorDue
	sigSwitchDue
	sigReinitDue
)

var backendSignals = []string{
	"none", "started", "stop requested", "guard lost", "lease granted", "etcd refuses", "round succeeded",
	"round failed", "keys not ours", "registered", "name held", "register outdated", "state published",
	"publication outdated", "bootstrap won", "bootstrap lost", "claim won", "claim refused", "claim unclear",
	"claim confirmed", "claim not ours", "released", "release outdated",
	"final published", "member list settled", "fenced reign struck off", "what the dead left", "death attested",
	"lease revoked",
	"request failed", "hook succeeded", "hook failed", "lane hook succeeded", "lane hook failed",
	"data diverged", "monitor failed", "child started", "child did not start",
	"child exited", "tree gone", "view changed", "view lost", "etcd replaced", "deadline D passed",
	"kill time", "patience over", "round due", "retry due", "master TTL over", "wait over",
	"detach due", "position due", "final due", "follow due", "fence due", "attesting due",
	"lane hook outdated", "members due",
	"settling due", "monitor due", "switchover due", "reinit due",
}

// receive sorts an event: it keeps what it says and returns the signal for the
// table, or sigNone when the event is stale or only a part of something.
func (b *Backend) receive(now Instant, ev *Event, out *Effects) Signal {
	switch ev.Kind {
	case Started:
		b.maxEpoch, b.remembered = ev.Held.Epoch, ev.Held
		b.distrust, b.leap = ev.Held.Floor, ev.Held.Floor != 0
		if b.leap {
			b.pastEpoch = ev.Held.Epoch
		}
		return sigStarted
	case StopRequested:
		return sigStop
	case GuardLost:
		return sigGuardLost
	case Granted, Revoked, TxnDone, KeptAlive:
		return b.receiveReply(ev)
	case HookExited:
		return b.receiveHook(now, ev)
	case ChildStarted:
		return b.receiveStart(ev)
	case ChildExited:
		b.child, b.status = false, ev.Code
		return sigChildExited
	case TreeGone:
		b.child, b.hookOp, b.lane.op, b.monitor.op = false, 0, 0, 0
		return sigTreeGone
	case ViewChanged:
		b.observe(now, ev, out)
		return sigView
	case ViewLost:
		b.synced = false
		return sigViewLost
	case EtcdReplaced:
		b.onReplaced()
		return sigReplaced
	}
	return sigNone
}

func (b *Backend) receiveReply(ev *Event) Signal {
	switch {
	case ev.Op == 0:
		return sigNone
	case ev.Op == b.alive.op:
		b.alive.op = 0
		return b.receiveKeepAlive(ev)
	case ev.Op == b.check.op:
		b.check.op = 0
		return b.receiveCheck(ev)
	case ev.Op == b.act.op:
		b.act.op = 0
		return b.receiveAct(ev)
	case mutant.On(mutant.StaleReply) && ev.Kind == KeptAlive && b.alive.op != 0:
		b.alive.op = 0
		return b.receiveKeepAlive(ev)
	}
	return sigNone
}

// receiveKeepAlive: half a round. A lease that is gone is a definite answer,
// since its keys are gone with it. (A leader that was cut off may say so of a
// lease that lives: that node ends without need, and nothing worse.)
func (b *Backend) receiveKeepAlive(ev *Event) Signal {
	switch {
	case ev.Outcome == kv.LeaseGone, ev.Outcome == kv.OK && ev.TTL <= 0:
		return sigNotOurs
	case ev.Outcome != kv.OK:
		return sigRoundFailed
	}
	b.roundTTL = ev.TTL
	return b.roundComplete()
}

// receiveCheck: the other half. A key that is older than what we wrote was
// restored from a backup: it may say another state than ours for good, and
// nobody would route to us (found by the simulator, L3). Reads: our node key.
func (b *Backend) receiveCheck(ev *Event) Signal {
	switch {
	case ev.Outcome == kv.LeaseGone, ev.Outcome == kv.OK && !ev.Result.Succeeded:
		return sigNotOurs
	case ev.Outcome != kv.OK:
		return sigRoundFailed
	case ev.Result.Items[0].Mod < b.wrote && !mutant.On(mutant.OldKeyTrusted):
		return sigNotOurs
	}
	b.checked = true
	if mutant.On(mutant.HalfRound) {
		b.roundTTL = b.ttl
	}
	return b.roundComplete()
}

func (b *Backend) roundComplete() Signal {
	if mutant.On(mutant.LateRevival) && b.phase == Fenced {
		b.phase = Standby
	}
	if b.roundTTL > 0 && b.checked {
		return sigRoundOK
	}
	return sigNone
}

// receiveAct sorts the reply to the one other request.
func (b *Backend) receiveAct(ev *Event) Signal {
	switch {
	case b.actKind == GrantLease:
		return b.receiveGrant(ev)
	case b.actKind == RevokeLease:
		if ev.Outcome == kv.OK || ev.Outcome == kv.LeaseGone {
			return sigRevoked
		}
		return sigActFailed
	case ev.Outcome == kv.LeaseGone:
		return sigNotOurs
	case b.actKind == Claim:
		return b.receiveClaim(ev)
	case b.actKind == Register && ev.Outcome == kv.Failed:
		return sigRefused
	case ev.Outcome != kv.OK:
		return sigActFailed
	}
	switch b.actKind {
	case Register:
		return b.receiveRegister(ev)
	case Publish:
		return b.receivePublish(ev)
	case Bootstrap:
		return b.receiveBootstrap(ev)
	case Confirm:
		return b.receiveConfirm(ev.Result)
	case Release:
		if ev.Result.Succeeded {
			return sigReleased
		}
		return sigReleaseStale
	case Vote:
		return b.receiveVote(ev.Result)
	case Settle:
		return b.receiveSettle(ev.Result)
	case Repay:
		return b.receiveRepay(ev.Result)
	case Inquire:
		return sigGraveRead
	case Attest:
		return b.receiveAttest(ev.Result)
	}
	return sigNone
}

func (b *Backend) receiveGrant(ev *Event) Signal {
	switch ev.Outcome {
	case kv.OK:
		b.lease, b.ttl = ev.Lease, ev.TTL
		if mutant.On(mutant.RequestedTTL) || mutant.On(mutant.LongLease) {
			b.ttl = b.cfg.TTL
		}
		return sigGranted
	case kv.Failed:
		return sigRefused
	}
	return sigActFailed
}

// receiveRegister also recognises a registration whose reply was lost. Reads:
// our node key, our _nodes key, _initialized.
func (b *Backend) receiveRegister(ev *Event) Signal {
	own, init := &ev.Result.Items[0], &ev.Result.Items[2]
	switch {
	case own.Present && own.Lease == b.lease:
		b.registered, b.written = own.Create, own.Mod
		return sigRegistered
	case own.Present:
		b.nameLease = own.Lease
		return sigNameHeld
	}
	b.initMod, b.initBusy = init.Mod, init.Present && init.Record.Running
	return sigRegisterStale
}

// receivePublish also recognises a publication whose reply was lost, and one
// that an earlier, repeated one overtook. Reads: our node key.
func (b *Backend) receivePublish(ev *Event) Signal {
	own := &ev.Result.Items[0]
	last := b.written
	b.written = own.Mod
	switch {
	case ev.Result.Succeeded:
		return sigPublished
	case !own.Present || own.Create != b.registered || own.Lease != b.lease || own.Mod == last:
		return sigNotOurs
	case own.Record.State == string(b.want):
		return sigPublished
	}
	return sigPublishStale
}

// receiveBootstrap also recognises a bootstrap whose reply was lost. Reads:
// _initialized.
func (b *Backend) receiveBootstrap(ev *Event) Signal {
	init := &ev.Result.Items[0]
	b.initMod = init.Mod
	if init.Present && init.Lease == b.lease && b.lease != 0 {
		return sigBootstrapWon
	}
	return sigBootstrapLost
}

func (b *Backend) receiveClaim(ev *Event) Signal {
	switch {
	case ev.Outcome == kv.Failed:
		b.claimed = b.unclear
		return sigClaimRefused
	case ev.Outcome != kv.OK && mutant.On(mutant.UnknownIsFailed):
		return sigClaimRefused
	case ev.Outcome != kv.OK && mutant.On(mutant.UnknownIsWon):
		b.reign = reign{epoch: b.nextEpoch(), master: b.facts.Rev + 1, epochMod: b.facts.Rev + 1, ttl: b.ttl}
		return sigClaimed
	case ev.Outcome != kv.OK:
		b.unclear = true
		return sigClaimUnclear
	case b.takeReign(ev.Result):
		return sigClaimed
	}
	b.claimed = b.unclear
	return sigClaimRefused
}

func (b *Backend) receiveConfirm(r *kv.Result) Signal {
	if b.takeReign(r) {
		return sigConfirmedOurs
	}
	return sigConfirmedNot
}

// takeReign reads _master and _epoch and keeps what is ours of them. Only
// _master on our own lease makes us master (SPEC S18); an _epoch that is ours
// without it is a reign to be released.
func (b *Backend) takeReign(r *kv.Result) bool {
	master, epoch, own := &r.Items[0], &r.Items[1], &r.Items[2]
	r0 := &b.reign
	r0.nodeHeld = own.Present && own.Lease == b.lease && own.Create == b.registered
	whoever := mutant.On(mutant.ConfirmAny)
	r0.masterHeld = master.Present && (master.Lease == b.lease || whoever)
	r0.epochMod = 0
	if epoch.Present && (epoch.Record.Incarnation == b.lease || whoever) {
		r0.epochMod, r0.epoch, r0.since = epoch.Mod, epoch.Record.Epoch, epoch.Record.Since
		r0.debts = epoch.Record.Unfenced // to be kept by a release, too (found by the simulator, S20)
	}
	if !r0.masterHeld || r0.epochMod == 0 {
		return false
	}
	r0.master, r0.ttl = master.Create, master.Record.TTL
	return true
}
