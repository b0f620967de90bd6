package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// Proof is the knowledge that no process of an incarnation is left, nor ever will
// be. Suspicion is none (SPEC E11). Whoever makes one knew the incarnation before
// it learned of the end: an incarnation read afterwards may be a later one, that
// lives.
type Proof struct {
	Node        string
	Incarnation kv.LeaseID
	By          string // node or witness that vouches for it
	How         kv.Means
}

// inquire asks for what attest needs, as of one revision.
func (p *Proof) inquire(t *kv.Txn) {
	t.Get(kv.Master)
	t.Get(kv.EpochKey)
	t.Get(kv.NodeKey(p.Node))
}

// attest fills in the transaction that does what the dead would have done: it gives
// up _master and the node's key, marks the reign as released, and takes it off the
// reigns that have to be fenced (SPEC E5, E9). It deletes what is on the dead
// incarnation's lease and nothing else, and compares _epoch as it was read: a claim
// of the dead that etcd executes only now makes it fail. False: nothing is left.
//
// The lease has to be revoked afterwards. Without it what the dead had still under
// way can put nothing any more.
func (p *Proof) attest(t *kv.Txn, r *kv.Result) bool {
	master, epoch, own := &r.Items[0], &r.Items[1], &r.Items[2]
	if !mutant.On(mutant.AttestNoCompare) {
		t.IfMod(kv.EpochKey, epoch.Mod)
	}
	if master.Present && master.Lease == p.Incarnation {
		t.IfLease(kv.Master, p.Incarnation)
		t.Delete(kv.Master)
	}
	if own.Present && own.Lease == p.Incarnation {
		t.IfLease(own.Key, p.Incarnation)
		t.Delete(own.Key)
	}
	if e, changed := p.discharge(epoch); changed {
		t.Put(kv.EpochKey, e, 0)
		if e.Incarnation == p.Incarnation {
			e.Ended = causesOfDeath[p.How]
			t.Put(kv.HistoryKey(e.Epoch), e, 0)
		}
	}
	p.inquire(t)
	return t.NThen > 0
}

// causesOfDeath are what _history says of a reign whose end somebody else has proved.
var causesOfDeath = func() map[kv.Means]string {
	all := map[kv.Means]string{}
	for _, m := range []kv.Means{kv.ByGuard, kv.ByRestart, kv.ByWitness, kv.ByFence} {
		all[m] = "died; known from " + m.String()
	}
	return all
}()

// discharge is _epoch with what the proof says: its own reign released, or an
// earlier one fenced.
func (p *Proof) discharge(epoch *kv.Item) (e kv.Record, changed bool) {
	e = epoch.Record
	if !epoch.Present || e.Bad != "" {
		return e, false
	}
	if e.Incarnation == p.Incarnation && !e.Released {
		e.Released, e.By, e.How = true, p.By, p.How
		changed = true
	}
	debts, err := kv.Debts(e.Unfenced)
	if err != nil {
		return e, changed // nobody claims with such a list; it is not ours to mend
	}
	var left []kv.Debt
	for _, d := range debts {
		if d.Incarnation != p.Incarnation {
			left = append(left, d)
		}
	}
	if len(left) < len(debts) {
		e.Unfenced, changed = kv.DebtsText(left), true
	}
	return e, changed
}

// Attestor writes the release of an incarnation that is proved to be dead, and
// revokes its lease. It is the whole life of the guard's helper, and a part of a
// witness's. A value, like the other machines; a driver carries its effects out
// until Done.
type Attestor struct {
	proof   Proof
	phase   attestPhase
	ops     Op
	act     request
	timeout time.Duration
	retryAt Instant
	giveUp  Instant
}

type attestPhase uint8

const (
	attestBegins attestPhase = iota
	attestInquires
	attestWrites
	attestRevokes
	attestDone
	attestFailed
)

// NewAttestor gives every request the timeout, and up at giveUp.
func NewAttestor(p Proof, timeout time.Duration, giveUp Instant) Attestor {
	return Attestor{proof: p, timeout: timeout, retryAt: 0, giveUp: giveUp}
}

// Next is when the machine wants a Tick.
func (a *Attestor) Next() Instant {
	if a.phase >= attestDone {
		return Never
	}
	return min(a.retryAt, a.giveUp)
}

// Done reports whether it is over, and whether everything has been given back.
func (a *Attestor) Done() (over, all bool) { return a.phase >= attestDone, a.phase == attestDone }

// Step takes one event: a Tick, or the reply to its last request. Whatever is not
// certain is read again.
func (a *Attestor) Step(now Instant, ev *Event, out *Effects) {
	switch {
	case a.phase >= attestDone:
		return
	case now >= a.giveUp:
		a.phase = attestFailed
		return
	case ev.Op != 0 && ev.Op == a.act.op:
		a.act.op = 0
		a.receive(now, ev, out)
	case now >= a.retryAt:
		a.inquire(now, out)
	}
}

func (a *Attestor) receive(now Instant, ev *Event, out *Effects) {
	switch {
	case a.phase == attestRevokes && (ev.Outcome == kv.OK || ev.Outcome == kv.LeaseGone):
		a.phase = attestDone
	case ev.Outcome != kv.OK:
		a.retryAt = now.Add(a.timeout / 4)
	case a.phase == attestWrites && ev.Result.Succeeded:
		a.revoke(now, out)
	default: // read, or what it goes by has changed: the reply tells what is there now
		a.write(now, ev.Result, out)
	}
}

func (a *Attestor) inquire(now Instant, out *Effects) {
	a.phase = attestInquires
	e, t := out.addTxn(Inquire)
	a.proof.inquire(t)
	a.request(now, e)
}

func (a *Attestor) write(now Instant, r *kv.Result, out *Effects) {
	if own := &r.Items[2]; mutant.On(mutant.AttestByName) && own.Present {
		a.proof.Incarnation = own.Lease
	}
	e, t := out.addTxn(Attest)
	if !a.proof.attest(t, r) {
		out.dropTxn()
		a.revoke(now, out)
		return
	}
	a.phase = attestWrites
	a.request(now, e)
}

func (a *Attestor) revoke(now Instant, out *Effects) {
	a.phase = attestRevokes
	e := out.add(RevokeLease)
	e.Lease = a.proof.Incarnation
	a.request(now, e)
}

func (a *Attestor) request(now Instant, e *Effect) {
	a.ops++
	a.act = request{op: a.ops, sent: now}
	a.retryAt = Never
	e.Op, e.Timeout = a.ops, a.timeout
}
