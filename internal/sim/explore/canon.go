package explore

import (
	"math/bits"
	"slices"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// fingerprint stands for a state and all that differ from it only in names of
// interchangeable nodes, in numbers, and in when it is.
type fingerprint struct{ hi, lo uint64 }

// canon computes fingerprints. A state is written down as words; words that
// name a node or a revision are marked, and replaced when all are known.
type canon struct {
	scope *Scope
	plain bool // nodes are not interchanged
	s     *state
	calls []call
	watch fsm.Op

	words []uint64
	nodes []int32 // words that name a node: 0 nobody, i+1 node i, 255 somebody else
	revs  []int32 // words that are revisions
	ranks []kv.Revision
	blind []uint64
}

// The visitor's methods: fsm.Canon.

func (c *canon) Num(n int64) { c.words = append(c.words, uint64(n)) }

func (c *canon) Flag(on bool) {
	if on {
		c.words = append(c.words, 1)
	} else {
		c.words = append(c.words, 0)
	}
}

func (c *canon) Text(s string) {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	c.words = append(c.words, h)
}

func (c *canon) Node(name string) {
	n := uint64(255)
	if name == "" {
		n = 0
	} else if i := indexOf(name); i >= 0 {
		n = uint64(i) + 1
	}
	c.nodes = append(c.nodes, int32(len(c.words)))
	c.words = append(c.words, n)
}

func (c *canon) owner(i int8) {
	c.nodes = append(c.nodes, int32(len(c.words)))
	c.words = append(c.words, uint64(i)+1)
}

// Lease names the owner of a lease that exists, and which of its leases it is.
func (c *canon) Lease(id kv.LeaseID) {
	if id == 0 {
		c.Num(0)
		return
	}
	for i := range c.s.leases {
		l := &c.s.leases[i]
		if l.id != id {
			continue
		}
		older := int64(1)
		for k := range c.s.leases {
			if o := &c.s.leases[k]; o.id != 0 && o.owner == l.owner && o.id < id {
				older++
			}
		}
		c.Num(older)
		c.owner(l.owner)
		return
	}
	c.Num(-1) // gone, and no id is given twice
}

func (c *canon) Rev(r kv.Revision) {
	if r != 0 {
		c.revs = append(c.revs, int32(len(c.words)))
	}
	c.words = append(c.words, uint64(r))
}

// Epoch counts from the latest reign: by how much numbers differ decides which
// is free.
func (c *canon) Epoch(e kv.Epoch) {
	if e == 0 {
		c.Num(1 << 40)
		return
	}
	c.Num(int64(e - c.s.lastReign().epoch))
}

// Op is the place of the call that will be answered with the number.
func (c *canon) Op(op fsm.Op) {
	n := int64(-1)
	if op == 0 {
		n = 0
	}
	for k := range c.calls {
		if c.calls[k].state != free && c.calls[k].op == op && op != 0 {
			n = int64(k) + 1
		}
	}
	c.Num(n)
}

// ViewOp says whether the view's number is that of the open watch.
func (c *canon) ViewOp(op fsm.Op) { c.Flag(op == c.watch) }

// Due is how many ticks it is until then.
func (c *canon) Due(at fsm.Instant) {
	if at == fsm.Never {
		c.Num(-1)
		return
	}
	c.Num(c.scope.ticks(c.s.now, at))
}

// Until is how many ticks it is until since+d.
func (c *canon) Until(since fsm.Instant, d time.Duration) { c.Due(since.Add(d)) }

func (c *canon) fingerprint(s *state) fingerprint {
	c.s, c.words, c.nodes, c.revs = s, c.words[:0], c.nodes[:0], c.revs[:0]
	var ends, marks [maxNodes + 1]int
	n := c.scope.Nodes
	for i := range n {
		c.node(int8(i))
		ends[i+1], marks[i+1] = len(c.words), len(c.nodes)
	}
	c.group()
	c.rank()
	var order, place [maxNodes]int
	for i := range n {
		order[i] = i
	}
	if !c.plain {
		c.sort(order[:n], ends[:], marks[:])
	}
	for at, i := range order[:n] {
		place[i] = at
	}
	for _, at := range c.nodes {
		if w := &c.words[at]; *w > 0 && *w < 255 {
			*w = uint64(place[*w-1]) + 1
		}
	}
	h := newHash()
	for _, i := range order[:n] {
		h.add(c.words[ends[i]:ends[i+1]])
	}
	h.add(c.words[ends[n]:])
	return h.sum()
}

// sort brings the nodes into an order that does not depend on their names: by
// what each is, seen from itself. Where two look the same the order is left as
// it is; if they are not the same after all, that only merges less.
func (c *canon) sort(order []int, ends, marks []int) {
	var blind [maxNodes]fingerprint
	for _, i := range order {
		c.blind = append(c.blind[:0], c.words[ends[i]:ends[i+1]]...)
		for _, at := range c.nodes[marks[i]:marks[i+1]] {
			if w := &c.blind[int(at)-ends[i]]; *w > 0 && *w < 255 && *w != uint64(i)+1 {
				*w = 2
			} else if *w == uint64(i)+1 {
				*w = 1
			}
		}
		h := newHash()
		h.add(c.blind)
		blind[i] = h.sum()
	}
	slices.SortStableFunc(order, func(x, y int) int { return blind[x].compare(blind[y]) })
}

func (f fingerprint) compare(o fingerprint) int {
	switch {
	case f.hi < o.hi || f.hi == o.hi && f.lo < o.lo:
		return -1
	case f == o:
		return 0
	}
	return 1
}

// rank replaces revisions by their places in their order.
func (c *canon) rank() {
	c.ranks = c.ranks[:0]
	for _, at := range c.revs {
		r := kv.Revision(c.words[at])
		i := len(c.ranks)
		for i > 0 && c.ranks[i-1] > r {
			i--
		}
		if i == 0 || c.ranks[i-1] != r {
			c.ranks = slices.Insert(c.ranks, i, r)
		}
	}
	for _, at := range c.revs {
		r := kv.Revision(c.words[at])
		for i, have := range c.ranks {
			if have == r {
				c.words[at] = uint64(i) + 1
				break
			}
		}
	}
}

// hash is two lanes of multiplication and folding; 128 bits, so that two states
// among 10⁸ collide with a probability below 10⁻²².
type hash struct{ a, b uint64 }

func newHash() hash { return hash{0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F} }

func (h *hash) add(words []uint64) {
	a, b := h.a, h.b
	for _, w := range words {
		hi, lo := bits.Mul64(a^w, 0xD6E8FEB86659FD93)
		a = hi ^ lo ^ bits.RotateLeft64(a, 23) + 1
		hi, lo = bits.Mul64(b^bits.RotateLeft64(w, 32), 0xA0761D6478BD642F)
		b = hi ^ lo ^ bits.RotateLeft64(b, 41) + a
	}
	h.a, h.b = a^uint64(len(words)), b
}

func (h *hash) sum() fingerprint {
	hi, lo := bits.Mul64(h.a^0xE7037ED1A0B428DB, h.b|1)
	return fingerprint{h.a ^ bits.RotateLeft64(lo, 17) ^ h.b, hi ^ lo ^ h.b}
}
