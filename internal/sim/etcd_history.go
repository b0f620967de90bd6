package sim

import (
	"sort"

	"msdha/internal/fsm/kv"
)

// etcdHistory is a ring of the latest changes in revision order; changes of one
// revision stand in the order in which they were executed.
type etcdHistory struct {
	ring    []kv.Item
	head, n int
	// limit is how many changes are kept. It is not the size of the ring, which
	// survives a reset: what an episode sees must not depend on earlier ones.
	limit int
	// floor is the revision of the last compaction: the lowest that a watch may
	// begin at, because etcd keeps the changes of that revision itself.
	floor kv.Revision
}

func (h *etcdHistory) reset(limit int) {
	if len(h.ring) < limit {
		h.ring = make([]kv.Item, limit)
	}
	h.head, h.n, h.limit, h.floor = 0, 0, limit, 0
}

// at is the i-th change, the oldest being 0.
func (h *etcdHistory) at(i int) *kv.Item {
	i += h.head
	if i >= len(h.ring) {
		i -= len(h.ring)
	}
	return &h.ring[i]
}

// push appends the changed state of one key. A full history forgets its oldest
// revisions, each as a whole, as if they had been compacted.
func (h *etcdHistory) push(it *kv.Item) {
	for h.n >= h.limit && h.at(0).Mod < it.Mod {
		h.compact(h.at(0).Mod + 1)
	}
	if h.n == len(h.ring) {
		h.grow()
	}
	h.n++
	*h.at(h.n - 1) = *it
}

// grow doubles the ring: one revision alone has filled it, and a revision is
// never torn.
func (h *etcdHistory) grow() {
	ring := make([]kv.Item, 2*len(h.ring))
	for i := range h.n {
		ring[i] = *h.at(i)
	}
	h.ring, h.head = ring, 0
}

// compact forgets every change before rev.
func (h *etcdHistory) compact(rev kv.Revision) {
	drop := h.find(rev)
	h.head += drop
	if h.head >= len(h.ring) {
		h.head -= len(h.ring)
	}
	h.n -= drop
	h.floor = rev
}

// find gives the index of the first change at or after rev.
func (h *etcdHistory) find(rev kv.Revision) int {
	return sort.Search(h.n, func(i int) bool { return h.at(i).Mod >= rev })
}

// Events appends to dst every change from revision from on, in revision order
// and in whole revisions, as one watch over the group would deliver them; it is
// left to the caller to delay them. A deletion has Present false and its
// revision in Mod. Nothing is appended for a revision that is still to come.
//
// Where from lies below the last compaction nothing is appended and compacted
// is that compaction's revision, for which etcd cancels the watch; else it is 0.
// etcd takes revision 0 as "from now on", which is from = Header().Rev+1 here.
func (e *Etcd) Events(from kv.Revision, dst []kv.Item) (items []kv.Item, compacted kv.Revision) {
	if from <= 0 {
		panic("cannot watch from revision 0: begin at a listing's revision + 1")
	}
	if from < e.history.floor {
		return dst, e.history.floor
	}
	for i := e.history.find(from); i < e.history.n; i++ {
		dst = append(dst, *e.history.at(i))
	}
	return dst, 0
}

// Compact forgets all changes before rev. A revision that is still to come or
// has been compacted already is refused with kv.Failed.
func (e *Etcd) Compact(rev kv.Revision) kv.Outcome {
	if rev > e.rev || rev <= e.history.floor {
		return kv.Failed
	}
	e.history.compact(rev)
	return kv.OK
}

// Progress is the answer to a progress request on a watch that began at from and
// has delivered everything: nothing else has happened up to the header's
// revision. There is none, ok being false, for a watch that began in the future
// until that has come; and none while it is behind, or compacted.
func (e *Etcd) Progress(from kv.Revision) (h kv.Header, ok bool) {
	return e.Header(), e.rev >= from
}
