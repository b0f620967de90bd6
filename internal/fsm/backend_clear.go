package fsm

import "msdha/internal/fsm/kv"

// A claimant fences the reigns that ended without proof of their processes' end,
// one after the other, before its master hook and before it is published (SPEC E9).

func inDebt(b *Backend, _ *Event) bool { return b.reign.debts != "" && b.cfg.Hooks.Has(HookFence) }

// debts is the list of a claim: what was listed, and the reign before ours if
// nobody has said that its processes are gone.
func (b *Backend) debts() string {
	if _, owed := b.facts.owed(); !owed {
		return b.facts.Epoch.Unfenced
	}
	return kv.DebtsText(b.facts.Debts())
}

// beginClearing: authority over _master counts from the claim, as in won.
func (b *Backend) beginClearing(now Instant, ev *Event, out *Effects) {
	b.rebase(now, out)
	if b.authority <= now {
		return // the answer came too late: D fires next
	}
	b.tries = 0
	b.clear(now, ev, out)
}

// clear fences the first of the list, or takes it off once that has been done.
func (b *Backend) clear(now Instant, _ *Event, out *Effects) {
	list, err := kv.Debts(b.reign.debts)
	switch {
	case err != nil || len(list) == 0: // nothing that could be fenced: nobody claims with such a list
		b.repay(now, "", out)
		return
	case list[0].Incarnation == b.lane.proved:
		b.repay(now, kv.DebtsText(list[1:]), out)
		return
	}
	b.runFence(list[0], out)
}

func (b *Backend) runFence(d kv.Debt, out *Effects) {
	b.lane.against = d.Incarnation
	e := b.runLane(HookFence, out)
	e.Debt, e.Node, e.Address = d, d.Node, d.Address
}

func (b *Backend) fenceDone(now Instant, ev *Event, out *Effects) {
	b.tries = 0
	b.clear(now, ev, out)
}

// repay writes _epoch with what is left of the list.
func (b *Backend) repay(now Instant, rest string, out *Effects) {
	e, t := out.addTxn(Repay)
	t.IfMod(kv.EpochKey, b.reign.epochMod)
	t.IfCreate(kv.Master, b.reign.master)
	t.IfLease(kv.Master, b.lease)
	r := b.epochRecord()
	r.Unfenced = rest
	t.Put(kv.EpochKey, r, 0)
	t.Get(kv.Master)
	t.Get(kv.EpochKey)
	t.Get(kv.NodeKey(b.cfg.Name))
	b.request(now, e)
}

// receiveRepay also recognises a repayment whose reply was lost. One that the watch has
// shown already has changed nothing more (found by the simulator).
func (b *Backend) receiveRepay(r *kv.Result) Signal {
	before := b.reign.debts
	switch {
	case !b.takeReign(r):
		return sigNotOurs
	case !r.Succeeded && b.reign.debts == before && before != "":
		return sigActFailed
	}
	return sigRepaid
}

// epochRecord is _epoch under our reign.
func (b *Backend) epochRecord() kv.Record {
	return kv.Record{
		Node: b.cfg.Name, Incarnation: b.lease, Epoch: b.reign.epoch, Address: b.cfg.Address,
		Place: b.cfg.Place, TTL: b.reign.ttl, Since: b.reign.since, Unfenced: b.reign.debts,
	}
}
