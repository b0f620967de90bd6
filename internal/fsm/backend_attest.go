package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// A backend attests deaths in two ways (SPEC E11). While it joins: that of its own
// container's earlier lives, which ended before this one could begin (SPEC N3). While
// it waits: that of a reign which its fence hook has ended.

// holderOutlived: whoever holds our name is an earlier life of our container. What
// proves it stands beside its incarnation, on the same lease.
func holderOutlived(b *Backend, ev *Event) bool {
	info := &ev.Result.Items[1]
	return info.Present && info.Lease == b.nameLease && b.outlived(info.Record.Place)
}

func (b *Backend) outlived(p kv.Place) bool {
	if mutant.On(mutant.AttestByHostname) {
		return true // of the same name, so of the same host
	}
	if mutant.On(mutant.AttestByContainer) {
		return b.cfg.Place.Container == p.Container
	}
	return b.cfg.Place.Outlived(p)
}

// reignOutlived: _epoch names an earlier life of our container, as the last reign or
// as one that is to be fenced.
func reignOutlived(b *Backend, _ *Event) bool { return b.ownGrave() != 0 }

// ownGrave is the incarnation to be attested; 0: none.
func (b *Backend) ownGrave() kv.LeaseID {
	e := &b.facts.Epoch
	if !e.Present || e.Bad || b.past(e) {
		return 0
	}
	if !e.Released && e.Node == b.cfg.Name && e.Incarnation != b.lease && b.outlived(e.Place) {
		return e.Incarnation
	}
	if e.Unfenced == "" {
		return 0
	}
	debts, _ := kv.Debts(e.Unfenced) // it parses: _epoch is not bad
	for _, d := range debts {
		if d.Node == b.cfg.Name && d.Incarnation != b.lease && b.outlived(d.Place) {
			return d.Incarnation
		}
	}
	return 0
}

// past: etcd has taken another's place, and this reign is of before. Later ones may be
// missing, of whose end its own says nothing (SPEC K4).
func (b *Backend) past(e *EpochFact) bool {
	return e.Epoch <= b.pastEpoch && !mutant.On(mutant.PastAttested)
}

func (b *Backend) attestHolder(now Instant, ev *Event, out *Effects) {
	b.proof = Proof{Node: b.cfg.Name, Incarnation: b.nameLease, By: b.cfg.Name, How: kv.ByRestart}
	b.inquire(now, ev, out)
}

func (b *Backend) attestReign(now Instant, ev *Event, out *Effects) {
	b.proof = Proof{Node: b.cfg.Name, Incarnation: b.ownGrave(), By: b.cfg.Name, How: kv.ByRestart}
	b.inquire(now, ev, out)
}

func (b *Backend) inquire(now Instant, _ *Event, out *Effects) {
	e, t := out.addTxn(Inquire)
	b.proof.inquire(t)
	b.request(now, e)
}

// attest writes what the dead would have written, by what was read last.
func (b *Backend) attest(now Instant, ev *Event, out *Effects) {
	e, t := out.addTxn(Attest)
	if b.proof.attest(t, ev.Result) {
		b.request(now, e)
		return
	}
	out.dropTxn()
	if b.phase == Attesting {
		b.revokeDead(now, ev, out)
		return
	}
	b.laneLater(now, ev, out)
}

func (b *Backend) receiveAttest(r *kv.Result) Signal {
	if !r.Succeeded {
		return sigGraveRead // what it went by has changed: the reply tells what is there now
	}
	b.attested = r.Items[1].Mod
	return sigAttested
}

func (b *Backend) revokeDead(now Instant, _ *Event, out *Effects) {
	e := out.add(RevokeLease)
	e.Lease = b.proof.Incarnation
	b.request(now, e)
}

func nameless(b *Backend, _ *Event) bool { return b.registered == 0 }

// relook: the view may have arrived meanwhile.
func (b *Backend) relook(now Instant, _ *Event, _ *Effects) { b.tries, b.retryDue = 0, now }

// fenceUntil is until when it is worth fencing the last reign ahead of its wait's end,
// if it is this incarnation's; 0: not at all. The finals of others say that theirs is
// over: the lane is needed for our own.
func (b *Backend) fenceUntil(against kv.LeaseID) Instant {
	e := &b.facts.Epoch
	switch {
	case !b.cfg.FenceProves || !b.cfg.Hooks.Has(HookFence) || b.cfg.AlwaysWait || b.paused(),
		b.phase != Waiting || !b.vacancy.open || b.vacancy.released || b.vacancy.rivalled,
		!e.Present || e.Bad || e.Released || b.past(e),
		e.Incarnation != against || e.Incarnation == b.lane.proved || e.Node == b.cfg.Name, b.facts.Votes.Cast > 0:
		return 0
	}
	return b.waitOver()
}

// fenceAhead runs the fence hook during the wait, with the last reign as its debt.
func (b *Backend) fenceAhead(now Instant, _ *Event, out *Effects) {
	e := &b.facts.Epoch
	if until := b.fenceUntil(e.Incarnation); now >= until { // it woke up late
		b.lane.due = until
		return
	}
	b.runFence(e.debt(), out)
}

// attestAhead: the fence hook has confirmed that the last reign's processes are gone.
func (b *Backend) attestAhead() bool {
	e := &b.facts.Epoch
	return b.phase == Waiting && b.cfg.FenceProves && b.vacancy.open && e.Present && !e.Bad && !e.Released &&
		e.Incarnation == b.lane.proved && b.lane.proved != 0 && b.act.op == 0 && !b.paused()
}

func (b *Backend) attestFenced(now Instant, ev *Event, out *Effects) {
	b.proof = Proof{Node: b.facts.Epoch.Node, Incarnation: b.lane.proved, By: b.cfg.Name, How: kv.ByFence}
	b.tries = 0
	b.inquire(now, ev, out)
}

// followEpoch: others strike dead reigns off our own _epoch. What we compare has to
// follow, and a fence hook against one of them has nothing more to do.
func (b *Backend) followEpoch() {
	e, r := &b.facts.Epoch, &b.reign
	if r.epochMod == 0 || !e.Present || e.Bad || e.Released ||
		e.Epoch != r.epoch || e.Incarnation != b.lease || e.Mod <= r.epochMod {
		return
	}
	r.epochMod = e.Mod
	if r.debts == e.Unfenced {
		return
	}
	r.debts = e.Unfenced
	if debts, _ := kv.Debts(r.debts); b.phase == Clearing && !owesTo(debts, b.lane.against) {
		b.lane.against = 0
	}
}

func owesTo(debts []kv.Debt, incarnation kv.LeaseID) bool {
	for _, d := range debts {
		if d.Incarnation == incarnation {
			return true
		}
	}
	return false
}
