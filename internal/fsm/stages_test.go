package fsm

import (
	"msdha/internal/fsm/kv"
)

// The stages of a life, each from where the one before ends.

// register goes from the start until the name is ours. data is what the data
// hook prints; without there is no such hook.
func (r *rig) register(data ...string) {
	r.t.Helper()
	r.do(Event{Kind: Started, Held: r.held})
	if len(data) > 0 {
		r.exits(HookData, Event{Output: data[0]})
	} else {
		r.exits(HookData, Event{Absent: true})
	}
	r.reply(GrantLease, Event{Lease: ourLease, TTL: ttl})
	r.registered()
	r.in(Listing)
}

func (r *rig) registered() {
	r.t.Helper()
	r.rev++
	own := kv.Item{Present: true, Create: r.rev, Mod: r.rev, Lease: ourLease}
	r.replyTxn(Register, true, own)
	r.facts.Self = SelfFact{Present: true, Create: r.rev, Lease: ourLease, State: StatePreStart}
	r.facts.Registered = 1
}

// ready goes from Listing until the node is promotable.
func (r *rig) ready() {
	r.t.Helper()
	if r.b.phase == Listing {
		r.view(nil)
	}
	r.in(PreStart)
	r.exits(HookPreStart, Event{})
	if r.b.hasData {
		r.exits(HookData, Event{Output: "d1"})
	}
	r.replyTxn(Publish, true)
	r.reply(StartChild, Event{})
	r.replyTxn(Publish, true)
	r.exits(HookNotReady, Event{})
	r.replyTxn(Publish, true)
	r.exits(HookReady, Event{Absent: true})
	r.facts.Self.State = StateReady
}

// reigns puts another node's reign into the facts.
func reigns(f *Facts) {
	f.Master = MasterFact{
		Present: true, Create: 50, Lease: oldLease, Incarnation: oldLease, Node: "n0",
		Address: "n0:5432", Epoch: 4, TTL: ttl,
	}
	f.Epoch = EpochFact{Present: true, Mod: 50, Epoch: 4, Node: "n0", Incarnation: oldLease}
	f.RouteState, f.RouteLease = StateMaster, oldLease
	f.MaxTTL = ttl
}

func dies(f *Facts) { f.Master, f.RouteState, f.RouteLease = MasterFact{}, "", 0 }

// standby is a node that is ready under another master.
func standby(r *rig) {
	r.t.Helper()
	r.register()
	reigns(&r.facts)
	r.ready()
	r.in(Standby)
}

// waiting is a node whose master has just died.
func waiting(r *rig) {
	r.t.Helper()
	standby(r)
	r.view(dies)
	r.in(Waiting)
}

// claiming has sent its claim.
func claiming(r *rig) {
	r.t.Helper()
	waiting(r)
	r.pass(2*longer(ttl, 1) + 1)
	r.in(Claiming)
}

// won is what a claim finds that has won: _master, _epoch, our key.
func (r *rig) won() []kv.Item {
	r.rev++
	rec := kv.Record{Node: "n1", Incarnation: ourLease, Epoch: 5, TTL: ttl}
	return []kv.Item{
		{Key: kv.Master, Present: true, Create: r.rev, Mod: r.rev, Lease: ourLease, Record: rec},
		{Key: kv.EpochKey, Present: true, Create: 2, Mod: r.rev, Record: rec},
		{Key: kv.NodeKey("n1"), Present: true, Create: r.facts.Self.Create, Lease: ourLease},
	}
}

// lost is what a claim finds that somebody else's has beaten.
func (r *rig) lost() []kv.Item {
	r.rev++
	rec := kv.Record{Node: "n2", Incarnation: 0x22, Epoch: 5, TTL: ttl}
	return []kv.Item{
		{Present: true, Create: r.rev, Mod: r.rev, Lease: 0x22, Record: rec},
		{Present: true, Create: 2, Mod: r.rev, Record: rec},
		{Present: true, Create: r.facts.Self.Create, Lease: ourLease},
	}
}

// promoting has won and published; its master hook runs.
func promoting(r *rig) {
	r.t.Helper()
	claiming(r)
	r.replyTxn(Claim, true, r.won()...)
	r.replyTxn(Publish, true)
	r.in(Promoting)
}

func ourReign(r *rig) func(*Facts) {
	return func(f *Facts) {
		f.Master = MasterFact{
			Present: true, Create: r.b.reign.master, Lease: ourLease, Incarnation: ourLease,
			Node: "n1", Address: "n1:5432", Epoch: 5, TTL: ttl,
		}
		f.Epoch = EpochFact{Present: true, Mod: r.b.reign.epochMod, Epoch: 5, Node: "n1", Incarnation: ourLease}
	}
}

func reigning(r *rig) {
	r.t.Helper()
	promoting(r)
	r.view(ourReign(r))
	r.exits(HookMaster, Event{})
	r.in(Reigning)
}

// finish lets every process end and etcd answer, and returns the exit.
func (r *rig) finish(status int) Effect {
	r.t.Helper()
	for range 12 {
		switch {
		case r.b.phase == Exited:
			return r.must(Exit)
		case r.b.phase == Releasing && r.b.actKind == Confirm:
			r.replyTxn(Confirm, true)
		case r.b.phase == Releasing && r.b.actKind == Release:
			r.replyTxn(Release, true)
		case r.b.phase == Releasing:
			r.reply(RevokeLease, Event{})
		case r.b.hookOp != 0:
			r.exits(r.b.hook, Event{Code: 143})
		case r.b.child:
			r.do(Event{Kind: ChildExited, Code: status})
		default:
			r.do(Event{Kind: TreeGone})
		}
	}
	r.t.Fatalf("it does not end: %s", r.b.PhaseName())
	return Effect{}
}
