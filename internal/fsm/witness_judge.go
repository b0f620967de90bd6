package fsm

import (
	"slices"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// ContainerState is a container engine's word on a container.
type ContainerState struct {
	Known      bool   // false: it says that it has no such container
	Status     string // running, exited, dead, paused, restarting, removing, created
	Running    bool
	Paused     bool
	Restarting bool
	PID        int // of its first process
	// SharesPIDs: its processes are in a PID namespace that does not end with its first
	// process: the host's, or another container's.
	SharesPIDs bool
}

// GroupKeys is what etcd holds of one group.
type GroupKeys struct {
	Group string
	Items []kv.Item
}

// ended reports whether no process of the container is left. The engine says so once
// the kernel has reaped the first process of its PID namespace, which it does after
// all the others. What is paused goes on one day, what restarts has begun anew
// perhaps, and of what is being removed or was never started nothing is said.
func (s *ContainerState) ended() bool {
	if mutant.On(mutant.WitnessPause) && s.Paused {
		return true
	}
	return (s.Status == "exited" || s.Status == "dead") &&
		!s.Running && !s.Paused && !s.Restarting && s.PID == 0 && !s.SharesPIDs
}

// verdict reports whether an answer of the engine proves that no process is left of
// what was registered for the container before the question. No answer proves
// nothing. An engine that does not know the container may never have had it, as one
// of two on a machine; but ids are not used twice, so one that has said that it
// destroyed the container will not have it run again.
func (w *Witness) verdict(container string, ev *Event) bool {
	switch {
	case ev.Outcome != kv.OK || ev.Engine == nil:
		return false
	case !ev.Engine.Known:
		return slices.Contains(w.destroyed, container) || mutant.On(mutant.Witness404)
	}
	return ev.Engine.ended()
}

// registered are the incarnations on this kernel that somebody may have to know the
// end of: nodes by their keys, the last reign unless it is released, and the reigns
// that have yet to be fenced. What shares its PID namespace is left out, for the end of
// its container does not end it; so is what does not say where it is.
func (w *Witness) registered(groups []GroupKeys) (all []Subject) {
	for _, g := range groups {
		add := func(node string, lease kv.LeaseID, p kv.Place) {
			s := Subject{Group: g.Group, Node: node, Incarnation: lease, Container: p.Container}
			if mutant.On(mutant.WitnessByName) {
				s.Container = node
			}
			if lease != 0 && w.here(p) && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
		for i := range g.Items {
			it := &g.Items[i]
			switch r := &it.Record; {
			case !it.Present || r.Bad != "":
			case it.Key.Kind == kv.KindNodeInfo:
				add(it.Key.Name, it.Lease, r.Place)
			case it.Key.Kind == kv.KindEpoch:
				if !r.Released {
					add(r.Node, r.Incarnation, r.Place)
				}
				debts, err := kv.Debts(r.Unfenced)
				if err != nil {
					continue // nobody claims with such a list; it is not ours to mend
				}
				for _, d := range debts {
					add(d.Node, d.Incarnation, d.Place)
				}
			}
		}
	}
	return all
}

// here reports whether a place is a container with a PID namespace of its own, on the
// witness's kernel.
func (w *Witness) here(p kv.Place) bool {
	if mutant.On(mutant.WitnessAnyBoot) || mutant.On(mutant.WitnessByName) {
		return p.Container != ""
	}
	return p.Container != "" && p.PIDNamespace != "" && p.Boot != "" && p.Boot == w.cfg.Boot
}
