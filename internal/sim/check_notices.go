package sim

import (
	"cmp"
	"slices"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// notices is S15: node_state_change is told of every node that is there, then
// of what happens, in order, nothing twice and nothing left out; where etcd has
// forgotten what happened, of the difference (SPEC H5).
func (c *checker) notices(w *World, a *actor, ev *fsm.Event) {
	m := &a.node.mem
	upTo := c.logAfter(m.log, a.member.View.Rev())
	switch {
	case m.killing: // a hook that starts now would outlive the tree's end
		if w.asks(fsm.Notify) {
			c.fail("S15", a, "%s: a notice after the end of its tree was asked for", a.name)
		}
	case ev.Kind == fsm.Listed && w.asks(fsm.WatchKeys):
		c.difference(w, a, upTo)
		m.listed = true
	default:
		c.sequence(w, a, upTo)
	}
	m.log = upTo
}

// sequence: the changes that a watch brought.
func (c *checker) sequence(w *World, a *actor, upTo int) {
	next := a.node.mem.log
	for i := range w.out.List {
		e := &w.out.List[i]
		if e.Kind != fsm.Notify {
			continue
		}
		if next >= upTo || !c.log[next].told(e) {
			if c.excused("S15", a) {
				return
			}
			c.fail("S15", a, "%s: told %s %s (revision %d), which was not next", a.name, e.Action, e.Node, e.Rev)
			return
		}
		next++
	}
	if next != upTo && !c.excused("S15", a) {
		c.fail("S15", a, "%s: not told of %s at revision %d", a.name, c.log[next].node, c.log[next].rev)
	}
}

// difference: what a listing shows, compared with the one before it, if any.
func (c *checker) difference(w *World, a *actor, upTo int) {
	m := &a.node.mem
	c.old, c.all = c.nodesAt(m.log, c.old[:0]), c.nodesAt(upTo, c.all[:0])
	old, all := c.old, c.all
	want := all
	if !m.listed {
		slices.SortFunc(want, func(x, y change) int { return cmp.Compare(x.node, y.node) })
	} else {
		w.sometimes(Relisted)
		want = vanished(c.want[:0], old, all)
		for _, x := range all {
			if !slices.Contains(old, x) {
				want = append(want, x)
			}
		}
		c.want = want
	}
	n := 0
	for i := range w.out.List {
		e := &w.out.List[i]
		if e.Kind != fsm.Notify {
			continue
		}
		if n >= len(want) || !m.listed != (e.Action == "init") || !want[n].told(e) {
			if c.excused("S15", a) {
				return
			}
			c.fail("S15", a, "%s: told %s %s (revision %d) after a listing", a.name, e.Action, e.Node, e.Rev)
			return
		}
		n++
	}
	if n != len(want) && !c.excused("S15", a) {
		c.fail("S15", a, "%s: not told of %s after a listing", a.name, want[n].node)
	}
}

// told reports whether a notice says what happened.
func (x *change) told(e *fsm.Effect) bool {
	if x.node != e.Node || x.present != (e.Action != "DELETE") {
		return false
	}
	// What a listing does not show any more has no revision.
	return x.rev == e.Rev && (!x.present || x.state == string(e.State))
}

// vanished appends to gone the nodes that are in old only, without a revision.
func vanished(gone, old, all []change) []change {
	for _, x := range old {
		if !slices.ContainsFunc(all, func(y change) bool { return y.node == x.node }) {
			gone = append(gone, change{node: x.node})
		}
	}
	slices.SortFunc(gone, func(x, y change) int { return cmp.Compare(x.node, y.node) })
	return gone
}

// nodesAt replays the log into nodes: the node keys after its first n changes,
// in the order of their last writes.
func (c *checker) nodesAt(n int, nodes []change) []change {
	for _, x := range c.log[:n] {
		nodes = slices.DeleteFunc(nodes, func(y change) bool { return y.node == x.node })
		if x.present {
			nodes = append(nodes, x)
		}
	}
	return nodes
}

// logAfter is the first entry of the log, from i on, that is newer than rev.
func (c *checker) logAfter(i int, rev kv.Revision) int {
	for i < len(c.log) && c.log[i].rev <= rev {
		i++
	}
	return i
}
