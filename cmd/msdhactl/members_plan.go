package main

import (
	"fmt"
	"strings"

	"msdha/internal/fsm/kv"
)

// What the commands do to _config, each from one listing. The order is SPEC P3:
// what makes elections stricter, or the database laxer, is written at once; what
// makes them laxer is only asked for, and the master writes it.

// put is the transaction that writes a list in place of what the listing has.
func (l *listing) put(r kv.Record, more ...*kv.Item) *kv.Txn {
	var t kv.Txn
	t.IfMod(kv.Config, mod(l.config))
	for i := range more {
		t.IfMod(more[i].Key, more[i].Mod)
	}
	t.Put(kv.Config, r, 0)
	t.Get(kv.Config)
	return &t
}

// mod is the revision of a key's last write, 0 for an absent one.
func mod(it *kv.Item) kv.Revision {
	if it == nil {
		return 0
	}
	return it.Mod
}

// present gives the key as it stands, or its absence.
func present(it *kv.Item, k kv.Key) *kv.Item {
	if it == nil {
		return &kv.Item{Key: k}
	}
	return it
}

// maxVersion leaves room for changes: a version must not overflow.
const maxVersion = 1 << 62

func tooNew(version int64) error {
	return refused("the member list's version %d leaves no room for a newer one, and no command wrote it; repair "+
		"_config, or what the nodes remember, by hand", version)
}

// list is the member list that a command changes.
func (l *listing) list() (kv.Record, error) {
	switch {
	case l.config == nil:
		return kv.Record{}, refused("the group has no member list; msdhactl members init NAME... gives it one")
	case l.config.Record.Bad != "":
		return kv.Record{}, refused("%s; msdhactl members confirm NAME... --k K writes it anew", l.config.Record.Bad)
	case l.config.Record.Serial > maxVersion:
		return kv.Record{}, tooNew(l.config.Record.Serial)
	}
	return l.config.Record, nil
}

// readable refuses what could only be decided by a _master that nobody can read.
func (l *listing) readable() error {
	for _, it := range []*kv.Item{l.master, l.epoch} {
		if it != nil && it.Record.Bad != "" {
			return refused("%s; repair or remove it first: %s", it.Record.Bad, l.del(it.Key))
		}
	}
	return nil
}

// check refuses a k that the names cannot bear.
func (w wish) check(names kv.Names) error {
	n := names.Len()
	switch {
	case w.k >= n && n == 1:
		return refused("k is %d with 1 member: there is no other that could have a write; "+
			"name more members, or --k 0 --accept-data-loss", w.k)
	case w.k >= n:
		return refused("k is %d with %d members: a write cannot wait for %d others; want 0 to %d", w.k, n, w.k, n-1)
	case w.k == 0 && !w.loss:
		return refused("with k = 0 a master waits for nobody: when it fails, what it acknowledged last may be " +
			"lost; say --accept-data-loss if that is meant")
	}
	return nil
}

// remembered is the highest version of a list that any node remembers.
func (l *listing) remembered() (version int64, node string) {
	for i := range l.nodes {
		if r := &l.nodes[i].info.Record; r.Serial > version {
			version, node = r.Serial, l.nodes[i].name
		}
	}
	return version, node
}

func describe(names kv.Names, k int) string {
	return fmt.Sprintf("%s with k = %d", strings.Join(names.List(), ", "), k)
}

func (l *listing) initList(w wish) (step, error) {
	if l.config != nil {
		r, err := l.list()
		switch {
		case err != nil:
			return step{}, err
		case r.Members == w.names && r.K == w.k && r.NextMembers == "":
			return step{said: "the member list is already " + describe(w.names, w.k)}, nil
		}
		return step{}, refused("the group has a member list, %s; change it with members add, remove or set-k",
			describe(r.Members, r.K))
	}
	if version, node := l.remembered(); version > 0 {
		return step{}, refused("the group had a member list: %s remembers version %d; if etcd was restored or "+
			"emptied, use members confirm %s --k %d", node, version, strings.Join(w.names.List(), " "), w.k)
	}
	if err := w.check(w.names); err != nil {
		return step{}, err
	}
	anchor, err := l.anchor(w.names)
	if err != nil {
		return step{}, err
	}
	r := kv.Record{Members: w.names, K: w.k, Serial: 1, Anchor: anchor}
	return step{
		txn:  l.put(r, present(l.master, kv.Master), present(l.epoch, kv.EpochKey)),
		said: "the member list is " + describe(w.names, w.k) + l.remarks(w.names),
	}, nil
}

// anchor is who has all the data when a list begins: the master. While there is
// none it is the last one, as nothing says how far the others reach. In a group
// in which nobody has reigned yet it is the node in _initialized.
func (l *listing) anchor(names kv.Names) (string, error) {
	if err := l.readable(); err != nil {
		return "", err
	}
	switch {
	case l.reigned() && !names.Has(l.master.Record.Node):
		return "", refused("%s reigns, and is not in this list; name it, too, or msdhactl switchover first",
			l.master.Record.Node)
	case l.reigned():
		return l.master.Record.Node, nil
	case l.epoch == nil:
		return "", nil
	case !names.Has(l.epoch.Record.Node):
		return "", refused("%s reigned last, and is not in this list, but it alone is known to have all data; "+
			"name it, too, or wait until one of the others reigns", l.epoch.Record.Node)
	}
	return l.epoch.Record.Node, nil
}

// remarks are about members that could not vote now.
func (l *listing) remarks(names kv.Names) string {
	var missing []string
	for _, name := range names.List() {
		if !l.node(name).alive() {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return "; not registered: " + several(missing)
}

func (l *listing) addMember(name string) (step, error) {
	r, err := l.list()
	if err != nil {
		return step{}, err
	}
	leaving := r.NextMembers != "" && r.Members.Has(name) && !r.NextMembers.Has(name)
	switch {
	case leaving:
		return l.takeBack(r, name+" stays a member")
	case r.Members.Has(name):
		return step{said: name + " is a member already"}, nil
	case r.NextMembers != "":
		return step{}, l.busy()
	case !l.node(name).alive():
		return step{}, refused("no node %s is registered; registered and not a member: %s; start it first: a member "+
			"that is not there can only hinder an election", name, orNone(l.strangers()))
	case r.Members.Len() == kv.MaxMembers:
		return step{}, refused("there are %d members, and there can be no more", kv.MaxMembers)
	}
	r.Members, r.Serial = r.Members.With(name), r.Serial+1
	said := name + " is a member"
	if l.node(name).info.Record.Observer {
		said += "; its final counts, but it never reigns (MSDHA_CANDIDATE=false)"
	}
	return step{txn: l.put(r), said: said}, nil
}

func (l *listing) removeMember(name string) (step, error) {
	r, err := l.list()
	if err != nil {
		return step{}, err
	}
	rest := r.Members.Without(name)
	switch {
	case r.NextMembers != "" && r.NextMembers == rest && r.NextK == r.K && r.Members.Has(name):
		return step{said: name + " is no member any more", until: &r}, nil
	case !r.Members.Has(name) && l.node(name).alive():
		return step{said: name + " is no member"}, nil
	case !r.Members.Has(name):
		return step{}, refused("there is no member %s (any more); members are %s", name, several(r.Members.List()))
	case r.NextMembers != "":
		return step{}, l.busy()
	case rest == "":
		return step{}, refused("%s is the only member, and a list cannot be empty", name)
	case r.K > 0 && r.K >= rest.Len():
		return step{}, refused("k is %d, and only %d of %d members would be left; members add another first, or %s",
			r.K, rest.Len(), r.Members.Len(), lowerK(rest.Len()-1))
	}
	if err := l.readable(); err != nil {
		return step{}, err
	}
	switch {
	case !l.reigned():
		return step{}, refused("nobody reigns, and only a master can see to the removal of %s: it must know that the "+
			"others have all data; msdhactl status says why nobody reigns", name)
	case l.master.Record.Node == name:
		return step{}, refused("%s reigns; msdhactl switchover first", name)
	}
	r.NextMembers, r.NextK, r.Serial = rest, r.K, r.Serial+1
	return step{txn: l.put(r, l.master), said: name + " is no member any more", until: &r}, nil
}

func lowerK(k int) string {
	text := fmt.Sprintf("msdhactl members set-k %d", k)
	if k == 0 {
		return text + " --accept-data-loss: then what a master acknowledged last may be lost with it"
	}
	return text
}

func (l *listing) setK(w wish) (step, error) {
	r, err := l.list()
	said := fmt.Sprintf("k is %d", w.k)
	switch {
	case err != nil:
		return step{}, err
	case r.NextMembers == r.Members && r.NextK == w.k:
		return step{said: said, until: &r}, nil
	case r.NextMembers == r.Members && r.K == w.k:
		return l.takeBack(r, fmt.Sprintf("k stays %d", w.k))
	case r.K == w.k:
		return step{said: said + " already"}, nil
	case r.NextMembers != "":
		return step{}, l.busy()
	}
	if err := w.check(r.Members); err != nil {
		return step{}, err
	}
	r.Serial++
	if w.k < r.K {
		r.K = w.k
		return step{txn: l.put(r), said: said}, nil
	}
	if err := l.readable(); err != nil {
		return step{}, err
	}
	if !l.reigned() {
		return step{}, refused("nobody reigns, and only a master can see to it that %d others have all data; "+
			"msdhactl status says why nobody reigns", w.k)
	}
	r.NextMembers, r.NextK = r.Members, w.k
	return step{txn: l.put(r, l.master), said: said, until: &r}, nil
}

// takeBack ends a change that is under way. Elections have gone by the old list all
// the time, and what the database waits for meanwhile is stricter.
func (l *listing) takeBack(r kv.Record, said string) (step, error) {
	r.NextMembers, r.NextK, r.Serial = "", 0, r.Serial+1
	return step{txn: l.put(r), said: said}, nil
}

func (l *listing) busy() error {
	return refused("another change is under way: %s; wait for it (%s), or take it back (%s)",
		l.membersStatus().pending(), l.sameAgain(), l.opposite())
}

// sameAgain and opposite are the commands that wait for the pending change, and
// that take it back; members tells of a change that no command here made.
func (l *listing) sameAgain() string {
	r := &l.config.Record
	for _, name := range r.Members.List() {
		if r.Members.Without(name) == r.NextMembers {
			return "msdhactl members remove " + name
		}
	}
	return fmt.Sprintf("msdhactl members set-k %d", r.NextK)
}

func (l *listing) opposite() string {
	r := &l.config.Record
	for _, name := range r.Members.List() {
		if !r.NextMembers.Has(name) {
			return "msdhactl members add " + name
		}
	}
	return fmt.Sprintf("msdhactl members set-k %d", r.K)
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return several(names)
}
