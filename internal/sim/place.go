package sim

import "msdha/internal/fsm/kv"

// The names of containers, kernels and PID namespaces. Two machines of which one is a
// clone of the other have the same containers, and count their namespaces alike.
var containerNames, bootNames, namespaceNames = names("c"), names("boot"), names("pid:")

// nodesApart is how far the names of one node's containers are from each other.
const nodesApart = maxActors

// place is where the processes of this life of a node are: the container as it was
// created, the kernel that it runs on, and a PID namespace of its own.
func (w *World) place(a *actor) kv.Place {
	n, home := a.node, int(a.index)
	if w.sched.Clones {
		home = 0
	}
	n.lives++
	p := kv.Place{
		Container:    containerNames[(home+n.created*nodesApart)%len(containerNames)],
		Boot:         bootNames[(int(a.index)+n.boots*nodesApart)%len(bootNames)],
		PIDNamespace: namespaceNames[n.lives%len(namespaceNames)],
	}
	if w.sched.Shared {
		p.PIDNamespace = ""
	}
	return p
}
