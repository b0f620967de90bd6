package fsm

import (
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// BackendConfig is what a backend is told at start; it never changes.
type BackendConfig struct {
	Name    string
	Address string
	// Place is where the node's processes are; its parts are empty where they prove nothing.
	Place   kv.Place
	Version string
	// TTL is requested; etcd may grant more, and what it grants counts.
	TTL time.Duration
	// MasterTTL ends a reign (SPEC N4); 0 never does.
	MasterTTL time.Duration
	// StopTimeout is the time between the stop signal and SIGKILL.
	StopTimeout time.Duration
	// StartPatience is how long etcd may be unreachable at start; 0 forever.
	StartPatience time.Duration
	// HookTimeout is each hook's limit (SPEC H4); 0 means none.
	HookTimeout [NumHooks]time.Duration
	// PublishAfter publishes master after the master hook, not before it.
	PublishAfter bool
	// AlwaysWait waits twice the TTL after a release too (SPEC E5).
	AlwaysWait bool
	// Observer is never promoted (MSDHA_CANDIDATE=false).
	Observer bool
	// Hooks are those that the node has, as far as the machine has to know.
	Hooks HookSet
	// FenceProves lets the fence hook run during the wait, and its success end it
	// (SPEC E11).
	FenceProves bool
	// Priority orders candidates whose data reaches equally far (SPEC E7).
	Priority int
	// PromoteQuorum is Q where no member list says more (SPEC E7); 0 means 1.
	PromoteQuorum int
	// MonitorInterval and MonitorFailures: SPEC N8; 0 never asks.
	MonitorInterval time.Duration
	MonitorFailures int
}

// Backend is the machine of one incarnation of a node. It is a value: an
// assignment clones it and == compares it. The configuration behind its
// pointer is shared and never written.
type Backend struct {
	cfg   *BackendConfig
	phase Phase
	ops   Op // last number given out

	// Requests under way. Replies to any other number are ignored.
	alive   request // keepalive of the present round
	check   request // check of the present round
	act     request // the one other request: grant, register, publish, claim …
	actKind EffectKind
	hook    Hook // state hook that runs, with its number
	hookOp  Op
	childOp Op
	child   bool // the main process was started and has not ended
	killing bool // KillTree was asked for

	// Lease and authority (SPEC R1, R2).
	lease      kv.LeaseID
	ttl        time.Duration // granted
	registered kv.Revision   // create revision of our node key
	written    kv.Revision   // revision of our last write to it
	roundSent  Instant       // s
	wrote      kv.Revision   // written as it was at s: no later read may find less
	roundTTL   time.Duration // from the keepalive of the present round; 0: not yet
	checked    bool          // the check of the present round succeeded
	rounds     int64         // for the jitter
	attempt    int           // failed rounds in a row
	tries      int           // failures in a row of the present act

	// Timers: the instant, or Never.
	authority Instant // D
	roundDue  Instant
	retryDue  Instant
	killDue   Instant
	giveUpDue Instant
	reignDue  Instant // master TTL
	guardKill Instant // when the guard would kill everything
	fencedAt  Instant // D as it was when it passed, or when authority was lost

	published State
	want      State
	infoDirty bool // _nodes must be written with the next state

	// Data of the group (SPEC P2).
	hasData   bool // there is a data hook
	data      string
	bootstrap bool
	initMod   kv.Revision // _initialized as last read by Register or Bootstrap
	initBusy  bool        // … and it is running
	nameLease kv.LeaseID  // who holds our name
	nameSeen  kv.LeaseID  // … and has been given its time to end

	// A death that this node attests (SPEC E11), and the _epoch that doing so left.
	proof    Proof
	attested kv.Revision

	// What the view says.
	facts    Facts
	synced   bool
	vacancy  vacancy
	maxTTL   time.Duration
	maxEpoch kv.Epoch
	distrust kv.Revision // releases written up to here do not count (SPEC K4)
	// pastEpoch: etcd was replaced, and reigns up to this one need not have been the last.
	pastEpoch kv.Epoch
	replaced  bool // etcd is another one: the first facts are still to come
	leap      bool // etcd was replaced: leave a gap of epochs

	// Our claim and reign.
	claimSeen  kv.Revision // view revision of the last claim
	claimAfter Instant
	claimed    bool // a claim was sent that may have won
	unclear    bool // a claim was sent whose outcome etcd may still decide
	reign      reign
	previous   string
	postponed  bool // the master TTL is over, but nobody could follow

	lane    lane
	monitor monitor

	marked       bool
	shownMaster  string
	shownAddress string
	remembered   Held
	cause        Cause
	status       int
}

type request struct {
	op   Op
	sent Instant
}

// vacancy is a time without _master, from the moment it was learned of.
type vacancy struct {
	open     bool
	since    Instant
	known    bool // _epoch exists
	epoch    kv.Epoch
	mod      kv.Revision // of _epoch, as of the deletion or of a later write in watch order
	released bool
	rival    bool // a key says master, and is not the lock's (SPEC K3)
	rivalled bool // such a key was there and has gone
}

// reign is what we hold once a claim is known to have won.
type reign struct {
	epoch    kv.Epoch
	master   kv.Revision // create revision of _master
	epochMod kv.Revision
	ttl      time.Duration // T in our own _master
	since    int64         // when it began, as _epoch has it, for people
	debts    string        // earlier reigns that are still to be fenced (SPEC E9)
	// masterHeld and nodeHeld say which keys a release has to delete.
	masterHeld, nodeHeld bool
}

// NewBackend returns a machine that waits for Started.
func NewBackend(cfg *BackendConfig) Backend {
	return Backend{
		cfg: cfg, phase: Idle, authority: Never, roundDue: Never, retryDue: Never, killDue: Never,
		giveUpDue: Never, reignDue: Never, guardKill: Never, claimAfter: 0,
		monitor: monitor{due: Never, late: Never},
	}
}

// Step takes one event at the local time now and appends what is to be done.
// Deadlines that have passed come first (SPEC R3): what arrives late, say after
// a SIGSTOP, finds the machine as if it had never slept.
func (b *Backend) Step(now Instant, ev *Event, out *Effects) {
	if !mutant.On(mutant.InputFirst) {
		b.fireDue(now, out)
	}
	if b.phase == Exited {
		return // before this event, or long ago
	}
	if s := b.receive(now, ev, out); s != sigNone {
		b.dispatch(now, s, ev, out)
	}
	b.fireDue(now, out)
}

// dispatch takes the first row that fits.
func (b *Backend) dispatch(now Instant, s Signal, ev *Event, out *Effects) {
	i := backendTable.find(b, b.phase, s, ev)
	if i < 0 {
		if i == -2 {
			out.stray(backendTable.Phases[b.phase], backendSignals[s])
		}
		return
	}
	out.Rows = append(out.Rows, i)
	row := &backendTable.Rows[i]
	if row.To != Same {
		b.phase = row.To
	}
	if row.Do != nil {
		row.Do(b, now, ev, out)
	}
}

// Next is the instant at which the machine wants a Tick, if nothing comes
// before.
func (b *Backend) Next() Instant {
	if mutant.On(mutant.PastTimer) && b.alive.op != 0 {
		return b.roundSent
	}
	return min(b.authority, b.roundDue, b.retryDue, b.killDue, b.giveUpDue, b.reignDue, b.claimAt(),
		b.laneAt(), b.monitorAt())
}

var timerEvent = Event{Kind: Tick}

// fireDue fires what is due, the end of authority before all else.
func (b *Backend) fireDue(now Instant, out *Effects) {
	for {
		s := b.popDue(now)
		if s == sigNone {
			return
		}
		b.dispatch(now, s, &timerEvent, out)
	}
}

func (b *Backend) popDue(now Instant) Signal {
	for _, t := range [...]struct {
		at  *Instant
		sig Signal
	}{
		{&b.authority, sigAuthorityEnd},
		{&b.killDue, sigKillDue},
		{&b.giveUpDue, sigGiveUp},
		{&b.roundDue, sigRoundDue},
		{&b.retryDue, sigRetryDue},
		{&b.reignDue, sigReignOver},
	} {
		if *t.at <= now {
			if t.sig == sigAuthorityEnd {
				b.fencedAt = *t.at
			}
			*t.at = Never
			return t.sig
		}
	}
	return b.dueByFacts(now)
}

// dueByFacts is what is to be done now because of what the view says.
func (b *Backend) dueByFacts(now Instant) Signal {
	switch {
	case b.phase == Reigning && b.switchAsked():
		return sigSwitchDue
	case laneOpen.has(b.phase) && b.reinitAsked():
		return sigReinitDue
	case b.claimAt() <= now:
		return sigClaimDue
	case b.monitorAt() <= now:
		return b.monitorDue(now)
	}
	if s, at := b.laneNext(); s != sigNone && at <= now {
		return s
	}
	return sigNone
}

// Phase is where the node is in its life.
func (b *Backend) Phase() Phase { return b.phase }

// PhaseName is the phase's name as docs/FSM.md has it.
func (b *Backend) PhaseName() string { return backendTable.Phases[b.phase] }

// Published is the state that etcd last acknowledged.
func (b *Backend) Published() State { return b.published }

// Lease names this incarnation; 0 before etcd granted one.
func (b *Backend) Lease() kv.LeaseID { return b.lease }

// TTL is the granted TTL.
func (b *Backend) TTL() time.Duration { return b.ttl }

// Authority is D: until then the child may run. Never when there is nothing to
// lose yet, or no more.
func (b *Backend) Authority() Instant { return b.authority }

// Believes reports whether the node may act on its keys at now.
func (b *Backend) Believes(now Instant) bool {
	return backendLive.has(b.phase) && b.authority != Never && now < b.authority
}

// Epoch is the number of this node's reign; 0 when it has none.
func (b *Backend) Epoch() kv.Epoch { return b.reign.epoch }

// Reigning reports whether the node is master, or about to be: its claim is
// known to have won, and it is not leaving.
func (b *Backend) Reigning() bool {
	return b.phase == Clearing || b.phase == Promoting || b.phase == Reigning
}

// Cause is why the node is leaving; CauseNone while it is not.
func (b *Backend) Cause() Cause { return b.cause }

// Status is the main process's exit status once it has ended.
func (b *Backend) Status() int { return b.status }

func (b *Backend) over() bool { return b.phase == Exited }
