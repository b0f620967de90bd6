package sim

import (
	"fmt"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// checker holds what must always be true against what happens. It sees what no
// machine sees: true time, etcd's own state, and every process.
type checker struct {
	logCheck
	violations []Violation
	only       string // the one property to look at; empty: all
	now        int64

	master   kv.Revision // create revision of the _master that exists; 0: none
	lock     kv.LeaseID  // that it was put on
	reigns   []reign
	maxEpoch kv.Epoch
	rev      kv.Revision // last revision looked at
	states   [stateRing]stateHash
	log      []change // changes of node keys, in order
	old, all []change // of two listings that are compared
	want     []change // the notices that their difference calls for

	broken   assumption // for everybody
	rewound  bool       // etcd went back and does not say so
	replaced replacement
	shown    [numProperties]uint64
	unsafe   []kv.LeaseID // leases that A6 does not hold for: S3 is not promised
	troubled int64        // when the last fault had its last effect
	// leaderless is until when etcd had no leader, the last time.
	leaderless int64
	rivalGone  int64 // when an operator's key that said master was gone; 0: never

	// The present step: the machine as it was, and whether the event is the
	// reply to a request that is over.
	before      fsm.Backend
	beforeFront fsm.Frontend
	beforePhase fsm.Phase
	stale       bool
}

// reign is what is known of one epoch.
type reign struct {
	epoch    kv.Epoch
	node     int32
	tree     uint32
	lease    kv.LeaseID
	ttl      time.Duration // as _master has it
	granted  time.Duration // as etcd does
	deleted  int64         // when _master was gone; forever while it exists
	released bool
	freed    int64 // when it was released
	hook     int64 // when the master hook started; forever before
	died     int64 // when the agent that holds _master died; 0 before
	heirs    bool  // when it ended, somebody was ready to follow
	owed     bool  // it has to be fenced before another is promoted (S20)
	fenced   bool  // … and was
}

// stateRing is how many revisions a view may lag behind.
const stateRing = 8192

type stateHash struct {
	rev  kv.Revision
	hash uint64
}

type change struct {
	rev     kv.Revision
	node    string
	present bool
	state   string
}

// memory is what the checker keeps of one life of a node.
type memory struct {
	hooks     uint32 // state hooks that ran
	lastHook  fsm.Hook
	failed    bool // a state hook failed
	order     int  // of the last published state
	confirmed bool // a reply has shown _master on its lease
	reigned   bool // its master hook started
	granted   time.Duration
	cluster   uint64 // that its view is of
	exited    bool
	synced    bool // it has a listing and an open watch
	killing   bool // it has asked for the end of its tree
	won       fsm.Instant
	log       int   // next entry of checker.log to be notified
	listed    bool  // the first listing was taken in
	rival     bool  // its view shows somebody who reigns by other rules
	rivalGone int64 // when such a one was gone that it has seen; 0: never
	claims    bool  // it has claimed
	fences    bool  // all its claims were made while somebody had a fence hook
	votedAt   int64 // when its last final was written
	sick      int   // times in a row that its monitor hook failed
	second    int64
	steps     int
}

func (c *checker) reset(w *World) {
	*c = checker{
		only: c.only, reigns: c.reigns[:0], log: c.log[:0],
		unsafe: c.unsafe[:0], leaderless: -forever, old: c.old[:0], all: c.all[:0],
		want: c.want[:0], logCheck: c.emptied(),
	}
	c.afterChange(w)
}

// stopped: a violation ends its episode.
func (c *checker) stopped() bool { return len(c.violations) > 0 }

// fail notes that a property does not hold, for which an actor is to blame, or
// nobody (nil); outside of its assumptions it only counts that.
func (c *checker) fail(property string, a *actor, format string, args ...any) {
	if c.excused(property, a) {
		return
	}
	if len(c.violations) < 100 && (c.only == "" || c.only == property) {
		c.violations = append(c.violations, Violation{
			Property: property, At: time.Duration(c.now), Text: fmt.Sprintf(format, args...),
		})
	}
}

// afterChange looks at etcd after every write.
func (c *checker) afterChange(w *World) {
	c.now = w.now
	h := w.etcd.Header()
	if h.Rev == c.rev {
		return
	}
	c.logChanges(w)
	c.rev = h.Rev
	c.states[h.Rev%stateRing] = stateHash{h.Rev, hashItems(w.etcd.items)}
	c.followConfig(w)
	c.followMaster(w)
	if e := w.etcd.Get(kv.EpochKey); e.Present {
		if e.Lease != 0 {
			c.fail("S1", nil, "_epoch is on lease %v", e.Lease)
		}
		c.followRelease(w, &e)
	}
	c.forgetDebts(w)
	c.control, c.epoch = w.etcd.Get(kv.Control), w.etcd.Get(kv.EpochKey)
}

func (c *checker) logChanges(w *World) {
	from := max(c.rev+1, w.etcd.history.floor, 2)
	w.scratch, _ = w.etcd.Events(from, w.scratch[:0])
	for i := range w.scratch {
		it := &w.scratch[i]
		if it.Key.Kind == kv.KindNode {
			c.log = append(c.log, change{it.Mod, it.Key.Name, it.Present, it.Record.State})
		}
		if it.Key.Kind == kv.KindNodeInfo && it.Record.Final {
			w.actors[w.holderOf(&kv.Record{Node: it.Key.Name, Incarnation: it.Lease})].node.mem.votedAt = w.now
		}
	}
	if w.trace != nil {
		w.trace.changed(w, w.scratch)
	}
}

// followMaster: S1, S2, S4 and the ends of reigns.
func (c *checker) followMaster(w *World) {
	m := w.etcd.Get(kv.Master)
	if c.master != 0 && (!m.Present || m.Create != c.master) {
		c.master = 0
		c.vacated(w)
	}
	// What an operator wrote over it does not parse, and is nobody's claim.
	if m.Present && m.Create == c.master && m.Record.Bad == "" && m.Lease != c.lock {
		c.fail("S1", nil, "_master is on lease %v now, it was put on %v", m.Lease, c.lock)
	}
	if !m.Present || m.Create == c.master {
		return
	}
	c.master, c.lock = m.Create, m.Lease
	r := &m.Record
	if r.Bad != "" {
		return // an operator's, and nobody's reign
	}
	node := w.etcd.Get(kv.NodeKey(r.Node))
	if m.Lease == 0 || m.Lease != node.Lease {
		c.fail("S1", nil, "_master of %s is on lease %v, its node key on %v", r.Node, m.Lease, node.Lease)
	}
	for i := range w.etcd.items {
		if it := &w.etcd.items[i]; it.Record.State == kv.StateMaster {
			c.fail("S1", nil, "%s claims while the key %s says master", r.Node, it.Key.Path())
		}
	}
	if r.Epoch <= c.maxEpoch && !c.excused("S2", nil) {
		c.fail("S2", nil, "epoch %d of %s is not above %d", r.Epoch, r.Node, c.maxEpoch)
	}
	c.maxEpoch = max(c.maxEpoch, r.Epoch)
	for i := range c.reigns {
		if c.reigns[i].lease == r.Incarnation && c.reigns[i].hook != forever {
			c.fail("S22", nil, "incarnation %v of %s was elected twice", r.Incarnation, r.Node)
		}
	}
	i := w.holderOf(r)
	c.elected(w, &w.actors[i], r)
	c.reigns = append(c.reigns, reign{
		epoch: r.Epoch, node: i, tree: w.actors[i].node.tree, lease: r.Incarnation, ttl: r.TTL,
		granted: w.actors[i].node.mem.granted, deleted: forever, hook: forever,
	})
	w.holder = i
	w.stats.Claims++
	w.reach(OnClaim)
}

// holderOf is the node that a record of a reign is about: two may have its name.
func (w *World) holderOf(r *kv.Record) int32 {
	named := int32(0)
	for i := range w.actors[:w.nodes] {
		a := &w.actors[i]
		if a.key == r.Node {
			named = int32(i)
			if a.member.Backend.Lease() == r.Incarnation {
				return named
			}
		}
	}
	return named
}

// vacated: the last reign's _master is gone, for whatever reason.
func (c *checker) vacated(w *World) {
	w.reach(OnVacancy)
	w.provoke(0)
	if len(c.reigns) == 0 || c.reigns[len(c.reigns)-1].deleted != forever {
		return // what is gone was nobody's reign
	}
	r := &c.reigns[len(c.reigns)-1]
	r.deleted, r.heirs = w.now, c.heirs(w, r.node)
	c.blocked(w, r)
	a := &w.actors[r.node]
	if a.up && a.node.tree == r.tree {
		c.deadline(w, a, r)
	}
	for i := range w.fronts() {
		c.allowed(w, &w.actors[w.nodes+i], r)
	}
}

// deadline is S4: D(e) is at most T after _master was gone, whatever the cause.
// A node that never learned of its reign before it was over lives on as a slave.
func (c *checker) deadline(w *World, a *actor, r *reign) {
	b := &a.member.Backend
	d := b.Authority()
	if d == fsm.Never || r.deleted == forever || b.Epoch() != r.epoch ||
		!b.Reigning() && !a.node.mem.reigned {
		return
	}
	if over := a.clock.true(d) - r.deleted - int64(r.ttl); over > 0 {
		c.fail("S4", a, "D of epoch %d is %v later than T after _master was gone", r.epoch, time.Duration(over))
	}
}

// followRelease: only a tree that is gone may be released (S14).
func (c *checker) followRelease(w *World, e *kv.Item) {
	if !e.Record.Released || len(c.reigns) == 0 {
		return
	}
	r := &c.reigns[len(c.reigns)-1]
	if r.epoch != e.Record.Epoch || r.released {
		return
	}
	r.released, r.freed = true, w.now
	a := &w.actors[r.node]
	// A claim that came late may be of an earlier life than the one that runs by then.
	if a.node.tree == r.tree && a.member.Backend.Lease() == r.lease && a.node.treeAlive() {
		c.fail("S14", a, "epoch %d was released while processes of %s live", r.epoch, a.name)
		c.fail("E11", a, "epoch %d was released while processes of %s live", r.epoch, a.name)
	}
}

func (c *checker) exited(w *World, a *actor) {
	// Before there is a main process only node_state_change can run: its guard ends
	// it, and nothing is released by then.
	if n := a.node; n != nil && n.treeAlive() && (n.mainUp || n.rest || n.hook != 0 || n.mem.hooks != 0) {
		c.fail("S14", a, "%s exits while its processes live", a.name)
	}
}

// unsound: a lease of which etcd says other things than it does (A6).
func (c *checker) unsound(id kv.LeaseID) { c.unsafe = append(c.unsafe, id) }

// guardStopped is A2 and A3 not holding for a node: its guard is stopped for
// longer than the grace leaves room for.
func (c *checker) guardStopped(w *World, a *actor, d time.Duration) {
	n := a.node
	if n.guardPaused == 1 {
		n.guardSince = w.now
	}
	limit := w.slack(a)
	if time.Duration(w.now-n.guardSince)+d > limit {
		a.breaks(a2)
	}
}

// orphaned is the same: a guard is gone while its agent cannot act.
func (c *checker) orphaned(a *actor) {
	if a.node != nil && a.node.treeAlive() {
		a.breaks(a2)
	}
}

// slack is what A3 leaves for pauses and for killing.
func (w *World) slack(a *actor) time.Duration {
	t := a.node.cfg.TTL
	return t - fsm.Grace(t) - 2*killTime - 100*time.Millisecond
}

// hashItems is over all that a key and its record say; the order of the keys
// does not matter.
func hashItems(items []kv.Item) uint64 {
	var h uint64
	for i := range items {
		it := &items[i]
		x := uint64(it.Key.Kind)<<56 ^ uint64(it.Mod)<<20 ^ uint64(it.Create)
		x = mix(hashText(x, it.Key.Name) ^ uint64(it.Lease)<<40)
		r := &it.Record
		x = hashText(x, r.State)
		x = hashText(x, r.Node)
		x = hashText(x, r.DataID)
		x = hashText(x, r.Raw)
		x = hashText(x, string(r.How))
		x ^= uint64(r.Epoch)<<32 ^ uint64(r.Incarnation)<<16 ^ uint64(r.TTL)
		for j, on := range [...]bool{r.Released, r.Running, r.Done, r.Observer, r.Bad != ""} {
			if on {
				x ^= 1 << (j + 8)
			}
		}
		h += mix(x)
	}
	return h
}

func hashText(h uint64, text string) uint64 {
	for i := range len(text) {
		h = h*31 + uint64(text[i])
	}
	return h*31 + 1
}
