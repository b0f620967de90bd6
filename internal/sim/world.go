// Package sim is a deterministic simulator of whole groups: it runs the very
// machines of package fsm that production runs, over a model of etcd, of
// networks, clocks, processes and clients, and breaks them by schedules of
// faults that are data. What must always be true is checked at every step.
//
// Time is true time in nanoseconds; every machine sees its own clock only. All
// randomness comes from the schedule's seed, so that a schedule replays.
package sim

import (
	"fmt"
	"slices"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

type occurrenceKind uint8

const (
	wakeActor occurrenceKind = iota
	wakeGuard
	rpcArrives
	rpcReturns
	rpcTimesOut
	watchDelivers
	watchIdle
	watchBreaks
	stopAsked
	hookEnds
	noticeEnds
	childIsUp
	childTells
	startFails
	mainExits
	restExits
	treeDies
	treeDiesByGuard
	guardHears
	agentLosesGuard
	helperStarts
	wakeHelper
	helperEnds
	attestIsLate
	nodeRestarts
	etcdScans
	etcdRevokes
	leaderReturns
	faultStrikes
	faultEnds
	clientWakes
	bytesArrive
	edgeNears
	treeIsLate
	coreHeals
	jobActs
	promotionGoes
	attachesLate
	databasesStep
	operatorActs
	streamOpens
	streamEnds
	engineEvent
	engineLooks
	inspectReturns
	inspectTimesOut
	numOccurrences
)

// Times that the world is built of. Delays are drawn around them.
const (
	scanPeriod   = EtcdScan
	commitDelay  = 2 * time.Millisecond
	electionTime = time.Second
	watchLimit   = 2 * time.Second // a watch without any sign of life ends
	killTime     = 40 * time.Millisecond
	minTTL       = 2 * time.Second
	requestTime  = 5*time.Second + 2*electionTime // that a member gives a request (ReqTimeout)
)

// World is one episode under way. It is reused from episode to episode.
type World struct {
	now    int64
	agenda agenda
	sched  *Schedule
	actors []actor
	nodes  int

	etcd       *Etcd
	etcdClock  clock
	leaderBack int64 // until then etcd has no leader; 0: it has one
	downUntil  int64 // until then no member of etcd runs
	expired    []kv.LeaseID
	backup     EtcdBackup

	rpcs   []rpc
	free   []int32
	number uint64

	created    int    // data directories
	promotions uint32 // of databases
	trickles   bool   // their streams are slow

	links   random
	hooks   random
	childs  random
	starts  random
	clientR random
	etcdR   random
	helpers random // of guards' helpers
	data    random // of databases, and of hooks beside the state hook

	engines   []engine // of the nodes' hosts
	inquiries []inquiry
	engineR   random

	clients []client
	scratch []kv.Item
	counts  [numMilestones]int
	holder  int32 // node of the last claim
	active  []activeFault
	final   bool          // the second phase has begun
	core    [2]int32      // the node and the frontend that heal then
	minTTL  time.Duration // that etcd grants now
	mostTTL time.Duration // … and the largest that it ever did

	ev    fsm.Event
	out   fsm.Effects
	hash  uint64 // of all that happens
	check checker

	course uint64 // of what happens, without the times

	stats Stats
	trace *tracer
}

// NewWorld returns a world to run episodes in, one after the other.
func NewWorld() *World { return &World{} }

// Run runs a schedule to its end, or to the first violation.
func (w *World) Run(s *Schedule) *Report {
	r := w.run(s) // inlined: a report that nobody keeps is not allocated
	return &r
}

func (w *World) run(s *Schedule) Report {
	w.reset(s)
	before := w.stats.Events
	horizon := int64(s.Until)
	for len(w.agenda.list) > 0 && !w.check.stopped() {
		o := w.agenda.pop()
		if o.at > horizon {
			break
		}
		w.now = o.at
		w.stats.Events++
		w.handle(&o)
	}
	w.now = min(max(w.now, 0), horizon)
	if !w.check.stopped() {
		w.now = horizon
		w.check.atEnd(w)
	}
	for i, n := range w.check.shown {
		w.stats.Shown[i] += n
	}
	w.stats.Episodes++
	w.stats.Simulated += spanOf(w.now)
	w.hash = mix(w.hash ^ hashItems(w.etcd.items) ^ uint64(w.now))
	return Report{
		Schedule: s, Hash: w.hash, Events: w.stats.Events - before, At: time.Duration(w.now),
		Course: w.course, Violations: w.check.violations,
	}
}

// Stats is the sum over all episodes of this world.
func (w *World) Stats() Stats { return w.stats }

// Report is the outcome of one episode.
type Report struct {
	Schedule   *Schedule
	Hash       uint64 // of the whole trajectory
	Course     uint64 // of the order of faults and changes of phase, without the times
	Events     uint64
	At         time.Duration // simulated
	Violations []Violation
}

// clone is a report that stays when its schedule's memory is used again.
func (r *Report) clone() *Report {
	c, s := *r, *r.Schedule
	s.Faults = slices.Clone(s.Faults)
	c.Schedule = &s
	return &c
}

// Violation is a property that did not hold.
type Violation struct {
	Property string // S1, L3 …
	At       time.Duration
	Text     string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s at %v: %s", v.Property, v.At, v.Text)
}

func (w *World) reset(s *Schedule) {
	w.now, w.sched, w.nodes = 0, s, s.Nodes
	w.agenda.reset()
	w.links, w.hooks = stream(s.Seed, forLink, 0), stream(s.Seed, forHooks, 0)
	w.childs, w.starts = stream(s.Seed, forChild, 0), stream(s.Seed, forRestart, 0)
	w.clientR, w.data = stream(s.Seed, forClients, 0), stream(s.Seed, forData, 0)
	w.helpers = stream(s.Seed, forHelpers, 0)
	w.promotions, w.trickles = 0, !s.Calm && w.data.chance(200)
	w.leaderBack, w.downUntil, w.holder, w.created = 0, 0, -1, 0
	w.counts = [numMilestones]int{}
	w.active, w.final, w.minTTL, w.mostTTL = w.active[:0], false, minTTL, minTTL
	w.backup = EtcdBackup{items: w.backup.items[:0], leases: w.backup.leases[:0], events: w.backup.events[:0]}
	w.hash, w.course = s.Seed, 0
	w.rpcs, w.free = w.rpcs[:0], w.free[:0]
	w.resetEtcd(s)
	w.check.reset(w)
	if driftBreaks(s.Drift) {
		w.check.broken |= a1
	}
	w.resetEngines(s)
	w.resetActors(s)
	w.resetClients(s)
	w.found(s)
	if s.Core > 0 {
		w.at(s.Core, occurrence{kind: coreHeals})
	}
	for i := range s.Faults {
		if s.Faults[i].On == AtTime {
			w.at(s.Faults[i].After, occurrence{kind: faultStrikes, slot: int32(i)})
		}
	}
}

func (w *World) resetEtcd(s *Schedule) {
	c := EtcdConfig{Cluster: 0xE7CD, MinTTL: minTTL, Election: electionTime, History: 4096}
	if w.etcd == nil {
		w.etcd = NewEtcd(c)
	} else {
		w.etcd.Reset(c)
	}
	r := stream(s.Seed, forEtcd, 0)
	w.etcdClock = clock{ppm: s.drift(&r)}
	w.etcdR = stream(s.Seed, forEtcd, 1)
	w.at(time.Duration(r.below(int64(scanPeriod))), occurrence{kind: etcdScans})
}

func (s *Schedule) drift(r *random) int64 {
	if s.Drift == 0 {
		return 0
	}
	// Half of the clocks are as wrong as they may be.
	switch r.below(4) {
	case 0:
		return s.Drift
	case 1:
		return -s.Drift
	}
	return r.below(2*s.Drift+1) - s.Drift
}

// at puts an occurrence after d from now.
func (w *World) at(d time.Duration, o occurrence) {
	o.at = w.now + int64(d)
	w.agenda.push(o)
}

// handle makes one occurrence happen.
func (w *World) handle(o *occurrence) {
	switch o.kind {
	case rpcReturns, rpcTimesOut:
		if w.rpcs[o.slot].helper {
			w.handleHelper(o)
			return
		}
		w.handleAgent(o)
	case helperStarts, wakeHelper:
		w.handleHelper(o)
	case wakeActor, watchDelivers, watchIdle, watchBreaks, stopAsked,
		hookEnds, childTells, startFails, agentLosesGuard,
		streamOpens, streamEnds, engineEvent, inspectReturns, inspectTimesOut:
		w.handleAgent(o)
	case rpcArrives:
		w.rpcArrives(o)
	case wakeGuard, guardHears, treeDiesByGuard, helperEnds:
		w.handleGuard(o)
	case noticeEnds, childIsUp, mainExits, restExits, treeDies, nodeRestarts, jobActs, promotionGoes,
		attachesLate:
		w.handleProcess(o)
	case etcdScans:
		w.etcdScan()
	case etcdRevokes:
		w.etcdRevoke(o)
	case leaderReturns:
		w.leaderReturns(o)
	case faultStrikes:
		w.strike(int(o.slot))
	case faultEnds:
		w.relent(int(o.slot))
	case clientWakes:
		w.clientWakes(o)
	case bytesArrive:
		w.bytesArrive(o)
	case edgeNears:
		w.edgeNears(o)
	case treeIsLate:
		w.check.treeIsLate(w, o)
	case attestIsLate:
		w.check.attestIsLate(w, o)
	case coreHeals:
		w.coreHeals()
	case databasesStep:
		w.databasesStep()
	case engineLooks:
		w.engineLooks(o)
	case operatorActs:
		w.operatorActs(o)
	}
}

// reach counts a milestone of the group: faults tied to it get their time.
func (w *World) reach(m Milestone) {
	w.counts[m]++
	for i := range w.sched.Faults {
		if f := &w.sched.Faults[i]; f.On == m && f.Count == w.counts[m] {
			w.at(f.After, occurrence{kind: faultStrikes, slot: int32(i)})
		}
	}
}

// reachOwn counts a milestone of one actor: it concerns faults that hit it.
func (w *World) reachOwn(a *actor, m Milestone) {
	a.counts[m]++
	for i := range w.sched.Faults {
		f := &w.sched.Faults[i]
		if f.On == m && f.Count == a.counts[m] && w.target(f) == a.index {
			w.at(f.After, occurrence{kind: faultStrikes, slot: int32(i)})
		}
	}
}
