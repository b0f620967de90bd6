package explore

import (
	"fmt"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// Neighbouring states are made of the same few nodes. Sharing them makes a state
// a tenth of its size. What is shared is the same in the sense of the fingerprint:
// written down alike, at the same time, with the same numbers.

// nodeKey is what two nodes have in common that do the same from here on.
type nodeKey struct {
	who     int8
	now     fsm.Instant
	base    kv.Revision
	lease   kv.LeaseID
	listing *kv.Item // the view's first item: the same listing is in the same place
	print   fingerprint
}

// revisionKey is what two revisions have in common that hold the same.
type revisionKey struct {
	before *revision
	change fingerprint
}

// keep is how much is kept for sharing.
const keep = 1 << 14

// share replaces what the state does not share yet by what others have.
func (w *worker) share(s *state) {
	b, c := w.b, &w.canon
	if len(w.nodes) > keep {
		clear(w.nodes)
	}
	if len(w.fronts) > keep {
		clear(w.fronts)
	}
	c.begin(s)
	for i, own := range b.ownNode {
		if !own {
			continue
		}
		n := s.nodes[i]
		k := c.likeness(int8(i), n.m.Backend.Lease(), n.m.View.Items(), func() { c.node(int8(i)) })
		if same := w.nodes[k]; same != nil {
			b.nodes = append(b.nodes, n)
			s.nodes[i] = same
		} else {
			w.nodes[k] = n
		}
	}
	if b.ownFront {
		f := s.front
		k := c.likeness(front0, 0, f.g.View.Items(), func() { c.front(f) })
		if same := w.fronts[k]; same != nil {
			b.fronts = append(b.fronts, f)
			s.front = same
		} else {
			w.fronts[k] = f
		}
	}
}

// likeness writes an actor down, with the numbers of its revisions.
func (c *canon) likeness(who int8, lease kv.LeaseID, items []kv.Item, write func()) nodeKey {
	c.text, c.nodes, c.revs = c.text[:0], c.nodes[:0], c.revs[:0]
	write()
	for _, m := range c.revs {
		c.Num(int64(m.rev))
	}
	h := newHash()
	h.add(c.text)
	k := nodeKey{who: who, now: c.s.now, base: c.base, lease: lease, print: h.sum()}
	if len(items) > 0 {
		k.listing = &items[0]
	}
	return k
}

// sameRevision returns the revision that holds the same as next and follows the
// same one, if there was one.
func (w *worker) sameRevision(before, next *revision) *revision {
	if len(w.revisions) > keep {
		clear(w.revisions)
	}
	h := newHash()
	for i := range next.changed {
		it := &next.changed[i]
		w.plain = fmt.Appendf(w.plain[:0], "%+v", *it)
		h.add(w.plain)
	}
	k := revisionKey{before, h.sum()}
	if same := w.revisions[k]; same != nil {
		return same
	}
	w.revisions[k] = next
	return next
}
