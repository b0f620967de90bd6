package sim

import (
	"fmt"
	"slices"
	"time"

	"msdha/internal/fsm/kv"
)

// Etcd models one etcd cluster as linearizable requests see it: every method is
// a request that is executed at the instant of the call. It schedules nothing
// and delays nothing; loss, latency, elections and the lag of watches belong to
// the world that calls it. Only leases know time, so only their methods take
// it: now is true time in nanoseconds.
//
// It holds the keys of one group. What the rest of the cluster does shows in
// the revision only (WriteElsewhere). Once its slices have grown to the size of
// the group no method allocates.
//
// The rules are those of etcd 3.7.3, against which the tests hold it:
// server/etcdserver/txn, server/lease, server/storage/mvcc.
type Etcd struct {
	cluster  uint64
	minTTL   time.Duration
	election time.Duration

	rev       kv.Revision
	items     []kv.Item // present keys in the byte order of their paths
	leases    []etcdLease
	lastLease kv.LeaseID
	history   etcdHistory
}

// EtcdConfig is what a cluster is started with.
type EtcdConfig struct {
	// Cluster is the cluster id in every header.
	Cluster uint64
	// MinTTL is the shortest TTL that is granted; see EtcdMinTTL.
	MinTTL time.Duration
	// Election is the election timeout.
	Election time.Duration
	// History is how many changes watches can go back; a full history is
	// compacted, one whole revision at a time.
	History int
}

// NewEtcd gives an empty cluster.
func NewEtcd(c EtcdConfig) *Etcd {
	e := new(Etcd)
	e.Reset(c)
	return e
}

// Reset makes the cluster as new, lease ids included, and keeps its memory.
func (e *Etcd) Reset(c EtcdConfig) {
	if c.History <= 0 {
		panic(fmt.Sprintf("cannot keep a history of %d changes: want at least 1", c.History))
	}
	e.cluster, e.minTTL, e.election = c.Cluster, etcdSeconds(c.MinTTL), c.Election
	// An etcd that nobody has written to reports revision 1.
	e.rev = 1
	e.items, e.leases, e.lastLease = e.items[:0], e.leases[:0], 0
	e.history.reset(c.History)
}

// Header is what a reply carries that is given now.
func (e *Etcd) Header() kv.Header { return kv.Header{Cluster: e.cluster, Rev: e.rev} }

// Get is a key as it is now.
func (e *Etcd) Get(k kv.Key) kv.Item {
	var it kv.Item
	e.read(k, &it)
	return it
}

func (e *Etcd) read(k kv.Key, into *kv.Item) {
	if i, ok := e.find(k); ok {
		*into = e.items[i]
	}
	into.Key = k
}

// List appends all keys of the group to dst, in etcd's order.
func (e *Etcd) List(dst []kv.Item) ([]kv.Item, kv.Header) {
	return append(dst, e.items...), e.Header()
}

// Txn executes a transaction. The outcome is kv.LeaseGone if a put that would
// be executed names a lease that does not exist, and kv.Failed if two writes
// name one key and one of them is a put, whatever the conditions say; neither
// has an effect, nor a header. A lease that has expired and is not revoked yet
// is as good as any.
func (e *Etcd) Txn(t *kv.Txn) (r kv.Result, h kv.Header, o kv.Outcome) {
	if t.NRead == 0 {
		panic("cannot execute a transaction without a read: etcd answers it from stale state")
	}
	if etcdOverlap(t) {
		return r, h, kv.Failed
	}
	if e.holds(t) {
		if e.leaseGone(t) {
			return r, h, kv.LeaseGone
		}
		e.write(t)
		r.Succeeded = true
	}
	for i, k := range t.Read[:t.NRead] {
		e.read(k, &r.Items[i])
	}
	return r, e.Header(), kv.OK
}

// etcdOverlap tells what etcd refuses before it looks at its state: a key that
// is put twice, or put and deleted. Deleting a key twice is allowed.
func etcdOverlap(t *kv.Txn) bool {
	for i := range t.Then[:t.NThen] {
		for j := range i {
			a, b := &t.Then[i], &t.Then[j]
			if (a.Kind == kv.OpPut || b.Kind == kv.OpPut) && etcdCompare(a.Key, b.Key) == 0 {
				return true
			}
		}
	}
	return false
}

// leaseGone tells whether a put names a lease that does not exist.
func (e *Etcd) leaseGone(t *kv.Txn) bool {
	for i := range t.Then[:t.NThen] {
		op := &t.Then[i]
		if op.Kind == kv.OpPut && op.Lease != 0 && e.lease(op.Lease) == nil {
			return true
		}
	}
	return false
}

func (e *Etcd) holds(t *kv.Txn) bool {
	for i := range t.If[:t.NIf] {
		if !e.compare(&t.If[i]) {
			return false
		}
	}
	return true
}

// compare evaluates one condition. An absent key has revisions and lease 0. A
// condition over a range must hold for every key in it; over an empty range it
// is evaluated once with zeros, except that one about a value is then false.
func (e *Etcd) compare(c *kv.Compare) bool {
	switch c.Target {
	case kv.TargetText:
		for i := range e.items {
			if text, plain := etcdText(&e.items[i]); plain && text == c.Text {
				return false
			}
		}
		return len(e.items) > 0
	case kv.TargetNewest:
		return e.noneNewer(c.Key.Kind, c.Rev)
	}
	at := &etcdAbsent
	if i, ok := e.find(c.Key); ok {
		at = &e.items[i]
	}
	switch c.Target {
	case kv.TargetCreate:
		return at.Create == c.Rev
	case kv.TargetMod:
		return at.Mod == c.Rev
	case kv.TargetLease:
		return at.Lease == c.Lease
	}
	panic(fmt.Sprintf("cannot compare target %d: package kv has no such target", c.Target))
}

// etcdAbsent is what conditions see of an absent key.
var etcdAbsent kv.Item

// noneNewer is etcd's mod < rev+1 over the folder of the kind.
func (e *Etcd) noneNewer(kind kv.Kind, rev kv.Revision) bool {
	head := etcdHeads[kind]
	if head == "" || head[len(head)-1] != '/' {
		panic(fmt.Sprintf("cannot compare all keys of kind %d: they have no folder", kind))
	}
	found := false
	for i := range e.items {
		if etcdInFolder(e.items[i].Key, head) {
			found = true
			if e.items[i].Mod > rev {
				return false
			}
		}
	}
	return found || rev >= 0
}

// write executes the writes at one revision, which only a change consumes:
// deleting what is absent is none, and putting what is there already is one.
func (e *Etcd) write(t *kv.Txn) {
	next := e.rev + 1
	changed := false
	for i := range t.Then[:t.NThen] {
		op := &t.Then[i]
		switch op.Kind {
		case kv.OpPut:
			e.put(next, op.Key, &op.Record, op.Lease)
			changed = true
		case kv.OpDelete:
			changed = e.remove(next, op.Key) || changed
		default:
			panic(fmt.Sprintf("cannot execute operation %d: package kv has no such one", op.Kind))
		}
	}
	if changed {
		e.rev = next
	}
}

// put writes a key at rev and binds it to the lease and to no other; lease 0
// binds it to none.
func (e *Etcd) put(rev kv.Revision, k kv.Key, r *kv.Record, lease kv.LeaseID) {
	i, ok := e.find(k)
	if !ok {
		e.items = slices.Insert(e.items, i, kv.Item{Create: rev})
	}
	it := &e.items[i]
	it.Key, it.Present, it.Mod, it.Lease, it.Record = k, true, rev, lease, *r
	e.history.push(it)
}

// remove deletes a key at rev and tells whether there was one.
func (e *Etcd) remove(rev kv.Revision, k kv.Key) bool {
	i, ok := e.find(k)
	if !ok {
		return false
	}
	e.items = slices.Delete(e.items, i, i+1)
	e.history.push(&kv.Item{Key: k, Mod: rev})
	return true
}

// find gives the place of a key, or the one where it belongs. It is written out
// because a comparison by pointer spares the search copying whole items.
func (e *Etcd) find(k kv.Key) (int, bool) {
	lo, hi := 0, len(e.items)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		switch c := etcdCompare(e.items[mid].Key, k); {
		case c == 0:
			return mid, true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

// PutKey is an operator, or another program, writing a key without a lease.
func (e *Etcd) PutKey(k kv.Key, r kv.Record) kv.Header {
	e.put(e.rev+1, k, &r, 0)
	e.rev++
	return e.Header()
}

// DeleteKey is an operator deleting one key; its lease lives on.
func (e *Etcd) DeleteKey(k kv.Key) kv.Header {
	if e.remove(e.rev+1, k) {
		e.rev++
	}
	return e.Header()
}

// Wipe is an operator deleting all keys of the group at once, at one revision
// (etcdctl del --prefix). Leases stay and can be used again.
func (e *Etcd) Wipe() kv.Header {
	return e.removeAll(func(*kv.Item) bool { return true })
}

// WriteElsewhere is somebody writing a key of no concern to the group.
func (e *Etcd) WriteElsewhere() kv.Header {
	e.rev++
	return e.Header()
}

// removeAll deletes the chosen keys at one revision, in etcd's order.
func (e *Etcd) removeAll(chosen func(*kv.Item) bool) kv.Header {
	next := e.rev + 1
	kept := 0
	for i := range e.items {
		it := &e.items[i]
		if chosen(it) {
			e.history.push(&kv.Item{Key: it.Key, Mod: next})
			continue
		}
		if kept != i {
			e.items[kept] = *it
		}
		kept++
	}
	if kept < len(e.items) {
		e.items, e.rev = e.items[:kept], next
	}
	return e.Header()
}
