package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// nameMargin is added to the TTL of the lease that holds our name: etcd scans
// for expired leases every 500 ms, and a change of its leader extends them all.
const nameMargin = 3 * time.Second

func (b *Backend) begin(_ Instant, _ *Event, out *Effects) {
	out.add(MarkMaster) // what an earlier life left behind
	out.add(WriteMaster)
	b.runHook(HookData, out)
}

func (b *Backend) runHook(h Hook, out *Effects) {
	b.ops++
	b.hook, b.hookOp = h, b.ops
	e := out.add(RunHook)
	e.Op, e.Hook, e.Timeout, e.Env = b.ops, h, b.cfg.HookTimeout[h], b.HookEnv()
	if mutant.On(mutant.HookNoLimit) {
		e.Timeout = 0
	}
}

// HookEnv is what a hook that starts now is told.
func (b *Backend) HookEnv() HookEnv {
	env := HookEnv{
		State: b.published, Epoch: b.maxEpoch, Master: b.shownMaster, Previous: b.previous,
		Bootstrap: b.bootstrap, Members: b.facts.Config.Target, K: b.facts.Config.TargetK,
		Reinit: b.remembered.Reinit,
	}
	if b.facts.Init.Done {
		env.GroupData = b.facts.Init.DataID
	}
	if b.reign.epoch != 0 {
		env.Epoch, env.LockRev = b.reign.epoch, b.reign.master
	}
	return env
}

// state begins a state of a node's life: it is published, then its hook runs
// (SPEC N1).
func state(s State) func(*Backend, Instant, *Event, *Effects) {
	return func(b *Backend, now Instant, _ *Event, out *Effects) {
		b.want, b.tries = s, 0
		b.publish(now, out)
	}
}

func hook(h Hook) func(*Backend, Instant, *Event, *Effects) {
	return func(b *Backend, _ Instant, _ *Event, out *Effects) {
		b.published = b.want
		b.runHook(h, out)
	}
}

// onRegistered also looks at a view that is open already.
func (b *Backend) onRegistered(now Instant, _ *Event, _ *Effects) {
	b.published, b.tries = StatePreStart, 0
	b.giveUpDue = b.patience(now)
	if b.synced {
		b.retryDue = now
	}
}

// startLife runs the first hook that may change anything. Only from here on is
// there something that the guard would have to end.
func (b *Backend) startLife(_ Instant, _ *Event, out *Effects) {
	b.giveUpDue, b.retryDue = Never, Never
	b.arm(b.authority, out)
	b.runHook(HookPreStart, out)
}

func (b *Backend) bootstrapWon(now Instant, ev *Event, out *Effects) {
	b.bootstrap = true
	b.startLife(now, ev, out)
}

func (b *Backend) relistSoon(now Instant, _ *Event, _ *Effects) {
	b.retryDue = now.Add(b.timing() / actRetryParts)
}

func (b *Backend) startChild(_ Instant, _ *Event, out *Effects) {
	b.published = b.want
	if b.remembered.Reinit { // pre_start has seen to it
		b.remembered.Reinit = false
		out.add(Remember).Held = b.remembered
	}
	b.ops++
	b.childOp, b.child = b.ops, true
	e := out.add(StartChild)
	e.Op, e.Env = b.ops, b.HookEnv()
}

// nameHeld gives the earlier incarnation its time to end, once (SPEC N3).
func (b *Backend) nameHeld(now Instant, ev *Event, _ *Effects) {
	if b.nameSeen != b.nameLease {
		ttl := max(ev.Result.Items[1].Record.TTL, b.ttl)
		b.giveUpDue = now.Add(longer(ttl, 1) + nameMargin)
		b.nameSeen = b.nameLease
	}
	b.retryDue = now.Add(b.timing() / actRetryParts)
}

func (b *Backend) retryLater(now Instant, _ *Event, _ *Effects) {
	b.tries++
	b.retryDue = now.Add(b.timing() / actRetryParts)
}

func (b *Backend) republish(now Instant, _ *Event, out *Effects) { b.publish(now, out) }

// won begins the reign. The file comes before the hook, and before clients can
// be routed here (SPEC H6).
func (b *Backend) won(now Instant, ev *Event, out *Effects) {
	b.rebase(now, out)
	if b.authority <= now {
		return // the answer came too late: D fires next
	}
	b.marked = true
	out.add(MarkMaster).On = true
	b.tries = 0
	if b.shownMaster != "" && b.shownMaster != b.cfg.Name {
		b.previous = b.shownMaster
	}
	b.shownMaster, b.shownAddress = b.cfg.Name, b.cfg.Address
	e := out.add(WriteMaster)
	e.Node, e.Address = b.shownMaster, b.shownAddress
	if b.cfg.MasterTTL > 0 {
		b.reignDue = now.Add(b.cfg.MasterTTL)
	}
	b.want = StateMaster
	if b.cfg.PublishAfter {
		b.runHook(HookMaster, out)
		return
	}
	b.publish(now, out)
}

// rebase lets authority count from the request that showed _master to be ours:
// a round that is under way asks for the node key only, and could extend D past
// T after somebody deleted _master (found by the simulator, SPEC R2, S4).
func (b *Backend) rebase(now Instant, out *Effects) {
	if mutant.On(mutant.NoRebase) {
		return
	}
	b.alive.op, b.check.op, b.roundDue = 0, 0, now
	if d := b.act.sent.Add(shorter(min(b.ttl, b.reign.ttl), 2)); d < b.authority {
		b.authority = d
		b.arm(d, out)
	}
}

// reigns also looks at a master TTL that was over before the hook returned.
func (b *Backend) reigns(now Instant, _ *Event, _ *Effects) {
	b.published = b.want
	if b.postponed {
		b.reignDue = now
	}
}

// refused goes back to waiting. The view will tell why, in watch order; only
// what it tells may change the wait.
func (b *Backend) refused(now Instant, ev *Event, out *Effects) {
	b.claimAfter = now.Add(b.timing() / actRetryParts)
	if ev.Outcome != kv.OK {
		b.claimSeen = 0 // not executed: nothing new is to be expected
		return
	}
	if epoch := &ev.Result.Items[1]; mutant.On(mutant.ClaimFreshEpoch) {
		b.phase, b.vacancy.mod = Claiming, epoch.Mod
		b.facts.Epoch.Epoch = epoch.Record.Epoch
		b.claim(now, ev, out)
	}
	if mutant.On(mutant.LoserStuck) {
		b.phase = Claiming
	}
}

func (b *Backend) postpone(_ Instant, _ *Event, _ *Effects) { b.postponed = true }

// leave begins a planned stop: authority is kept, and renewed, until the child
// is dead (SPEC R4, draining).
func leave(c Cause) func(*Backend, Instant, *Event, *Effects) {
	return func(b *Backend, now Instant, _ *Event, out *Effects) {
		if mutant.On(mutant.Demote) && c == CauseMasterTTL {
			b.phase, b.want = Standby, StateReady
			b.unmark(out)
			b.publish(now, out)
			return
		}
		b.drain(now, c, out)
	}
}

func (b *Backend) drain(now Instant, c Cause, out *Effects) {
	b.cause = c
	b.giveUpDue, b.retryDue, b.reignDue = Never, Never, Never
	b.unmark(out)
	if mutant.On(mutant.EarlyRevoke) {
		out.add(RevokeLease).Lease = b.lease
	}
	if mutant.On(mutant.ReleaseAtTerm) && b.claimed && b.reign.epochMod != 0 {
		b.release(now, out)
	}
	if b.registered != 0 {
		b.want, b.infoDirty = StateStopping, false
		b.publish(now, out)
	} else {
		b.act.op = 0
	}
	b.endProcesses(now, b.cfg.StopTimeout, false, out)
}

// endProcesses asks what runs to end; what is left after the grace is killed.
func (b *Backend) endProcesses(now Instant, grace time.Duration, fenced bool, out *Effects) {
	if b.child {
		out.add(SignalChild).Fenced = fenced
	}
	if b.hookOp != 0 || b.lane.op != 0 || b.monitor.op != 0 {
		out.add(StopHooks)
	}
	if !b.child && b.hookOp == 0 {
		b.killTree(now, nil, out)
		return
	}
	if mutant.On(mutant.SecondGrace) {
		b.killDue = Never
	}
	b.killDue = min(b.killDue, now.Add(grace)) // who drains and is fenced gets no second grace
	if mutant.On(mutant.NoKill) {
		b.killDue = Never
	}
}

// killTree. What SIGKILL does not end within G hangs in the kernel, with the disk: a
// planned stop then renews no longer, and the others need not wait for the disk.
func (b *Backend) killTree(now Instant, _ *Event, out *Effects) {
	b.killDue = Never
	if b.killing {
		return
	}
	b.killing = true
	out.add(KillTree)
	if b.phase == Draining && b.authority != Never {
		b.giveUpDue = now.Add(Grace(b.timing()))
	}
}

func (b *Backend) unmark(out *Effects) {
	if b.marked {
		b.marked = false
		out.add(MarkMaster)
	}
}

// fence is what happens at D, or when etcd says that our keys are not ours:
// from here on nothing is renewed, published or claimed (SPEC R4).
func fence(c Cause) func(*Backend, Instant, *Event, *Effects) {
	return func(b *Backend, now Instant, _ *Event, out *Effects) {
		at := b.fencedAt
		if c != CauseAuthority {
			at = now
		} else if mutant.On(mutant.DrainRenews) && b.cause != CauseNone {
			b.phase = Draining
			return
		}
		b.enterFenced(now, at, c, out)
	}
}

func (b *Backend) enterFenced(now, at Instant, c Cause, out *Effects) {
	if b.cause == CauseNone {
		b.cause = c
	}
	if !mutant.On(mutant.LateRevival) {
		b.alive.op, b.check.op, b.act.op = 0, 0, 0
	}
	b.authority, b.roundDue, b.retryDue = Never, Never, Never
	b.giveUpDue, b.reignDue = Never, Never
	b.unmark(out)
	if mutant.On(mutant.NoFence) {
		return
	}
	grace := Grace(b.timing())
	e := out.add(ArmGuard)
	e.Fence, e.Kill, e.Lease, e.TTL = at, at.Add(grace), b.lease, b.ttl
	b.guardKill = e.Kill
	if mutant.On(mutant.NoKill) {
		e.Kill = Never
	}
	// A little before the guard would: an orderly end can still be released.
	b.endProcesses(at, grace-grace/8, true, out)
}

// fenceNow leaves no grace: without a guard nobody else enforces it.
func (b *Backend) fenceNow(now Instant, _ *Event, out *Effects) {
	b.enterFenced(now, now, CauseGuard, out)
	b.killTree(now, nil, out)
}

// mainEnded: the main process is not the whole tree. After a postmaster's
// SIGKILL an orphaned backend was seen to commit 12.8 s later (SPEC N5).
func (b *Backend) mainEnded(now Instant, _ *Event, out *Effects) {
	b.drain(now, CauseChild, out)
	b.killTree(now, nil, out)
}

func (b *Backend) restGone(now Instant, ev *Event, out *Effects) {
	if mutant.On(mutant.ChildIsTree) {
		b.killing = true
		b.giveBack(now, ev, out)
		return
	}
	b.killTree(now, nil, out)
}

// noChild: while a child runs, its end is what counts.
func noChild(b *Backend, _ *Event) bool { return !b.child }

func noLease(b *Backend, _ *Event) bool { return b.lease == 0 }

// giveBack releases what may be ours, now that no process is left.
func (b *Backend) giveBack(now Instant, ev *Event, out *Effects) {
	b.phase = Releasing
	b.alive.op, b.check.op = 0, 0
	b.authority, b.roundDue, b.killDue = Never, Never, Never
	b.tries = 0
	// The guard keeps its deadline. A little before it, so that the cause is told.
	b.giveUpDue = min(now.Add(b.timing()/2), max(now, b.guardKill.Add(-b.timing()/50)))
	b.resumeRelease(now, ev, out)
}

// resumeRelease takes the next step: read what an unclear claim became, then
// release, then revoke.
func (b *Backend) resumeRelease(now Instant, ev *Event, out *Effects) {
	switch {
	case !b.claimed:
		b.revoke(now, ev, out)
	case b.reign.epochMod == 0:
		b.confirm(now, ev, out)
	default:
		b.release(now, out)
	}
}

// reread takes in what the failed release, or the confirming read, found. A
// reign that is somebody else's by now has nothing left to release.
func (b *Backend) reread(now Instant, ev *Event, out *Effects) {
	b.takeReign(ev.Result)
	if b.reign.epochMod == 0 || ev.Result.Items[1].Record.Released {
		b.claimed = false
	}
	b.resumeRelease(now, ev, out)
}

func (b *Backend) released(now Instant, ev *Event, out *Effects) {
	b.claimed = false
	b.resumeRelease(now, ev, out)
}

func exit(c Cause) func(*Backend, Instant, *Event, *Effects) {
	return func(b *Backend, now Instant, ev *Event, out *Effects) {
		if b.cause == CauseNone {
			b.cause = c
		}
		b.exit(now, ev, out)
	}
}

func (b *Backend) exit(_ Instant, _ *Event, out *Effects) {
	b.alive.op, b.check.op, b.act.op = 0, 0, 0
	b.authority, b.roundDue, b.retryDue, b.killDue = Never, Never, Never, Never
	b.giveUpDue, b.reignDue = Never, Never
	e := out.add(Exit)
	e.Cause, e.Code, e.Lease = b.cause, b.cause.exitCode(b.status), b.nameLease
}

func (b *Backend) signalAgain(_ Instant, _ *Event, out *Effects) {
	if b.killing {
		return
	}
	out.add(SignalChild).Fenced = b.phase == Fenced
}

func (b *Backend) claimSoon(now Instant, _ *Event, _ *Effects) {
	b.claimAfter, b.claimSeen = now.Add(b.timing()/actRetryParts), 0
}

func behind(b *Backend, _ *Event) bool {
	return !b.synced || b.facts.Rev < b.registered || b.facts.Epoch.Present && b.facts.Epoch.Mod < b.attested
}

func heldForever(b *Backend, _ *Event) bool { return b.nameLease == 0 }

func publishesAfter(b *Backend, _ *Event) bool { return b.cfg.PublishAfter }
