package fsm

import (
	"slices"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

const (
	// witnessPace is the pause before what was not conclusive is looked at again; it
	// doubles, up to maxWitnessPace.
	witnessPace    = 200 * time.Millisecond
	maxWitnessPace = 5 * time.Second
	// inquestTries is how often one event makes a witness look: the engine may say that a
	// container died before it shows it. After that the next event, or the next
	// comparison, begins anew.
	inquestTries = 5
	// comparePeriod is the time between two comparisons of all that is registered.
	comparePeriod = 30 * time.Second
	// attestPatience is how long a release is tried; the next comparison tries again.
	attestPatience = time.Minute
	// maxInquests and maxDestroyed bound the memory. More events than that at once are
	// answered by a comparison; a destruction that was forgotten proves nothing.
	maxInquests  = 256
	maxDestroyed = 1024
)

// WitnessConfig is what a witness is told at start; it never changes.
type WitnessConfig struct {
	Name string // goes into _epoch.by
	// Boot is of the kernel that the witness and its engine run on. A cloned machine has
	// the same containers, and another boot.
	Boot    string
	Timeout time.Duration // of each request, to etcd and to the engine
}

// Witness passes the word of a container engine on: the containers of these
// incarnations do not run any more (SPEC E11). What makes that a proof is the order:
//
//  1. it READS which incarnations are registered for a container,
//  2. then it INSPECTS the container: whoever is not running now ran no later than
//     the incarnations that were read before,
//  3. then it ATTESTS exactly those; each has an Attestor.
//
// Events only say where to look, and are never proof. As a container may have died
// unseen, everything registered is compared with the engine when the events begin to
// flow, and from time to time.
//
// What the engine's word is worth is judged in verdict and registered. Like a View it
// is pure, and no value: its lists have no bound but the constants above and what is
// registered.
type Witness struct {
	cfg   *WitnessConfig
	ops   Op
	ended bool

	follow    request // the stream of events; op 0: none is open or being opened
	following bool
	followAt  Instant

	read      request // the reading under way
	readAt    Instant // no other begins before: the last one failed
	tries     int     // readings that failed in a row
	compareAt Instant
	shown     int  // incarnations on this machine, at the last reading
	informed  bool // there was one
	comparing bool // the reading under way is compared whole

	inquests  []inquest
	destroyed []string // containers that the engine said it has destroyed, the oldest first
	roots     []containerRoot
	doubts    []Doubt // about what is registered
	attests   []attestation
}

// inquest is what is being found out about one container.
type inquest struct {
	container string
	phase     inquestPhase
	again     bool // an event came meanwhile
	tries     int
	looks     int // answers that are enough, if none is proof
	retryAt   Instant
	op        Op // the inspection's
	// subjects are the incarnations in question, read before the inspection began.
	subjects []Subject
}

type inquestPhase uint8

const (
	inquestWaits inquestPhase = iota // for retryAt, and for a reading to begin
	inquestReads
	inquestInspects
)

// Subject is an incarnation that is registered for a container.
type Subject struct {
	Group       string
	Node        string
	Incarnation kv.LeaseID
	Container   string
	Root        string // that it lives in, where that has to be compared
}

// NewWitness returns a witness that waits for Started.
func NewWitness(cfg *WitnessConfig) *Witness {
	return &Witness{cfg: cfg, followAt: Never, compareAt: Never}
}

// Work is how many containers are being looked at, and how many releases are under way.
func (w *Witness) Work() (inquests, attests int) { return len(w.inquests), len(w.attests) }

// Registered is how many incarnations the last reading showed on this machine.
func (w *Witness) Registered() int { return w.shown }

// Informed reports whether etcd answered the last reading.
func (w *Witness) Informed() bool { return w.informed && w.tries == 0 }

// Ended reports whether the witness was asked to stop.
func (w *Witness) Ended() bool { return w.ended }

// Next is when the witness wants a Tick.
func (w *Witness) Next() Instant {
	if w.ended {
		return Never
	}
	next := Never
	if w.follow.op == 0 {
		next = w.followAt
	}
	if w.read.op == 0 {
		next = min(next, max(w.compareAt, w.readAt))
		for i := range w.inquests {
			if q := &w.inquests[i]; q.phase == inquestWaits {
				next = min(next, max(q.retryAt, w.readAt))
			}
		}
	}
	for i := range w.attests {
		next = min(next, w.attests[i].attestor.Next())
	}
	return next
}

// Step takes one event. What is due is done after it: nothing here loses a right by
// being late.
func (w *Witness) Step(now Instant, ev *Event, out *Effects) {
	if w.ended {
		return
	}
	switch ev.Kind {
	case Started:
		w.followAt, w.compareAt = now, Never
	case StopRequested:
		w.ended = true
		out.add(Exit).Cause = CauseAsked
		return
	case Following:
		w.onFollowing(now, ev)
	case FollowEnded:
		w.onFollowEnded(now, ev)
	case ContainerEvent:
		w.onContainer(now, ev, out)
	case Listed:
		w.onListed(now, ev, out)
	case Inspected:
		w.onInspected(now, ev, out)
	case TxnDone, Revoked:
		w.onReply(now, ev, out)
	}
	w.fireDue(now, out)
}

func (w *Witness) fireDue(now Instant, out *Effects) {
	if w.follow.op == 0 && w.followAt <= now {
		e := out.add(Follow)
		w.follow, w.followAt = request{op: w.op(), sent: now}, Never
		e.Op, e.Timeout = w.follow.op, w.cfg.Timeout
	}
	w.startReading(now, out)
	for i := range w.attests { // also one that waits for a reply: its time may be over
		w.stepAttestor(now, &w.attests[i], &timerEvent, out)
	}
	w.attests = slices.DeleteFunc(w.attests, func(a attestation) bool {
		over, _ := a.attestor.Done()
		return over
	})
}

func (w *Witness) op() Op {
	w.ops++
	return w.ops
}

// onFollowing: events flow from here on. What happened before was not seen.
func (w *Witness) onFollowing(now Instant, ev *Event) {
	if ev.Op == w.follow.op {
		w.following, w.compareAt = true, now
	}
}

func (w *Witness) onFollowEnded(now Instant, ev *Event) {
	if ev.Op != w.follow.op {
		return
	}
	pause := maxWitnessPace / 5
	if w.following { // it worked until now
		pause = witnessPace
	}
	w.follow, w.following, w.followAt = request{}, false, now.Add(pause)
}

// telling are the engine's events after which a container may be dead.
var telling = []string{"die", "kill", "stop", "oom", "pause", "destroy"}

// onContainer begins an inquest, or notes that the one under way has to look again.
func (w *Witness) onContainer(now Instant, ev *Event, out *Effects) {
	if !w.following || ev.Op != w.follow.op || !slices.Contains(telling, ev.Action) {
		return
	}
	if ev.Action == "destroy" && !slices.Contains(w.destroyed, ev.Container) {
		if len(w.destroyed) == maxDestroyed {
			w.destroyed = slices.Delete(w.destroyed, 0, 1)
		}
		w.destroyed = append(w.destroyed, ev.Container)
	}
	i := w.inquestOf(ev.Container)
	switch {
	case i >= 0:
		w.inquests[i].again = w.inquests[i].phase != inquestWaits
		w.inquests[i].retryAt = min(w.inquests[i].retryAt, now)
	case len(w.inquests) >= maxInquests:
		w.compareAt = min(w.compareAt, now)
	default:
		w.inquests = append(w.inquests, inquest{container: ev.Container, looks: inquestTries, retryAt: now})
		if q := &w.inquests[len(w.inquests)-1]; mutant.On(mutant.WitnessReadsLast) {
			w.inspect(now, q, out)
		}
	}
}

func (w *Witness) inquestOf(container string) int {
	return slices.IndexFunc(w.inquests, func(q inquest) bool { return q.container == container })
}

// startReading asks etcd once for all inquests that wait. What is asked for now shows
// whatever was registered before; an event that comes later waits for the next one.
func (w *Witness) startReading(now Instant, out *Effects) {
	if w.read.op != 0 || now < w.readAt {
		return
	}
	w.comparing = w.compareAt <= now
	needed := w.comparing
	for i := range w.inquests {
		if q := &w.inquests[i]; q.phase == inquestWaits && q.retryAt <= now {
			q.phase, q.again, needed = inquestReads, false, true
		}
	}
	if !needed {
		return
	}
	if w.comparing {
		w.compareAt = Never
	}
	w.read = request{op: w.op(), sent: now}
	e := out.add(ListKeys)
	e.Op, e.Timeout, e.Attempt = w.read.op, w.cfg.Timeout, w.tries
}

// onListed deals what is registered out to the inquests that wait for it, and begins
// others where everything is compared.
func (w *Witness) onListed(now Instant, ev *Event, out *Effects) {
	if ev.Op != w.read.op || ev.Op == 0 {
		return
	}
	w.read = request{}
	if ev.Outcome != kv.OK {
		w.tries++
		w.readAt = now.Add(pace(w.tries))
		if w.comparing {
			w.compareAt = now
		}
		for i := range w.inquests {
			if q := &w.inquests[i]; q.phase == inquestReads {
				q.phase, q.retryAt = inquestWaits, now
			}
		}
		return
	}
	w.tries, w.readAt = 0, now
	subjects := w.registered(ev.Groups)
	w.shown, w.informed = len(subjects), true
	if w.comparing {
		w.compareAt = now.Add(comparePeriod)
		w.doubts = slices.DeleteFunc(w.doubts, func(d Doubt) bool { return !slices.Contains(subjects, d.Subject) })
		for _, s := range subjects {
			if w.inquestOf(s.Container) < 0 {
				w.inquests = append(w.inquests, inquest{container: s.Container, looks: 1, phase: inquestReads})
			}
		}
	}
	w.inquests = slices.DeleteFunc(w.inquests, func(q inquest) bool {
		return q.phase == inquestReads && !slices.ContainsFunc(subjects, q.concerns)
	})
	for i := range w.inquests {
		q := &w.inquests[i]
		if q.phase != inquestReads {
			continue
		}
		q.subjects = q.subjects[:0]
		for _, s := range subjects {
			if q.concerns(s) {
				q.subjects = append(q.subjects, s)
			}
		}
		if mutant.On(mutant.WitnessReadsLast) {
			w.begin(now, q)
			q.looks = 0
			continue
		}
		w.inspect(now, q, out)
	}
	if mutant.On(mutant.WitnessReadsLast) {
		w.inquests = slices.DeleteFunc(w.inquests, func(q inquest) bool { return q.looks == 0 })
	}
}

func (q *inquest) concerns(s Subject) bool { return s.Container == q.container }

func (w *Witness) inspect(now Instant, q *inquest, out *Effects) {
	q.phase, q.op = inquestInspects, w.op()
	e := out.add(Inspect)
	e.Op, e.Timeout, e.Container = q.op, w.cfg.Timeout, q.container
}

// onInspected is where a proof is made, or not.
func (w *Witness) onInspected(now Instant, ev *Event, out *Effects) {
	i := slices.IndexFunc(w.inquests, func(q inquest) bool {
		return q.phase == inquestInspects && q.op == ev.Op
	})
	if i < 0 {
		return
	}
	q := &w.inquests[i]
	dead := w.verdict(q.container, ev)
	if ev.Outcome == kv.OK && ev.Engine != nil {
		w.remember(q.container, ev.Engine)
	}
	if dead {
		q.subjects = w.theirs(q, ev.Engine)
	}
	switch {
	case dead && mutant.On(mutant.WitnessReadsLast):
		q.phase, q.retryAt = inquestWaits, now
		return
	case dead:
		w.begin(now, q)
	}
	switch q.tries++; {
	case q.again:
		q.phase, q.tries, q.looks, q.retryAt = inquestWaits, 0, inquestTries, now
	case !dead && (ev.Outcome != kv.OK || q.tries < q.looks):
		q.phase, q.retryAt = inquestWaits, now.Add(pace(q.tries))
	default:
		w.inquests = slices.Delete(w.inquests, i, i+1)
	}
}

func pace(tries int) time.Duration {
	return min(maxWitnessPace, witnessPace<<min(tries-1, 10))
}
