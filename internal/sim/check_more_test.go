package sim

import (
	"testing"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// notify is what a view would tell node_state_change.
func notify(w *World, action, node string, s fsm.State, rev kv.Revision) {
	w.out.List = append(w.out.List, fsm.Effect{
		Kind: fsm.Notify, Action: action, Node: node, State: s, Rev: rev,
	})
}

func TestCheckerNoticesNotices(t *testing.T) {
	watched, listed := fsm.Event{Kind: fsm.Watched}, fsm.Event{Kind: fsm.Listed}
	lists := func(w *World) { w.out.List = append(w.out.List, fsm.Effect{Kind: fsm.WatchKeys}) }
	for name, tt := range map[string]struct {
		ev     *fsm.Event
		doctor func(*World, *memory)
	}{
		"what did not happen": {&watched, func(w *World, _ *memory) { notify(w, "PUT", "n9", fsm.StateReady, 5) }},
		"left out":            {&watched, func(_ *World, m *memory) { m.log-- }},
		"twice": {&watched, func(w *World, m *memory) {
			x := w.check.log[m.log-1]
			notify(w, "PUT", x.node, fsm.State(x.state), x.rev)
		}},
		"another state": {&watched, func(w *World, m *memory) {
			m.log--
			x := w.check.log[m.log]
			notify(w, "PUT", x.node, fsm.StateStopping, x.rev)
		}},
		"after the tree's end": {&watched, func(w *World, m *memory) {
			m.killing = true
			notify(w, "PUT", "n1", fsm.StateReady, 5)
		}},
		"difference left out":   {&listed, func(w *World, m *memory) { m.log--; lists(w) }},
		"difference made up":    {&listed, func(w *World, _ *memory) { lists(w); notify(w, "DELETE", "n9", "", 0) }},
		"init of what is known": {&listed, func(w *World, _ *memory) { lists(w); notify(w, "init", "n1", "", 5) }},
		"no init":               {&listed, func(w *World, m *memory) { m.listed = false; lists(w) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := doctored(t, "S15")
			a := &w.actors[1]
			w.check.notices(w, a, tt.ev)
			notNoticed(t, w)
			tt.doctor(w, &a.node.mem)
			w.check.notices(w, a, tt.ev)
			noticed(t, w)
		})
	}
}

func TestCheckerNoticesViews(t *testing.T) {
	w := doctored(t, "S16")
	a := &w.actors[1]
	ev := fsm.Event{Kind: fsm.Watched}
	w.check.view(w, a, &ev)
	notNoticed(t, w)
	a.member.View.Items()[0].Mod++
	w.check.view(w, a, &ev)
	noticed(t, w)

	w = doctored(t, "S16") // an old value at a new revision
	a = &w.actors[1]
	a.member.View.Items()[0].Record.State += "?"
	w.check.view(w, a, &ev)
	noticed(t, w)

	w = doctored(t, "S16")
	a = &w.actors[1]
	e := fsm.Effect{Kind: fsm.WatchKeys, Rev: a.member.View.Rev() + 1}
	w.check.effect(w, a, &e, w.local(a))
	notNoticed(t, w)
	e.Rev--
	w.check.effect(w, a, &e, w.local(a))
	noticed(t, w)
}

func TestCheckerNoticesLateReplies(t *testing.T) {
	w := doctored(t, "S17")
	a, f := &w.actors[1], &w.actors[3]
	w.check.stale, w.check.before, w.check.beforeFront = true, a.member.Backend, f.gateway.Frontend
	w.check.staleReply(a, w.local(a))
	w.check.staleReply(f, w.local(f))
	notNoticed(t, w)
	w.check.before = w.actors[2].member.Backend
	w.check.staleReply(a, w.local(a))
	noticed(t, w)

	w.check.violations = nil
	w.check.beforeFront = fsm.NewFrontend(&f.front.cfg)
	w.check.staleReply(f, w.local(f))
	noticed(t, w)
}

func TestCheckerNoticesWhatCannotBe(t *testing.T) {
	w := doctored(t, "S17")
	a := &w.actors[1]
	w.out.Stray = [2]string{"Standby", "claim won"}
	w.check.afterStep(w, a, &fsm.Event{Kind: fsm.Tick}, w.local(a))
	noticed(t, w)

	w = doctored(t, "S17")
	a = &w.actors[1]
	w.check.effect(w, a, &fsm.Effect{Kind: fsm.Exit}, w.local(a))
	notNoticed(t, w)
	w.check.effect(w, a, &fsm.Effect{Kind: fsm.KeepAlive}, w.local(a))
	noticed(t, w)
}

func TestCheckerNoticesUnconfirmedClaims(t *testing.T) {
	for name, doctor := range map[string]func(*World, *fsm.Effect){
		"not seen":  func(w *World, _ *fsm.Effect) { w.actors[0].node.mem.confirmed = false },
		"not given": func(_ *World, e *fsm.Effect) { e.Env.Epoch++ },
	} {
		t.Run(name, func(t *testing.T) {
			w := doctored(t, "S18")
			a := &w.actors[0]
			e := fsm.Effect{Kind: fsm.RunHook, Hook: fsm.HookMaster, Env: fsm.HookEnv{Epoch: w.epoch()}}
			w.check.masterHook(w, a, &e, w.local(a))
			notNoticed(t, w)
			doctor(w, &e)
			w.check.masterHook(w, a, &e, w.local(a))
			noticed(t, w)
		})
	}
}

func TestCheckerNoticesSpinning(t *testing.T) {
	for name, doctor := range map[string]func(*World, *actor, *fsm.Instant){
		"steps":               func(_ *World, a *actor, _ *fsm.Instant) { a.node.mem.steps = maxSteps },
		"requests":            func(_ *World, a *actor, _ *fsm.Instant) { a.requests = maxRequests + 1 },
		"a timer in the past": func(_ *World, a *actor, now *fsm.Instant) { *now = a.member.Next() },
	} {
		t.Run(name, func(t *testing.T) {
			w := doctored(t, "S21")
			a := &w.actors[1]
			now := w.local(a)
			w.check.rate(w, a, now)
			notNoticed(t, w)
			doctor(w, a, &now)
			w.check.rate(w, a, now)
			noticed(t, w)
		})
	}
	w := doctored(t, "S21")
	f := &w.actors[3]
	w.check.afterStep(w, f, &fsm.Event{Kind: fsm.Tick}, f.gateway.Next())
	noticed(t, w)
}

func TestCheckerNoticesLongReigns(t *testing.T) {
	w := doctored(t, "S22")
	a := &w.actors[0]
	now := a.node.mem.won.Add(time.Hour)
	w.check.masterTTL(w, a, now)
	notNoticed(t, w)
	w.check.masterTTL(w, a, now+1)
	noticed(t, w)

	w = doctored(t, "S22")
	reignOf(w, 0, w.epoch()+1, w.actors[0].member.Backend.Lease())
	noticed(t, w)
}

func TestCheckerNoticesAForgottenRival(t *testing.T) {
	w := doctored(t, "K3")
	a := &w.actors[0]
	a.node.mem.rivalGone = w.now - int64(2*a.node.mem.granted)
	w.check.rivalWaited(w, a)
	notNoticed(t, w)
	a.node.mem.rivalGone++
	w.check.rivalWaited(w, a)
	noticed(t, w)
}

func TestCheckerNoticesThatNobodyReigns(t *testing.T) {
	w := doctored(t, "L1")
	w.check.troubled = -1 << 60 // all has been well for ages
	w.sched.MasterTTL = 0       // else reigns go on following each other
	w.check.atEnd(w)
	notNoticed(t, w)
	w.actors[0].up = false
	last := &w.check.reigns[0]
	last.deleted, w.sched.MasterTTL = w.now-1, time.Hour // over a moment ago
	w.check.atEnd(w)
	notNoticed(t, w)
	last.deleted = last.hook + 1
	w.now += int64(time.Hour)
	w.check.atEnd(w)
	noticed(t, w)
}

func TestCheckerNoticesSlowFailovers(t *testing.T) {
	w := doctored(t, "L1")
	last := &w.check.reigns[0]
	last.deleted, last.heirs = w.now, true
	w.now += int64(25 * time.Second)
	w.check.promptly(w, last)
	notNoticed(t, w)
	w.now += int64(6 * time.Second)
	w.check.promptly(w, last)
	noticed(t, w)

	w.check.violations = nil
	w.check.troubled = last.deleted + 1 // a fault excuses it
	w.check.promptly(w, last)
	notNoticed(t, w)
}

func TestCheckerNoticesClosedFrontends(t *testing.T) {
	w := doctored(t, "L3")
	w.check.settled(w, &w.actors[3], &w.actors[0])
	notNoticed(t, w)
	w.check.settled(w, &w.actors[3], &w.actors[1])
	noticed(t, w)
}

func TestCheckerNoticesNodesThatDoNotReturn(t *testing.T) {
	w := doctored(t, "L4")
	w.check.settled(w, &w.actors[1], &w.actors[0])
	notNoticed(t, w)
	w.actors[1].up = false
	w.check.settled(w, &w.actors[1], &w.actors[0])
	noticed(t, w)
}
