package main

import (
	"fmt"
	"slices"
	"strings"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// whyNobody says why nobody is promoted; empty while somebody holds the lock. The
// nodes decide by themselves (fsm.Backend.Explain says what one thinks); this
// is what follows from the keys alone, so it knows neither the nodes' clocks nor
// whether a hook has returned. First what blocks every claim, else what keeps
// each node from claiming, else the wait.
func (l *listing) whyNobody() []string {
	why := []string{}
	if l.reigned() {
		return why
	}
	why = append(why, l.blocks()...)
	asks := l.asks()
	why = append(append(why, asks...), l.bootstrap()...)
	if len(asks) > 0 {
		return why // whatever else there is, each node would say the same
	}
	ready, reasons := l.candidates()
	why = append(why, reasons...)
	if len(why) == 0 {
		why = append(why, l.wait(ready))
	}
	return why
}

// blocks are keys that stop everybody (SPEC E3, K3).
func (l *listing) blocks() []string {
	var why []string
	for _, it := range []*kv.Item{l.master, l.epoch} {
		if it != nil && it.Record.Bad != "" {
			why = append(why, fmt.Sprintf("%s; it blocks every claim until it is repaired or removed: %s",
				it.Record.Bad, l.del(it.Key)))
		}
	}
	for i := range l.claimants {
		why = append(why, l.claimant(&l.claimants[i]))
	}
	return why
}

// claimant words SPEC K3: the shell original in the same group, a hand-made key,
// or a master whose lock somebody deleted.
func (l *listing) claimant(it *kv.Item) string {
	reason := "another program uses this group, or somebody wrote it by hand"
	for i := range l.nodes {
		if n := &l.nodes[i]; n.key.Key == it.Key && n.alive() && n.info.Lease == it.Lease {
			reason = "somebody deleted that, and the node is ending"
		}
	}
	text := fmt.Sprintf("the key %s says master, but there is no _master: %s; it blocks every claim",
		l.path(it.Key), reason)
	if it.Lease == 0 {
		return text + ", and as it has no lease it never ends by itself; remove it: " + l.del(it.Key)
	}
	return fmt.Sprintf("%s until its %s; if nobody uses it, remove it: %s", text, l.end(it.Lease), l.del(it.Key))
}

// end words when a lease will be over.
func (l *listing) end(id kv.LeaseID) string {
	life, known := l.lives[id]
	switch {
	case !known:
		return fmt.Sprintf("lease %s ends", id)
	case life.gone:
		return fmt.Sprintf("lease %s ended a moment ago", id)
	}
	return fmt.Sprintf("lease %s ends, in %s unless it is renewed", id, life.Left)
}

func (l *listing) del(k kv.Key) string { return "etcdctl del " + l.path(k) }

// bootstrap is a node that is creating the group's data and not done with it.
// Once it is ready it may claim, whoever else may not (SPEC P2).
func (l *listing) bootstrap() []string {
	if l.init == nil || !l.init.Record.Running {
		return nil
	}
	name := l.init.Record.Node
	for i := range l.nodes {
		n := &l.nodes[i]
		if n.name == name && n.key.Lease == l.init.Lease && n.state() == fsm.StateReady {
			return nil
		}
	}
	return []string{fmt.Sprintf("the node %s is creating the group's data; the others wait for it until its %s",
		name, l.end(l.init.Lease))}
}

func (n *node) state() fsm.State { return fsm.State(n.key.Record.State) }

// since is when its present state was published; empty where no key says so. What a
// stopping node tells about itself is left as it was: its final may still count.
func (n *node) since() string {
	if n.info.Lease != n.key.Lease || n.state() == fsm.StateStopping {
		return ""
	}
	return date(n.info.Record.Since)
}

// stateSince is the state as sentences have it.
func (n *node) stateSince() string {
	if at := n.since(); at != "" {
		return n.key.Record.State + " since " + at
	}
	return n.key.Record.State
}

// candidates are the names of the nodes that may claim when the wait is over,
// or the reasons why there is none.
func (l *listing) candidates() (may []string, why []string) {
	var states, observers []string
	var ready []*node
	for i := range l.nodes {
		n := &l.nodes[i]
		switch {
		case !n.alive():
		case n.state() != fsm.StateReady:
			states = append(states, n.name+" is "+n.stateSince())
		case n.info.Record.Observer:
			observers = append(observers, n.name)
		default:
			ready = append(ready, n)
		}
	}
	switch {
	case len(states)+len(observers)+len(ready) == 0:
		return nil, []string{"no node is registered"}
	case len(observers)+len(ready) == 0:
		return nil, []string{"no node is ready: " + several(states)}
	case len(ready) == 0:
		text := "ready are only observers (MSDHA_CANDIDATE=false): " + several(observers)
		if len(states) > 0 {
			text += "; the others are not ready: " + several(states)
		}
		return nil, []string{text}
	}
	ready, why = l.eligible(ready)
	if len(ready) == 0 {
		return nil, why
	}
	if may, why = l.withData(ready); len(may) == 0 {
		return nil, why
	}
	return l.voting(may)
}

// withData keeps those whose data allows a claim (SPEC P2). A ready node without
// data has no data hook, and is not asked for any.
func (l *listing) withData(ready []*node) (may []string, why []string) {
	init := l.init
	ids := map[string][]string{}
	for i := range l.nodes {
		if n := &l.nodes[i]; n.info.Record.DataID != "" {
			ids[n.info.Record.DataID] = append(ids[n.info.Record.DataID], n.name)
		}
	}
	conflict := init == nil && len(ids) > 1
	for _, n := range ready {
		id := n.info.Record.DataID
		switch {
		case id == "":
			may = append(may, n.name)
		case init != nil && init.Record.Bad != "":
			why = append(why, fmt.Sprintf("%s; nodes with data do not claim until it is repaired or "+
				"removed: %s", init.Record.Bad, l.del(init.Key)))
		case conflict:
			why = append(why, l.conflict(ids))
		case init != nil && init.Record.Done && init.Record.DataID != id:
			why = append(why, fmt.Sprintf("the data of %s (%s) is not the group's (%s)",
				n.name, id, init.Record.DataID))
		case init != nil && init.Record.Running && init.Lease != n.key.Lease:
			why = append(why, fmt.Sprintf("%s may not claim before %s, which is creating the group's data",
				n.name, init.Record.Node))
		default:
			may = append(may, n.name)
		}
	}
	if len(may) > 0 {
		return may, nil
	}
	return nil, slices.Compact(why)
}

// conflict tells how to choose: nodes whose data is not what _initialized says
// end, and move it aside in their next life.
func (l *listing) conflict(ids map[string][]string) string {
	var parts []string
	for id, names := range ids {
		parts = append(parts, fmt.Sprintf("%s on %s", id, several(names)))
	}
	slices.Sort(parts)
	return fmt.Sprintf("the nodes hold different data, and only an operator may choose: %s; to choose: "+
		`etcdctl put %s '{"done":true,"data":"ID"}'`, strings.Join(parts, "; "), l.path(kv.Initialized))
}

// wait says what those who may claim wait for (SPEC E2, E5). The wait counts
// from when each node learned of the vacancy, which no key tells.
func (l *listing) wait(names []string) string {
	who := several(names)
	limit := "twice the largest TTL"
	if t := l.maxTTL; t > 0 {
		limit = fmt.Sprintf("twice the largest TTL, at most %s", 2*(t+t*fsm.DriftPPM/1_000_000))
	}
	const counts = " from when it saw that there is no master; its log says how much of that is left"
	switch {
	case l.epoch == nil:
		return fmt.Sprintf("no _epoch tells how the last reign ended; ready to follow: %s, each after %s%s%s",
			who, limit, counts, l.ballot(names))
	case l.epoch.Record.Released:
		return fmt.Sprintf("%s, so nobody has to wait; ready to follow as soon as the "+
			"ready hook has returned: %s (where MSDHA_ALWAYS_WAIT=true, after %s)%s", released(&l.epoch.Record), who,
			limit, l.ballot(names))
	}
	return fmt.Sprintf("epoch %d of %s was not released, so its processes may still live; ready to follow: "+
		"%s, each after %s%s%s", l.epoch.Record.Epoch, l.epoch.Record.Node, who, limit, counts, l.ballot(names))
}

// released says who said that a reign has ended, if that was not the reign (SPEC E11).
func released(r *kv.Record) string {
	if r.How == "" {
		return fmt.Sprintf("epoch %d was released", r.Epoch)
	}
	return fmt.Sprintf("epoch %d of %s is attested to be dead by %s, which knows it from %s",
		r.Epoch, r.Node, r.By, r.How)
}

// problems are keys that somebody should look at, whether or not they block.
func (l *listing) problems() []string {
	found := []string{}
	for i := range l.bad {
		found = append(found, l.bad[i].Record.Bad)
	}
	for i := range l.nodes {
		if n := &l.nodes[i]; n.orphan() && n.state() != fsm.StateMaster {
			found = append(found, fmt.Sprintf("the key %s has no lease: no agent wrote it, it never ends by "+
				"itself, and no node can take the name; remove it: %s", l.path(n.key.Key), l.del(n.key.Key)))
		}
	}
	found = append(found, l.listProblems()...)
	if l.reigned() {
		for i := range l.claimants {
			found = append(found, l.secondMaster(&l.claimants[i]))
		}
	}
	return found
}

func (l *listing) secondMaster(it *kv.Item) string {
	return fmt.Sprintf("the key %s says master, but _master names %s: another program uses this group, or "+
		"somebody wrote it by hand; it will block the next claim; remove it: %s",
		l.path(it.Key), l.master.Record.Node, l.del(it.Key))
}

// several joins what may be many.
func several(words []string) string {
	const most = 8
	if more := len(words) - most; more > 0 {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(words, ", ")
}
