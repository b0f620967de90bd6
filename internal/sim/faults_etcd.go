package sim

import (
	"time"

	"msdha/internal/fsm/kv"
)

// strikeEtcd is what can happen to etcd, and what operators do there.
func (w *World) strikeEtcd(a *actor, f *Fault) {
	e := w.etcd
	switch f.Kind {
	case Compact:
		e.Compact(e.Header().Rev)
		for i := range w.actors { // a watch that breaks now may resume too late
			if w.links.chance(500) {
				w.breakWatch(&w.actors[i], 0)
			}
		}
	case LeaderGone:
		w.loseLeader(f.Dur)
	case RestartEtcd:
		if f.Arg > 0 {
			w.minTTL = time.Duration(f.Arg) * time.Second
			w.mostTTL = max(w.mostTTL, w.minTTL)
		}
		e.Restart(w.minTTL)
		w.downUntil = max(w.downUntil, w.now+int64(f.Dur))
		w.loseLeader(f.Dur)
	case RevokeLease:
		w.revokeLease(a, f.Dur)
	case DeleteNode:
		e.DeleteKey(kv.NodeKey(a.key))
	case DeleteMaster:
		e.DeleteKey(kv.Master)
	case DeleteEpoch:
		w.forget()
		e.DeleteKey(kv.EpochKey)
	case Corrupt:
		w.forget()
		w.writeNonsense(spoilt[f.Arg-1](a.key))
	case Forge:
		e.PutKey(forged, kv.Record{State: kv.StateMaster})
	case Wipe:
		w.forget()
		w.emptied()
		e.Wipe()
		w.confirmSoon(0)
	case Backup:
		e.Snapshot(&w.backup)
		w.sometimes(SavedEtcd)
	case Restore:
		w.restore(f)
	default:
		return
	}
	w.check.afterChange(w)
	w.notifyWatches()
}

// forget: etcd is about to forget the last reign. Who was away while it lasted,
// or has lost its disk since, cannot know that its TTL was a larger one.
func (w *World) forget() {
	if len(w.check.reigns) == 0 {
		return
	}
	last := &w.check.reigns[len(w.check.reigns)-1]
	for i := range w.actors[:w.nodes] {
		if a := &w.actors[i]; a.node.held.TTL < last.ttl && last.ttl > a.node.cfg.TTL {
			a.breaks(a0)
		}
	}
}

// emptied: etcd is about to forget that the group has data. To a node that has none
// itself it is a new group then, which it creates the data of (SPEC P2).
func (w *World) emptied() {
	for i := range w.actors[:w.nodes] {
		if n := w.actors[i].node; w.sched.Log && n.data == "" {
			w.check.broken |= a7
		}
	}
}

// forged is the key of somebody who is no node of ours (SPEC K3).
var forged = kv.NodeKey("elsewhere")

func (w *World) loseLeader(d time.Duration) {
	w.leaderBack = max(w.leaderBack, w.now+int64(d))
	w.check.leaderless = max(w.check.leaderless, w.leaderBack)
	w.agenda.push(occurrence{at: w.leaderBack, kind: leaderReturns})
	for i := range w.actors { // WithRequireLeader: a member notices after a while
		w.breakWatch(&w.actors[i], w.noticeTime())
	}
}

// noticeTime is how long a member takes to find that there is no leader.
func (w *World) noticeTime() time.Duration {
	if w.sched.Calm {
		return 0
	}
	return w.links.between(0, 3*electionTime)
}

// revokeLease is an operator, or an etcd that is stuck (etcd issue 15247),
// revoking a lease that is alive. For lasting, keepalives do not show it.
func (w *World) revokeLease(a *actor, lasting time.Duration) {
	if a.node == nil || a.member.Backend.Lease() == 0 {
		return
	}
	id := a.member.Backend.Lease()
	w.check.unsound(id)
	if lasting > 0 {
		w.etcd.RevokeSlowly(id, int64(w.etcdClock.local(w.now+int64(lasting))))
	} else {
		w.etcd.Revoke(id)
	}
}

// nonsense is what no program of ours writes.
const nonsense = "{nonsense"

// writeNonsense is etcdctl put: whatever lease the key was on, it has none now.
func (w *World) writeNonsense(k kv.Key) {
	r := kv.Record{Bad: "it is no JSON", Raw: nonsense}
	if k.Kind == kv.KindNode {
		r = kv.Record{State: nonsense}
	}
	w.etcd.PutKey(k, r)
}

// byHand reports whether a key is as an operator left it.
func byHand(it *kv.Item) bool {
	return it.Key == forged || it.Record.Raw == nonsense || it.Record.State == nonsense
}

// tidyUp is the operator deleting what was written by hand, unless somebody has
// written the key since.
func (w *World) tidyUp(a *actor, f *Fault) {
	k := forged
	if f.Kind == Corrupt {
		k = spoilt[f.Arg-1](a.key)
	}
	if it := w.etcd.Get(k); it.Present && byHand(&it) {
		w.etcd.DeleteKey(k)
		if k == kv.Config {
			w.confirmSoon(0)
		}
		if it := w.etcd.Get(kv.Master); k == forged && !it.Present {
			w.check.rivalGone = w.now
		}
		w.check.afterChange(w)
	}
}

// restore is an etcd that begins again from a backup, or from nothing.
func (w *World) restore(f *Fault) {
	cluster := w.etcd.cluster
	if f.Arg > 0 {
		cluster++
	}
	w.etcd.Restore(&w.backup, cluster)
	for i := 0; i < len(w.etcd.items); { // what was tidied up by hand since is tidied up again
		if it := &w.etcd.items[i]; byHand(it) {
			w.etcd.DeleteKey(it.Key)
		} else {
			i++
		}
	}
	w.check.rebase(w)
	w.check.rewound = w.check.rewound || f.Arg == 0
	if f.Arg > 0 {
		w.check.replaced = replacement{w.now, w.etcd.Header().Rev, w.etcd.Get(kv.EpochKey).Record.Epoch}
	}
	w.sometimes(Restored)
	w.downUntil = max(w.downUntil, w.now+int64(f.Dur))
	w.loseLeader(f.Dur)
	w.confirmSoon(f.Dur + 3*w.sched.TTL) // later than a claim could be
	for i := range w.actors {
		w.breakWatch(&w.actors[i], 0)
	}
}
