package main

import (
	"fmt"

	"msdha/internal/fsm/kv"
)

// beyond is how far a confirmed version is above all that can be read: what a node
// has published of its memory may be older than its memory, as in a restored etcd.
const beyond = 1000

// confirmList gives a list a version above all that nodes remember (SPEC K4).
func (l *listing) confirmList(w wish) (step, error) {
	old := l.config != nil && l.config.Record.Bad == ""
	r := kv.Record{Members: w.names, K: w.k}
	if old && (w.names == "" || w.names == l.config.Record.Members) && (w.k < 0 || w.k == l.config.Record.K) {
		r = l.config.Record
	}
	switch {
	case r.Members == "" && old:
		return step{}, refused("to confirm another k than the present %d, name the members, too", l.config.Record.K)
	case r.Members == "":
		return step{}, refused("there is no member list that could be confirmed; name the members: those of the " +
			"list that was in force last")
	case r.K < 0 && old:
		r.K = l.config.Record.K
	case r.K < 0:
		r.K = 1
	}
	if err := l.readable(); err != nil {
		return step{}, err
	}
	same := old && r == l.config.Record
	if !same {
		if err := (wish{k: r.K, loss: w.loss}).check(r.Members); err != nil {
			return step{}, err
		}
	}
	highest, node := l.remembered()
	if err := l.arm(&r, old, same); err != nil {
		return step{}, err
	}
	if l.config != nil {
		highest = max(highest, l.config.Record.Serial)
	}
	if highest > maxVersion {
		return step{}, tooNew(highest)
	}
	r.Serial = highest + beyond
	said := fmt.Sprintf("the member list is %s, version %d", describe(r.Members, r.K), r.Serial)
	if node != "" {
		said += fmt.Sprintf("; version %d was the newest that a registered node, %s, said it remembered",
			l.node(node).info.Record.Serial, node)
	}
	return step{
		txn:  l.put(r, present(l.master, kv.Master), present(l.epoch, kv.EpochKey)),
		said: said + l.remarks(r.Members),
	}, nil
}

// arm says who may claim under a confirmed list. A backup may be older than the
// moment in which the list was armed, so that Q decides, whatever it says. A master
// that reigns has all data itself, and arms the list once that is in force.
func (l *listing) arm(r *kv.Record, old, same bool) error {
	switch {
	case !l.reigned():
		r.Armed, r.Anchor = true, ""
	case same: // what its database has in force may be another list: it says when this one is
		r.Armed, r.Anchor = false, l.master.Record.Node
	case old:
		return refused("%s reigns: change its list in steps that it can follow, with members add, remove and set-k, "+
			"after members confirm without names", l.master.Record.Node)
	case !r.Members.Has(l.master.Record.Node):
		return refused("%s reigns, and is not in this list; name it, too", l.master.Record.Node)
	default:
		r.Anchor = l.master.Record.Node
	}
	return nil
}
