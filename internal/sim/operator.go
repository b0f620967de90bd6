package sim

import (
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// equip gives a node the hooks that the schedule says.
func (s *Schedule) equip(cfg *fsm.BackendConfig, i int) {
	if s.Log {
		cfg.Hooks = cfg.Hooks.With(fsm.HookDetach).With(fsm.HookPosition).With(fsm.HookFollow).With(fsm.HookMembers)
	}
	if i < s.Fence {
		cfg.Hooks, cfg.FenceProves = cfg.Hooks.With(fsm.HookFence), s.Proves
		cfg.HookTimeout[fsm.HookFence] = 5 * time.Minute
	}
	if s.Ranks {
		cfg.Priority = i
	}
	if s.Monitor > 0 {
		cfg.Hooks = cfg.Hooks.With(fsm.HookMonitor)
		cfg.MonitorInterval, cfg.MonitorFailures = s.Monitor, 3
	}
}

// found is the operator writing the member list of a new group.
func (w *World) found(s *Schedule) {
	if s.Members > 0 {
		w.etcd.PutKey(kv.Config, kv.Record{Members: firstNodes[s.Members], K: s.K, Serial: 1})
		w.check.afterChange(w)
	}
	if s.Log {
		w.at(0, occurrence{kind: databasesStep})
	}
}

// operate is what an operator does with msdhactl.
func (w *World) operate(a *actor, f *Fault) {
	switch f.Kind {
	case AddMember, RemoveMember, RaiseK, LowerK:
		w.changeMembers(a, f.Kind)
	case Pause:
		w.trouble(f.Dur)
		if !w.etcd.Get(kv.Control).Present {
			w.etcd.PutKey(kv.Control, kv.Record{Request: kv.RequestPause})
		}
	case Switchover, Reinit, ForcePromote:
		w.trouble(f.Dur)
		w.ask(a, f)
	default:
		return
	}
	w.check.afterChange(w)
	w.notifyWatches()
}

// changeMembers writes the member list as msdhactl does: added, or a smaller k, at
// once; removed, or a larger one, as what the database is to have (SPEC P3).
func (w *World) changeMembers(a *actor, k FaultKind) {
	it := w.etcd.Get(kv.Config)
	r := it.Record
	if !it.Present || r.Bad != "" || r.NextMembers != "" {
		return // one change at a time
	}
	if a.node == nil && (k == AddMember || k == RemoveMember) {
		return
	}
	was := r
	switch k {
	case AddMember:
		r.Members = r.Members.With(a.key)
		if mutant.On(mutant.DatabaseFirst) && r != was {
			w.databaseFirst(r.Members)
			return
		}
	case LowerK:
		r.K = max(0, r.K-1)
	case RemoveMember:
		r.NextMembers, r.NextK = r.Members.Without(a.key), r.K
	case RaiseK:
		r.NextMembers, r.NextK = r.Members, min(r.K+1, r.Members.Len()-1)
	}
	if r == was || r.NextMembers == r.Members && r.NextK == r.K || k == RemoveMember && r.NextK >= r.NextMembers.Len() {
		return // nothing changes, or a smaller k has to come first
	}
	r.Serial++
	w.etcd.PutKey(kv.Config, r)
	w.sometimes(OtherMembers)
}

// databaseFirst is a planted bug: masters wait for the names at once, elections
// learn of them later.
func (w *World) databaseFirst(names kv.Names) {
	for i := range w.actors[:w.nodes] {
		if n := w.actors[i].node; n.serves() {
			n.db.names = names
		}
	}
	w.at(8*w.sched.TTL, occurrence{kind: operatorActs, slot: actAdd, number: uint64(names.Len())})
}

// What an operator does later.
const (
	actConfirm = iota
	actAdd
)

// confirmSoon: the member list that etcd has lost, or gone back behind, is
// written anew (msdhactl members confirm).
func (w *World) confirmSoon(d time.Duration) {
	if w.sched.Members > 0 {
		w.trouble(d)
		w.at(d, occurrence{kind: operatorActs, slot: actConfirm})
	}
}

func (w *World) operatorActs(o *occurrence) {
	it := w.etcd.Get(kv.Config)
	r := it.Record
	switch o.slot {
	case actConfirm:
		if it.Present && r.Bad != "" {
			return // whoever tidies that up confirms
		}
		r = w.check.list
		if it.Present && it.Record.Serial >= r.Serial {
			return
		}
	case actAdd:
		if !it.Present || r.Bad != "" || r.NextMembers != "" {
			return
		}
		r.Members = firstNodes[o.number]
	}
	r.Serial = w.check.serial + 1
	w.etcd.PutKey(kv.Config, r)
	w.check.afterChange(w)
	w.notifyWatches()
}

// ask writes a request, on a lease that is its deadline.
func (w *World) ask(a *actor, f *Fault) {
	epoch := w.etcd.Get(kv.EpochKey)
	if w.etcd.Get(kv.Control).Present || !epoch.Present || epoch.Record.Bad != "" {
		return
	}
	r := kv.Record{Epoch: epoch.Record.Epoch}
	if a.node != nil {
		r.Node = a.key
	}
	switch f.Kind {
	case Switchover:
		r.Request = kv.RequestSwitchover
	case ForcePromote:
		r.Request = kv.RequestPromote
	case Reinit:
		r.Request = kv.RequestReinit
		if a.node != nil {
			r.Epoch, r.Incarnation = 0, a.member.Backend.Lease()
		}
		if r.Incarnation == 0 {
			return
		}
	}
	if r.Node == "" && r.Request != kv.RequestSwitchover {
		return
	}
	lease, _, _ := w.etcd.Grant(int64(w.etcdClock.local(w.now)), f.Dur)
	w.etcd.put(w.etcd.rev+1, kv.Control, &r, lease)
	w.etcd.rev++
}

// unpause is msdhactl resume.
func (w *World) unpause() {
	if it := w.etcd.Get(kv.Control); it.Present && it.Record.Request == kv.RequestPause {
		w.etcd.DeleteKey(kv.Control)
		w.check.afterChange(w)
		w.notifyWatches()
	}
}
