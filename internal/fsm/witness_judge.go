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
	Root       string // as kv.Place's; empty where the engine does not tell it
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

// theirs are those of the subjects whose container it is that the engine speaks of. A
// node may know its container by files that are another one's, whose network it has
// (kv.Place): where it names the root file system it lives in, the container has to
// have that very one. What the engine has destroyed is asked for no more; then counts
// what it said of the container before.
func (w *Witness) theirs(q *inquest, s *ContainerState) []Subject {
	root := s.Root
	if !s.Known {
		root = w.rootOf(q.container)
	}
	return slices.DeleteFunc(q.subjects, func(x Subject) bool {
		switch {
		case x.Root == "" || x.Root == root || mutant.On(mutant.WitnessAnyRoot):
			return false
		case root == "" && s.Known:
			w.doubt(x, "the engine does not tell that container's root file system")
		case root == "":
			w.doubt(x, "the engine destroyed that container before it told its root file system")
		default:
			w.doubt(x, "it lives in another container, which has that one's network")
		}
		return true
	})
}

// containerRoot is what the engine said of a container, which keeps it for life.
type containerRoot struct{ container, root string }

func (w *Witness) rootOf(container string) string {
	for _, r := range w.roots {
		if r.container == container {
			return r.root
		}
	}
	return ""
}

// remember notes where a container lives, before it is destroyed perhaps.
func (w *Witness) remember(container string, s *ContainerState) {
	if !s.Known || s.Root == "" || w.rootOf(container) != "" {
		return
	}
	if len(w.roots) == maxDestroyed {
		w.roots = slices.Delete(w.roots, 0, 1)
	}
	w.roots = append(w.roots, containerRoot{container, s.Root})
}

// Doubt is why nothing is attested of an incarnation though its container has ended.
type Doubt struct {
	Subject
	Why  string
	told bool
}

func (w *Witness) doubt(s Subject, why string) {
	if !slices.ContainsFunc(w.doubts, func(d Doubt) bool { return d.Subject == s && d.Why == why }) {
		w.doubts = append(w.doubts, Doubt{Subject: s, Why: why})
	}
}

// Doubt is the next one for people to read; each is told once.
func (w *Witness) Doubt() (Doubt, bool) {
	for i := range w.doubts {
		if d := &w.doubts[i]; !d.told {
			d.told = true
			return *d, true
		}
	}
	return Doubt{}, false
}

// registered are the incarnations on this kernel that somebody may have to know the
// end of: nodes by their keys, the last reign unless it is released, and the reigns
// that have yet to be fenced. What shares its PID namespace is left out, for the end of
// its container does not end it; so is what does not say where it is.
func (w *Witness) registered(groups []GroupKeys) (all []Subject) {
	for _, g := range groups {
		add := func(node string, lease kv.LeaseID, p kv.Place) {
			s := Subject{Group: g.Group, Node: node, Incarnation: lease, Container: p.Container, Root: p.Root}
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
