package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// lane runs the hooks that never overlap each other: detach, position and follow,
// on a claimant fence, and on a master members (SPEC H3). What it does next follows
// from the facts, so that nothing has to be undone when they change.
type lane struct {
	op     Op   // of the hook that runs; 0 none
	hook   Hook // that runs
	ending bool // … and was told to end
	due    Instant

	against kv.LeaseID // incarnation that the fence hook which runs is to end; 0: nobody any more
	proved  kv.LeaseID // incarnation that a fence hook has ended

	// epoch is that of the vacancy for which this node detaches and votes, or of the
	// master that it follows.
	epoch    kv.Epoch
	detached bool
	measured bool // position is how far the data has reached since
	position kv.Position
	voted    kv.Revision // of our final for that vacancy; 0 none
	votedAt  Instant
	follows  bool

	config  kv.Revision // _config as of which members runs, or ran
	inForce bool        // … and succeeded
}

// laneOpen is where detach, position and follow are begun: the node is promotable.
var laneOpen = in(Standby, Waiting)

// begin forgets what was for another vacancy, or another master.
func (l *lane) begin(e kv.Epoch) {
	if l.epoch != e || l.follows {
		l.epoch, l.follows, l.detached, l.measured, l.voted = e, false, false, false, 0
	}
}

// votes reports whether finals decide who may claim. Where no node can tell how
// far its data reaches and one is as good as another, the first to claim wins.
func (b *Backend) votes() bool {
	return b.cfg.Hooks.Has(HookPosition) || b.quorum() > 1 || b.facts.Ranked || b.facts.Votes.Cast > 0
}

// elector reports whether this node's final counts (SPEC E1, E7).
func (b *Backend) elector() bool {
	if c := &b.facts.Config; c.Present {
		return c.Member || mutant.On(mutant.StrangerClaims)
	}
	return !b.cfg.Observer
}

// laneNext is what the lane does next, and from when on.
func (b *Backend) laneNext() (Signal, Instant) {
	l, m := &b.lane, &b.facts.Master
	switch {
	case !b.synced:
		return sigNone, Never
	case b.phase == Reigning:
		return b.reignNext()
	case b.phase == Clearing && l.op != 0 && l.against == 0 && !l.ending:
		return sigLaneStale, 0 // somebody has attested its death meanwhile
	case !laneOpen.has(b.phase):
		return sigNone, Never
	case l.op != 0:
		switch {
		case l.ending:
		case l.hook == HookFollow && (!m.Present || m.Epoch != l.epoch):
			return sigLaneStale, 0
		case l.hook == HookFence:
			return sigLaneStale, b.fenceUntil(l.against)
		}
		return sigNone, Never
	case b.attestAhead():
		return sigAttestDue, l.due
	case b.phase == Waiting && l.due < b.fenceUntil(b.facts.Epoch.Incarnation):
		return sigFenceDue, l.due
	case m.Present:
		return b.followNext(), l.due
	case !b.vacancy.open || b.paused() || !b.elector() || !b.votes():
		return sigNone, Never
	}
	return b.voteNext(), max(b.voteFrom(), l.due)
}

// voteFrom is when to detach and vote: until its wait is over a node takes what a
// master that is only cut off from etcd still sends, for without a member list its
// last records count. A final of somebody else says that their wait is over, and
// that they wait for ours: a node that has just come back would cost the group T
// (f08-cut-from-all). To claim, it waits all the same (SPEC E2, E7).
func (b *Backend) voteFrom() Instant {
	if b.facts.Votes.Cast > 0 {
		return 0
	}
	return b.waitOver()
}

// followNext: a node that has detached for a vacancy follows nobody but the holder
// of a higher epoch (SPEC E7). A woken master streaming to a node that had voted
// lost acknowledged rows.
func (b *Backend) followNext() Signal {
	l, m := &b.lane, &b.facts.Master
	switch {
	case m.Bad, m.Lease == b.lease, !b.cfg.Hooks.Has(HookFollow):
		return sigNone
	case l.follows && l.epoch == m.Epoch:
		return sigNone
	case l.detached && m.Epoch <= l.epoch:
		return sigNone
	}
	return sigFollowDue
}

// voteNext is the next step towards our final for the vacancy.
func (b *Backend) voteNext() Signal {
	l := &b.lane
	same := l.epoch == b.vacancy.epoch && !l.follows
	switch {
	case !(same && l.detached) && b.cfg.Hooks.Has(HookDetach) && !mutant.On(mutant.NoDetach):
		return sigDetachDue
	case !(same && l.measured) && b.cfg.Hooks.Has(HookPosition):
		return sigPositionDue
	case b.act.op != 0:
		return sigNone // on its way
	case same && l.voted != 0 && (b.facts.Rev < l.voted || b.facts.Votes.Own):
		return sigNone // it is there, or about to be seen
	}
	return sigVoteDue
}

// reignNext keeps the database's member list equal to _config's (SPEC P3).
func (b *Backend) reignNext() (Signal, Instant) {
	l, c := &b.lane, &b.facts.Config
	switch {
	case !c.Present || c.Bad || b.facts.Rev < b.reign.master || b.unproved():
		return sigNone, Never
	case l.op != 0:
		if l.config != c.Mod && !l.ending {
			return sigLaneStale, 0
		}
		return sigNone, Never
	case b.facts.Rev < l.config, b.act.op != 0 && b.actKind == Settle:
		return sigNone, Never // the change is our own, which is in force already
	case (!l.inForce || l.config != c.Mod) && !(mutant.On(mutant.SettleEarly) && c.Pending):
		return sigMembersDue, l.due
	case b.act.op == 0 && (c.Pending || c.TargetK > 0 && !c.Armed) && b.mayStay():
		return sigSettleDue, l.due
	}
	return sigNone, Never
}

// unproved: without the hook nobody knows whether k of the members have what the
// master has, so no list is armed, and none becomes smaller.
func (b *Backend) unproved() bool {
	c := &b.facts.Config
	return c.Present && c.TargetK > 0 && !b.cfg.Hooks.Has(HookMembers)
}

// mayStay: a master that is to leave the list must not make that final, for of what
// it acknowledges then an election among the others need not know: k of them have
// it, and Q counts on k and the master. Somebody else has to reign first.
func (b *Backend) mayStay() bool {
	return b.facts.Config.Target.Has(b.cfg.Name) || mutant.On(mutant.MasterLeaves)
}

func (b *Backend) laneAt() Instant {
	if s, at := b.laneNext(); s != sigNone {
		return at
	}
	return Never
}

// runLane starts a hook of the lane.
func (b *Backend) runLane(h Hook, out *Effects) *Effect {
	b.ops++
	l := &b.lane
	l.op, l.hook, l.ending = b.ops, h, false
	e := out.add(RunHook)
	e.Op, e.Hook, e.Timeout, e.Env = b.ops, h, b.cfg.HookTimeout[h], b.HookEnv()
	return e
}

// endLane: a follow of a master who has gone would attach us to it after all; a
// member list that has changed need not be waited for.
func (b *Backend) endLane(_ Instant, _ *Event, out *Effects) {
	b.lane.ending = true
	out.add(EndHook).Op = b.lane.op
}

func (b *Backend) detach(_ Instant, _ *Event, out *Effects) {
	b.lane.begin(b.vacancy.epoch)
	b.lane.measured, b.lane.voted = false, 0
	b.runLane(HookDetach, out)
}

func (b *Backend) measure(_ Instant, _ *Event, out *Effects) {
	b.lane.begin(b.vacancy.epoch)
	b.lane.voted = 0
	b.runLane(HookPosition, out)
}

func (b *Backend) follow(_ Instant, _ *Event, out *Effects) {
	m := &b.facts.Master
	b.lane.begin(m.Epoch)
	b.lane.detached, b.lane.measured, b.lane.voted = false, false, 0 // whatever becomes of it
	e := b.runLane(HookFollow, out)
	e.Node, e.Address, e.Epoch = m.Node, m.Address, m.Epoch
}

// members puts the wanted list in force in the database, and returns once K of the
// others have what the master has now.
func (b *Backend) members(_ Instant, _ *Event, out *Effects) {
	b.lane.config, b.lane.inForce = b.facts.Config.Mod, false
	if !b.cfg.Hooks.Has(HookMembers) {
		b.lane.inForce = true
		return
	}
	b.runLane(HookMembers, out)
}

// receiveLane keeps what a hook of the lane found. The next step follows from it.
func (b *Backend) receiveLane(now Instant, ev *Event) Signal {
	l := &b.lane
	told := l.ending
	l.op, l.ending = 0, false
	if ev.Absent || ev.Code != 0 { // it was there at the start
		l.due = now.Add(b.timing() / actRetryParts)
		if ev.Hook == HookFollow && ev.Code == ExitAgain {
			return sigDiverged
		}
		return sigLaneFailed
	}
	switch ev.Hook {
	case HookDetach:
		l.detached = true
	case HookPosition:
		p, err := kv.ParsePosition(ev.Output)
		if err != nil {
			l.due = now.Add(b.timing() / actRetryParts)
			return sigLaneFailed
		}
		l.position, l.measured = p, true
	case HookFollow:
		l.follows = true
	case HookMembers:
		l.inForce = true
	case HookFence:
		if told { // whatever made it return now need not be success
			l.due = now.Add(b.timing() / actRetryParts)
			return sigLaneFailed
		}
		l.proved = l.against
	}
	return sigLaneOK
}

// laneLater repeats a request of the lane. What refused it comes by the watch.
func (b *Backend) laneLater(now Instant, _ *Event, _ *Effects) {
	b.lane.due = now.Add(b.timing() / actRetryParts)
}

// vote publishes our final: bound to the vacancy by _epoch, and to this life by our
// key (SPEC E7).
func (b *Backend) vote(now Instant, _ *Event, out *Effects) {
	b.lane.begin(b.vacancy.epoch)
	b.lane.voted = 0
	e, t := out.addTxn(Vote)
	own := kv.NodeKey(b.cfg.Name)
	t.IfCreate(kv.Master, 0)
	if !mutant.On(mutant.VoteUnbound) {
		t.IfMod(kv.EpochKey, b.vacancy.mod)
		if !b.vacancy.known { // as in claim: there is no number to tell vacancies by (found by the simulator, S23)
			t.IfNoneNewer(kv.KindHistory, b.facts.Rev)
		}
	}
	t.IfCreate(own, b.registered)
	t.IfLease(own, b.lease)
	r := b.info()
	r.Final, r.FinalFor, r.Position = true, b.vacancy.epoch, b.lane.position
	t.Put(kv.NodeInfo(b.cfg.Name), r, b.lease)
	t.Get(own)
	t.Get(kv.NodeInfo(b.cfg.Name))
	b.tries = 0
	b.request(now, e)
}

// receiveVote: a final that is for another vacancy by now is none.
func (b *Backend) receiveVote(r *kv.Result) Signal {
	own, info := &r.Items[0], &r.Items[1]
	l := &b.lane
	switch {
	case !own.Present || own.Create != b.registered || own.Lease != b.lease:
		return sigNotOurs
	case !r.Succeeded || l.epoch != b.vacancy.epoch || info.Record.FinalFor != l.epoch:
		return sigActFailed
	}
	l.voted = info.Mod
	return sigVoted
}

func (b *Backend) onVoted(now Instant, _ *Event, _ *Effects) { b.lane.votedAt = now }

// dropVote: what is on its way is for a vacancy that is over.
func (b *Backend) dropVote(_ Instant, _ *Event, _ *Effects) { b.act.op = 0 }

// settle makes the list that is in force the one that elections go by (SPEC P3).
// Another master, or another list, starts over.
func (b *Backend) settle(now Instant, _ *Event, out *Effects) {
	c := &b.facts.Config
	if mutant.On(mutant.SettleEarly) {
		b.lane.config = c.Mod
	}
	e, t := out.addTxn(Settle)
	t.IfMod(kv.Config, b.lane.config)
	t.IfCreate(kv.Master, b.reign.master)
	t.IfLease(kv.Master, b.lease)
	t.IfMod(kv.EpochKey, b.reign.epochMod)
	t.Put(kv.Config, kv.Record{
		Members: c.Target, K: c.TargetK, Armed: c.Armed || c.TargetK > 0, Serial: c.Serial + 1,
	}, 0)
	t.Get(kv.Config)
	b.tries = 0
	b.request(now, e)
}

func (b *Backend) receiveSettle(r *kv.Result) Signal {
	if !r.Succeeded {
		return sigActFailed
	}
	b.lane.config = r.Items[0].Mod // what is in force is now what stands there
	return sigSettled
}
