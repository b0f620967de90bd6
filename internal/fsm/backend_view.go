package fsm

import (
	"fmt"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// epochGap is left after etcd was replaced (SPEC K4): more reigns than anyone
// could have held in the part of history that is lost.
const epochGap = 1000

// observe takes the facts of one revision in. It runs in every phase, because
// the wait for a vacancy's end begins whether or not this node is ready.
func (b *Backend) observe(now Instant, ev *Event, out *Effects) {
	f := ev.Facts
	b.facts, b.synced = *f, true
	b.maxTTL = max(b.maxTTL, f.MaxTTL)
	if b.replaced { // nothing found at the first read is a release
		b.replaced, b.distrust = false, f.Rev
		b.vacancy, b.pastEpoch = vacancy{}, max(b.maxEpoch, f.Epoch.Epoch)
		// The next life must not take what has been written since for the past, too: finals
		// that others have published would never count (found by the simulator, L1).
		b.remembered.Cluster, b.remembered.Rev, b.remembered.Floor = ev.Header.Cluster, f.Rev, f.Rev
		out.add(Remember).Held = b.remembered
	}
	b.observeVacancy(now, ev.Gap)
	b.followEpoch()
	b.maxEpoch = max(b.maxEpoch, f.Epoch.Epoch, f.Master.Epoch)
	if b.maxEpoch > b.remembered.Epoch || f.Config.Serial > b.remembered.Serial {
		floor := b.remembered.Floor
		if b.maxEpoch > b.remembered.Epoch {
			floor = 0
		}
		b.remembered = Held{
			Cluster: ev.Header.Cluster, Rev: f.Rev, Epoch: b.maxEpoch, TTL: b.maxTTL, Floor: floor,
			Serial: max(b.remembered.Serial, f.Config.Serial), Reinit: b.remembered.Reinit,
		}
		out.add(Remember).Held = b.remembered
	}
	b.showMaster(out)
}

// observeVacancy follows _master and _epoch in watch order. A number that
// changed means that somebody reigned in between: the wait begins anew. Where
// _epoch is absent there is no number, and a listing after a gap cannot show
// that nobody did: it begins anew too (found by the simulator, S5).
//
// A key that says master without _master is somebody's who reigns by other rules
// (SPEC K3: the shell original), and whose key ends before he does where he is
// cut off. Its end begins the wait anew, and no earlier release shortens it. The
// key that the last reign left behind ends with that reign's lease; the wait for
// that has begun.
func (b *Backend) observeVacancy(now Instant, gap bool) {
	f, v := &b.facts, &b.vacancy
	if f.Master.Present {
		since := v.since
		*v = vacancy{}
		if mutant.On(mutant.WaitNotRestarted) {
			v.since = since
		}
		return
	}
	unknown := gap && !f.Epoch.Present && !mutant.On(mutant.GapTrusted)
	other := v.epoch != f.Epoch.Epoch && !mutant.On(mutant.ReignUnnoticed)
	left := v.open && v.rival && !f.Rival && !mutant.On(mutant.RivalForgotten)
	if !v.open || unknown || v.known != f.Epoch.Present || other || left {
		*v = vacancy{
			open: true, since: b.learned(now), known: f.Epoch.Present, epoch: f.Epoch.Epoch, rivalled: left,
		}
	}
	v.rival = f.Rival
	v.mod = f.Epoch.Mod
	v.released = f.Epoch.Released && !v.rivalled && !(b.past(&f.Epoch) && f.Epoch.How != "") &&
		(f.Epoch.Mod > b.distrust || mutant.On(mutant.OldReleaseTrusted))
}

// learned is when the wait of a vacancy begins: at its receipt.
func (b *Backend) learned(now Instant) Instant {
	switch {
	case mutant.On(mutant.WaitFromContact):
		return b.roundSent
	case mutant.On(mutant.WaitNotRestarted) && b.vacancy.since != 0:
		return b.vacancy.since
	}
	return now
}

// showMaster keeps the files that hooks read up to date (SPEC H6).
//
// A view that is older than our own claim knows nothing of it yet.
func (b *Backend) showMaster(out *Effects) {
	if b.Reigning() && b.facts.Rev < b.reign.master && !mutant.On(mutant.OldViewShown) {
		return
	}
	node, address := "", ""
	if m := &b.facts.Master; m.Present && !m.Bad {
		node, address = m.Node, m.Address
	}
	first := b.phase == Listing
	if !first && node == b.shownMaster && address == b.shownAddress {
		return
	}
	if node != b.shownMaster && b.shownMaster != "" {
		b.previous = b.shownMaster
	}
	b.shownMaster, b.shownAddress = node, address
	e := out.add(WriteMaster)
	e.Node, e.Address = node, address
}

// onReplaced: what was learned from the old etcd must not decide in the new.
func (b *Backend) onReplaced() {
	b.replaced, b.synced, b.leap = true, false, true
	b.vacancy = vacancy{}
	// Whatever revisions were known mean nothing there.
	b.claimSeen, b.lane.voted, b.lane.config, b.lane.inForce, b.attested = 0, 0, 0, false, 0
}

// waitOver is when the wait of a vacancy ends (SPEC E2): twice the largest TTL
// known in the group after its receipt, at once after a release (SPEC E5).
func (b *Backend) waitOver() Instant {
	v := &b.vacancy
	if v.released && !b.cfg.AlwaysWait {
		return v.since
	}
	if mutant.On(mutant.NoWaitAbsentEpoch) && !v.known {
		return v.since
	}
	t := max(b.maxTTL, b.ttl)
	// The last reign that we know of may be missing in etcd.
	if (!v.known || b.leap) && !mutant.On(mutant.ForgottenTTL) {
		t = max(t, b.remembered.TTL)
	}
	if mutant.On(mutant.WaitOwnTTL) {
		t = b.ttl
	}
	if !mutant.On(mutant.WaitNoDrift) {
		t = longer(t, 1)
	}
	if mutant.On(mutant.HalfWait) {
		return v.since.Add(t)
	}
	return v.since.Add(t).Add(t)
}

// claimAt is when to claim, if nothing changes: Never while the node may not.
func (b *Backend) claimAt() Instant {
	if b.phase != Waiting || b.obstacle() != "" || b.ballotObstacle() != "" {
		return Never
	}
	return max(b.waitOver(), b.claimAfter, b.standsBack())
}

// obstacle says why this node may not claim even when the wait is over; empty
// when it may (SPEC E1, E3, K3, P2). It allocates nothing.
func (b *Backend) obstacle() string {
	f := &b.facts
	switch {
	case b.cfg.Observer && !mutant.On(mutant.ObserverClaims):
		return "it is no candidate (MSDHA_CANDIDATE=false)"
	case !b.synced && !mutant.On(mutant.LostViewClaims):
		return "its view of etcd is not up to date"
	case f.Master.Bad:
		return "the key _master does not parse"
	case !b.vacancy.open:
		return "there is a master"
	case f.Epoch.Bad:
		return "the key _epoch does not parse"
	case f.Claimant != "" && !mutant.On(mutant.ClaimNoText):
		return "a key says master although there is no _master"
	case f.Self.Create != b.registered || f.Self.Lease != b.lease:
		return "its own key is not there"
	case b.claimSeen != 0 && f.Rev <= b.claimSeen:
		return "its last claim was refused, and the reason has not arrived yet"
	}
	if o := f.MemberObstacle(b.cfg.Name, b.remembered.Serial); o != "" {
		return o
	}
	if o := f.DebtObstacle(b.cfg.Name, b.cfg.Hooks.Has(HookFence)); o != "" || !b.hasData {
		return o
	}
	return b.dataObstacle()
}

// dataObstacle keeps everyone but the holder of the group's data from
// claiming (SPEC P2).
func (b *Backend) dataObstacle() string {
	i := &b.facts.Init
	switch {
	case b.data == "":
		return "it has no data"
	case i.Bad:
		return "the key _initialized does not parse"
	case i.Present && i.Done && i.DataID != b.data:
		return "its data is not the group's"
	case i.Present && !i.Done && i.Lease != b.lease:
		return "another node is creating the group's data"
	case !i.Present && b.facts.DataConflict:
		return "the nodes hold different data, and no operator has chosen"
	}
	return ""
}

// vacant and the like are the guards of the table.

func masterIsOurs(b *Backend, _ *Event) bool {
	return b.facts.Master.Present && b.facts.Master.Lease == b.lease && !mutant.On(mutant.UnknownIsFailed)
}

// lockWithoutEpoch: what the confirming read found is not a whole reign, and
// reading again would find no more.
func lockWithoutEpoch(b *Backend, _ *Event) bool {
	return b.reign.masterHeld && b.reign.epochMod == 0
}

func vacant(b *Backend, _ *Event) bool { return b.vacancy.open }

func occupied(b *Backend, _ *Event) bool { return b.facts.Master.Present }

// keysGone judges only by a view that is at least as new as what we wrote.
func keysGone(b *Backend, _ *Event) bool {
	f := &b.facts
	if f.Rev >= b.registered && (f.Self.Create != b.registered || f.Self.Lease != b.lease) {
		return true
	}
	return b.Reigning() && f.Rev >= b.reign.master &&
		(f.Master.Create != b.reign.master || f.Master.Lease != b.lease)
}

// bootstrapVoid: a node with data deleted our running _initialized.
func bootstrapVoid(b *Backend, _ *Event) bool {
	i := &b.facts.Init
	return b.bootstrap && b.facts.Rev >= b.initMod && (!i.Present || i.Mod != b.initMod) && !i.Done
}

// foreignData: the group's data turned out to be other than ours, after
// pre_start had its chance to replace it.
func foreignData(b *Backend, _ *Event) bool {
	i := &b.facts.Init
	return b.hasData && i.Done && i.DataID != b.data
}

// orphaned: we came to clone, but the node that created the data is gone and
// nobody has any. A new life decides anew.
func orphaned(b *Backend, _ *Event) bool {
	f := &b.facts
	return b.hasData && b.data == "" && !b.bootstrap && f.Rev >= b.initMod &&
		!f.Init.Present && !f.Master.Present && f.DataID == "" && b.mayReign()
}

// mayReign: whoever makes the group's data must be somebody who can reign over it
// (SPEC E1). An armed list says that there is data, whatever _initialized says: an
// operator deleted that while a disk was empty (found by the simulator, S23).
func (b *Backend) mayReign() bool {
	c := &b.facts.Config
	return !b.cfg.Observer && (!c.Present || c.Member && !c.Armed)
}

func wantsBootstrap(b *Backend, _ *Event) bool {
	f := &b.facts
	return b.hasData && b.data == "" && b.mayReign() && !f.Init.Present &&
		!f.Master.Present && f.DataID == ""
}

func initTaken(_ *Backend, ev *Event) bool { return ev.Result.Items[0].Present }

// followersReady: somebody could take over (SPEC N4), and may (SPEC E8).
func followersReady(b *Backend, _ *Event) bool { return b.enoughFollowers() && !b.paused() }

func postponedAndReady(b *Backend, ev *Event) bool {
	return b.postponed && followersReady(b, ev) && !mutant.On(mutant.PostponedForgotten)
}

// Explain says in words why this node is not master, or what it waits for.
// remaining is the time until then, where that is known.
func (b *Backend) Explain(now Instant) (reason string, remaining time.Duration) {
	switch {
	case b.phase < Standby:
		return "it is still joining: " + b.PhaseName(), 0
	case b.phase >= Draining:
		return b.cause.String(), 0
	case b.Reigning() && b.unproved():
		return "it is the master, and has no members hook to see to it that others have what it acknowledges", 0
	case b.Reigning():
		return "it is the master", 0
	case b.phase == Claiming || b.phase == Confirming:
		return "its claim is under way", 0
	}
	o := b.obstacle()
	if o == "" && b.vacancy.open && now >= b.waitOver() {
		if o = b.ballotObstacle(); o != "" {
			return b.explainVotes(o), 0
		}
		if at := b.standsBack(); at > now {
			return "it lets others go first", at.Sub(now)
		}
	}
	if o == "" {
		return "it waits for twice the TTL after the last reign", max(0, max(b.waitOver(), b.claimAfter).Sub(now))
	}
	if f := &b.facts; f.Claimant != "" && b.vacancy.open {
		return fmt.Sprintf("%s: %q (lease %s); remove it with etcdctl del", o, f.Claimant, f.ClaimantLease), 0
	}
	return o, 0
}

// nextEpoch is above everything this node has seen, read or kept. Where _epoch
// is absent it starts above the revision, so that it also stays above a past
// that somebody deleted: each reign cost at least one revision.
func (b *Backend) nextEpoch() kv.Epoch {
	e := max(b.maxEpoch, b.facts.Epoch.Epoch)
	if mutant.On(mutant.EpochFromKey) {
		return b.facts.Epoch.Epoch + 1
	}
	if !b.facts.Epoch.Present {
		e = max(e, kv.Epoch(b.facts.Rev))
	}
	if b.leap && !mutant.On(mutant.NoLeap) {
		return e + epochGap
	}
	return e + 1
}
