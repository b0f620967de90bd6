package kv

// Place is where the processes of an incarnation are, as far as a proof of their
// end needs it (SPEC N3, E11). Its parts are compared, and mean nothing else.
type Place struct {
	Container    string // full id, from the mount table; empty where there is none
	Boot         string // of the kernel that they run on: a cloned machine has the same containers
	PIDNamespace string // that ends with its first process; empty where others share it
	Root         string // file system of this container alone; empty where the container is certain without it
}

// Outlived reports whether p being there proves that no process of an incarnation
// at the earlier place is left: the same container has been started anew, by the
// same kernel, and its PID namespace is another one. An empty part proves nothing,
// but for Root, which whoever names the PID namespace has where it is needed.
func (p Place) Outlived(earlier Place) bool {
	return p.Container != "" && p.Container == earlier.Container &&
		p.Boot != "" && p.Boot == earlier.Boot && p.Root == earlier.Root &&
		p.PIDNamespace != "" && earlier.PIDNamespace != "" && p.PIDNamespace != earlier.PIDNamespace
}

// Means is how somebody came to know that no process of an incarnation is left
// (SPEC E11).
type Means string

// The means of proof.
const (
	ByGuard   Means = "guard"   // the guard killed and reaped the tree, the agent first
	ByRestart Means = "restart" // the container runs anew, in another PID namespace
	ByWitness Means = "witness" // the container engine says that the container is not running
	ByFence   Means = "fence"   // the fence hook, where it is said to prove it
)

// String is how a sentence about the proof goes on: "its end is known from ...".
func (m Means) String() string {
	switch m {
	case ByGuard:
		return "its guard, which killed and reaped its processes"
	case ByRestart:
		return "its container, which has been started anew"
	case ByWitness:
		return "the container engine, whose word a witness passed on"
	case ByFence:
		return "a fence hook that confirmed it"
	}
	return "itself"
}
