package fsm

import (
	"fmt"
	"time"

	"msdha/internal/fsm/kv"
)

// Canon receives the fields of a machine that its future depends on, each by
// its sense, so that an exhaustive search (internal/sim/explore) can recognise
// a state that it has seen under other names, numbers and times. What a machine
// does depends on numbers of revisions, leases, requests and names only by
// comparing them, and on time only by what lies how far ahead.
//
// A field is either given to a Canon or listed in canon_test.go with the reason
// why it decides nothing.
type Canon interface {
	Num(n int64)
	Flag(on bool)
	Text(s string)
	Node(name string)
	Lease(id kv.LeaseID)
	Rev(rev kv.Revision)
	// Seen is the revision that a view shows: every older one that is visited is
	// only ever compared for being the same.
	Seen(rev kv.Revision)
	Epoch(e kv.Epoch)
	// Op is the number of a request of the machine, ViewOp of its view.
	Op(op Op)
	ViewOp(op Op)
	// Due is a timer: what counts is how long it is until then.
	Due(at Instant)
	// Until is an instant in the past that counts for as long as d.
	Until(since Instant, d time.Duration)
}

// Canon visits the member. The listing of its view is etcd's at the revision
// visited (S16), and the facts follow from it: whoever visits sees to both.
func (m *Member) Canon(c Canon) {
	m.Backend.Canon(c)
	m.View.Canon(c)
	differ(c, &m.Backend.facts, &m.View.facts)
}

// Canon visits the gateway, like Member.Canon.
func (g *Gateway) Canon(c Canon) {
	g.Frontend.Canon(c)
	g.View.Canon(c)
	differ(c, &g.Frontend.facts, &g.View.facts)
}

// differ visits facts that are not those of the view; only a planted bug has
// such. Their revisions and names are told as they are, which merges less and
// is right all the same.
func differ(c Canon, own, view *Facts) {
	c.Flag(*own != *view)
	if *own != *view {
		c.Text(fmt.Sprintf("%+v", *own))
	}
}

func (r *request) canon(c Canon, t time.Duration) {
	c.Op(r.op)
	if r.op != 0 {
		c.Until(r.sent, t)
	}
}

// Canon visits what the machine does next depends on, apart from its facts.
func (b *Backend) Canon(c Canon) {
	c.Num(int64(b.phase))
	t := b.timing()
	b.alive.canon(c, t)
	b.check.canon(c, t)
	if b.alive.op != 0 || b.check.op != 0 {
		c.Until(b.roundSent, t)
		c.Num(int64(b.roundTTL))
		c.Flag(b.checked)
		c.Rev(b.wrote)
	}
	b.act.canon(c, t)
	if b.act.op != 0 {
		c.Num(int64(b.actKind))
	}
	c.Op(b.hookOp)
	c.Op(b.childOp)
	c.Flag(b.child)
	c.Flag(b.killing)
	c.Lease(b.lease)
	c.Num(int64(b.ttl))
	c.Rev(b.registered)
	c.Rev(b.written)
	for _, at := range [...]Instant{
		b.authority, b.roundDue, b.retryDue, b.killDue, b.giveUpDue, b.reignDue, b.guardKill, b.claimAfter,
	} {
		c.Due(at)
	}
	c.Text(string(b.published))
	c.Text(string(b.want))
	b.canonData(c)
	b.canonElection(c)
	b.lane.canon(c, t)
	c.Op(b.monitor.op)
	c.Due(b.monitor.due)
	c.Due(b.monitor.late)
	c.Num(int64(b.monitor.bad))
}

func (l *lane) canon(c Canon, t time.Duration) {
	c.Op(l.op)
	c.Num(int64(l.hook))
	c.Flag(l.ending)
	c.Due(l.due)
	c.Lease(l.against)
	c.Lease(l.proved)
	c.Epoch(l.epoch)
	c.Flag(l.detached)
	c.Flag(l.measured)
	for i := range l.position.At {
		c.Num(l.position.At[i])
	}
	c.Num(int64(l.position.Len))
	c.Rev(l.voted)
	c.Until(l.votedAt, t)
	c.Flag(l.follows)
	c.Rev(l.config)
	c.Flag(l.inForce)
}

func (b *Backend) canonData(c Canon) {
	c.Flag(b.infoDirty)
	c.Flag(b.hasData)
	c.Text(b.data)
	c.Flag(b.bootstrap)
	c.Rev(b.initMod)
	c.Flag(b.initBusy)
	c.Lease(b.nameLease)
	c.Lease(b.nameSeen)
	c.Node(b.proof.Node)
	c.Lease(b.proof.Incarnation)
	c.Node(b.proof.By)
	c.Text(string(b.proof.How))
	c.Rev(b.attested)
}

func (b *Backend) canonElection(c Canon) {
	c.Flag(b.synced)
	c.Flag(b.vacancy.open)
	if v := &b.vacancy; v.open {
		wait := longer(max(b.maxTTL, b.ttl), 1)
		c.Until(v.since, 2*wait)
		c.Flag(v.known)
		c.Epoch(v.epoch)
		c.Rev(v.mod)
		c.Flag(v.released)
		c.Flag(v.rival)
		c.Flag(v.rivalled)
	}
	c.Num(int64(b.maxTTL))
	c.Epoch(b.maxEpoch)
	c.Rev(b.distrust)
	c.Epoch(b.pastEpoch)
	c.Flag(b.replaced)
	c.Flag(b.leap)
	seen := b.claimSeen
	if b.facts.Rev > seen {
		seen = 0 // obstacle looks no further
	}
	c.Rev(seen)
	c.Flag(b.claimed)
	c.Flag(b.unclear)
	c.Epoch(b.reign.epoch)
	c.Rev(b.reign.master)
	c.Rev(b.reign.epochMod)
	c.Num(int64(b.reign.ttl))
	if b.reign.epochMod != 0 { // without an _epoch of ours they are read anew
		c.Flag(b.reign.masterHeld)
		c.Flag(b.reign.nodeHeld)
	}
	c.Text(b.reign.debts)
	c.Flag(b.postponed)
	c.Flag(b.marked)
	c.Num(b.remembered.Serial)
}

// Canon visits where the view is; its listing is not visited.
func (v *View) Canon(c Canon) {
	c.Num(int64(v.phase))
	c.ViewOp(v.op)
	c.Due(v.retryAt)
	c.Flag(v.listed)
	c.Flag(v.synced)
	c.Flag(v.gap)
	c.Flag(v.anew)
	c.Flag(v.quiet)
	c.Rev(v.floor)
	c.Seen(v.facts.Rev)
	if v.next != 0 {
		c.Seen(v.next - 1)
	}
}

// Canon visits what the machine does next depends on, apart from its facts.
func (f *Frontend) Canon(c Canon) {
	c.Num(int64(f.phase))
	f.read.canon(c, f.routed.ttl)
	c.Due(f.readDue)
	c.Due(f.deadline)
	c.Due(f.giveUp)
	f.wanted.canon(c)
	if f.phase == Checking || f.phase == Routing { // it is set anew before
		f.routed.canon(c)
	}
	c.Epoch(f.floor)
	c.Flag(f.replaced)
	c.Flag(f.lifted)
	c.Rev(f.liftRev)
}

func (r *route) canon(c Canon) {
	c.Rev(r.create)
	c.Lease(r.lease)
	c.Epoch(r.epoch)
	c.Num(int64(r.ttl))
	c.Node(r.node)
}

// Canon visits the guard.
func (g *Guard) Canon(c Canon) {
	c.Due(g.fence)
	c.Due(g.kill)
	c.Flag(g.fenced)
	c.Flag(g.killing)
	c.Lease(g.lease)
	c.Num(int64(g.limit))
	c.Due(g.giveUp)
	c.Flag(g.gone)
	c.Flag(g.done)
}

// Lend lets the view keep its listing in items, which must equal it. Whoever
// lends may lend the same memory to many views: a view writes to its listing
// only in a Step with Listed or Watched, before which it is lent some of its
// own.
func (v *View) Lend(items []kv.Item) { v.items, v.spare = items, nil }

// Awaits reports whether a reply to the request with that number would be one
// that the machine waits for.
func (b *Backend) Awaits(op Op) bool {
	return op != 0 && (op == b.alive.op || op == b.check.op || op == b.act.op)
}
