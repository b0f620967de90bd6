package sim

import (
	"testing"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// A check that cannot fail is worth nothing. For the properties that no planted
// bug has to be killed by (mutants_test.go), the checker is shown a world in
// which something is wrong, and has to notice it by that property.

// doctored is a calm group of three nodes and a frontend in which n1 reigns.
// Its checker collects what the property is violated by.
func doctored(t *testing.T, property string) *World {
	t.Helper()
	w := NewWorld()
	r := w.Run(&Schedule{
		Nodes: 3, Fronts: 1, Clients: 1, TTL: 10 * time.Second, FrontTTL: 10 * time.Second,
		MasterTTL: time.Hour, Until: 30 * time.Second, Calm: true,
	})
	if len(r.Violations) > 0 {
		t.Fatal(r.Violations[0])
	}
	if p := w.actors[0].member.Backend.Phase(); p != fsm.Reigning {
		t.Fatalf("n1 is in phase %d, want Reigning", p)
	}
	w.check.only = property
	w.check.beforePhase, w.check.before = fsm.Reigning, w.actors[0].member.Backend
	w.out.Reset()
	return w
}

// noticed wants the doctored world to have been noticed, and says so if not.
func noticed(t *testing.T, w *World) {
	t.Helper()
	if len(w.check.violations) == 0 {
		t.Error("the checker does not notice")
	}
}

// notNoticed guards the tests themselves: before the doctor comes all is well.
func notNoticed(t *testing.T, w *World) {
	t.Helper()
	for _, v := range w.check.violations {
		t.Errorf("noticed although nothing is wrong yet: %v", v)
	}
}

// reignOf lets a node hold _master as a new reign of the given epoch.
func reignOf(w *World, node int, e kv.Epoch, lease kv.LeaseID) {
	w.etcd.DeleteKey(kv.Master)
	w.check.afterChange(w)
	name := w.actors[node].name
	r := kv.Record{Node: name, Incarnation: lease, Epoch: e, TTL: 10 * time.Second}
	w.etcd.put(w.etcd.rev+1, kv.Master, &r, w.actors[node].member.Backend.Lease())
	w.etcd.rev++
	w.check.afterChange(w)
}

func (w *World) epoch() kv.Epoch { return w.actors[0].member.Backend.Epoch() }

func TestCheckerNoticesEpochs(t *testing.T) {
	w := doctored(t, "S2")
	reignOf(w, 1, w.epoch()+1, 99)
	notNoticed(t, w)
	reignOf(w, 2, w.epoch()+1, 98)
	noticed(t, w)
}

func TestCheckerNoticesLocksOffTheLease(t *testing.T) {
	w := doctored(t, "S1")
	w.etcd.DeleteKey(kv.Master)
	w.etcd.PutKey(kv.Master, kv.Record{Node: "n2", Incarnation: 99, Epoch: w.epoch() + 1, TTL: time.Second})
	w.check.afterChange(w)
	noticed(t, w)
}

func TestCheckerNoticesLateAuthority(t *testing.T) {
	w := doctored(t, "S4")
	w.etcd.DeleteKey(kv.Master)
	w.check.afterChange(w)
	notNoticed(t, w)
	w.check.reigns[0].deleted -= int64(10 * time.Second)
	w.check.deadlineOf(w, &w.actors[0])
	noticed(t, w)
}

func TestCheckerNoticesEarlyHooks(t *testing.T) {
	w := doctored(t, "S5")
	reignOf(w, 1, w.epoch()+1, w.actors[1].member.Backend.Lease())
	e := fsm.Effect{Kind: fsm.RunHook, Hook: fsm.HookMaster, Env: fsm.HookEnv{Epoch: w.epoch() + 1}}
	w.now += int64(20 * time.Second)
	w.check.waited(w, &w.actors[1], &e)
	notNoticed(t, w)
	w.now--
	w.check.waited(w, &w.actors[1], &e)
	noticed(t, w)
}

func TestCheckerNoticesLateWrites(t *testing.T) {
	w := doctored(t, "S8")
	b := write{node: 0, tree: w.actors[0].node.tree, epoch: w.epoch()}
	w.check.applied(w, &b)
	notNoticed(t, w)
	w.check.reigns = append(w.check.reigns, reign{epoch: w.epoch() + 1, node: 1, hook: w.now - 1, deleted: forever})
	w.check.applied(w, &b)
	noticed(t, w)
}

func TestCheckerNoticesLateForwarding(t *testing.T) {
	w := doctored(t, "S7")
	b := write{node: 0, epoch: w.epoch()}
	w.check.forwarded(w, &b)
	// Nobody waits after a release, and a frontend that is cut off may lag.
	w.check.reigns[0].released = true
	next := reign{epoch: w.epoch() + 1, node: 1, hook: w.now - 1, deleted: forever}
	w.check.reigns = append(w.check.reigns, next)
	w.check.forwarded(w, &b)
	notNoticed(t, w)
	// After the reign that followed, somebody did.
	next.epoch++
	w.check.reigns = append(w.check.reigns, next)
	w.check.forwarded(w, &b)
	noticed(t, w)
}

func TestCheckerNoticesRoutesThatGoBack(t *testing.T) {
	w := doctored(t, "S9")
	f := &w.actors[3]
	e := fsm.Effect{Kind: fsm.Route, Node: "n1", Epoch: w.epoch()}
	w.check.routes(w, f, &e)
	notNoticed(t, w)
	e.Epoch--
	w.check.routes(w, f, &e)
	noticed(t, w)
}

func TestCheckerNoticesRoutesToOthers(t *testing.T) {
	w := doctored(t, "S9")
	w.check.routes(w, &w.actors[3], &fsm.Effect{Kind: fsm.Route, Node: "n2", Epoch: w.epoch()})
	noticed(t, w)
}

// TestCheckerNoticesBytesOfAClosedRoute uses the model's own data path, with
// sessions that a frontend has forgotten to reset.
func TestCheckerNoticesBytesOfAClosedRoute(t *testing.T) {
	w := doctored(t, "S10")
	f := &w.actors[3]
	c := &w.clients[0]
	if !c.session {
		t.Fatal("the client has no session")
	}
	f.isolated++
	w.forward(0, c)
	f.isolated--
	if len(c.kernel) != 1 {
		t.Fatalf("%d writes are kept, want 1", len(c.kernel))
	}
	kept := c.kernel[0]
	w.flush(c)
	notNoticed(t, w)
	w.executeFront(f, &fsm.Effect{Kind: fsm.Unroute})
	c.kernel = append(c.kernel, kept)
	w.flush(c)
	noticed(t, w)
}

func TestCheckerNoticesHooks(t *testing.T) {
	for name, doctor := range map[string]func(*World, *actor){
		"overlapping":     func(_ *World, a *actor) { a.node.hook = fsm.HookReady },
		"after a failure": func(_ *World, a *actor) { a.node.mem.failed = true },
		"twice":           func(_ *World, a *actor) { a.node.mem.hooks |= 1 << fsm.HookMaster },
		"out of order":    func(_ *World, a *actor) { a.node.mem.lastHook = fsm.HookMaster + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			w := doctored(t, "S11")
			e := fsm.Effect{Kind: fsm.RunHook, Hook: fsm.HookMaster}
			a := &w.actors[1]
			doctor(w, a)
			notNoticed(t, w)
			w.check.hook(a, &e)
			noticed(t, w)
		})
	}
}

// TestCheckerRemembersFailedHooks: S11 knows of a failure from the hook's end.
func TestCheckerRemembersFailedHooks(t *testing.T) {
	w := doctored(t, "S11")
	a := &w.actors[1]
	a.node.hook, a.node.hookOp = fsm.HookReady, 1000
	w.hookEnds(a, &occurrence{number: 1000, slot: 1})
	if !a.node.mem.failed {
		t.Error("a hook that ended with 1 did not count as failed")
	}
}

func TestCheckerNoticesSteppingBack(t *testing.T) {
	w := doctored(t, "S12")
	a := &w.actors[1]
	w.out.Txns = append(w.out.Txns, kv.Txn{NThen: 1})
	w.out.Txns[0].Then[0].Record.State = string(fsm.StateStart)
	w.check.published(w, a, &fsm.Effect{Kind: fsm.Publish})
	noticed(t, w)

	w = doctored(t, "S12")
	a = &w.actors[1]
	ev := fsm.Event{Kind: fsm.Tick}
	w.check.afterStep(w, a, &ev, w.local(a))
	notNoticed(t, w)
	a.node.mem.reigned = true
	w.check.afterStep(w, a, &ev, w.local(a))
	noticed(t, w)
}

func TestCheckerNoticesClaims(t *testing.T) {
	for name, doctor := range map[string]func(*World, *actor, *fsm.Instant){
		"not ready":         func(w *World, _ *actor, _ *fsm.Instant) { w.check.before = w.actors[0].member.Backend },
		"not up to date":    func(_ *World, a *actor, _ *fsm.Instant) { a.node.mem.synced = false },
		"without authority": func(_ *World, a *actor, now *fsm.Instant) { *now = a.member.Backend.Authority() },
	} {
		t.Run(name, func(t *testing.T) {
			w := doctored(t, "S13")
			a := &w.actors[1]
			w.check.before = a.member.Backend
			now := w.local(a)
			w.check.claims(a, now)
			notNoticed(t, w)
			doctor(w, a, &now)
			w.check.claims(a, now)
			noticed(t, w)
		})
	}
}

func TestCheckerNoticesHooksWithoutAuthority(t *testing.T) {
	w := doctored(t, "S13")
	a := &w.actors[0]
	e := fsm.Effect{Kind: fsm.RunHook, Hook: fsm.HookMaster, Env: fsm.HookEnv{Epoch: w.epoch()}}
	w.check.masterHook(w, a, &e, w.local(a))
	notNoticed(t, w)
	w.check.masterHook(w, a, &e, a.member.Backend.Authority())
	noticed(t, w)
}
