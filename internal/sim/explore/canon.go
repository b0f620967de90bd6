package explore

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// fingerprint stands for a state and all that differ from it only in names of
// interchangeable nodes, in numbers, and in when it is.
type fingerprint struct{ hi, lo uint64 }

// canon computes fingerprints. A state is written down as bytes; those that name
// a node or a revision are marked, and replaced when the nodes' order is known.
type canon struct {
	scope *Scope
	plain bool // nodes are not interchanged
	s     *state
	base  kv.Revision // what the hindmost view shows
	calls []call
	watch fsm.Op

	text  []byte
	nodes []int32 // bytes that name a node: 0 nobody, i+1 node i, 255 somebody else
	revs  []revMark
	ends  [maxNodes + 2]ending
	blind []byte
	old   []kv.Revision
}

// revMark is the place of a byte that stands for a revision.
type revMark struct {
	at  int32
	rev kv.Revision
}

// ending is where a node's part of the text and of the marks ends.
type ending struct{ text, nodes, revs int }

// The visitor's methods: fsm.Canon.

// Num is one byte for the numbers that occur.
func (c *canon) Num(n int64) {
	switch {
	case n >= -10 && n < 240:
		c.text = append(c.text, byte(n+10))
	case n == int64(ttl):
		c.text = append(c.text, 254)
	default:
		c.text = append(c.text, 255)
		c.text = binary.LittleEndian.AppendUint64(c.text, uint64(n))
	}
}

func (c *canon) Flag(on bool) { c.text = append(c.text, byte(boolBit(on))) }

// words are the texts that occur.
var words = [...]string{
	"", string(fsm.StateReady), string(fsm.StateMaster), string(fsm.StatePreStart), string(fsm.StateStart),
	string(fsm.StateNotReady), string(fsm.StateStopping),
}

func (c *canon) Text(s string) {
	for i, w := range words {
		if s == w {
			c.text = append(c.text, byte(i))
			return
		}
	}
	c.text = append(append(append(c.text, 255), s...), 0)
}

func (c *canon) Node(name string) {
	n := byte(255)
	if name == "" {
		n = 0
	} else if i := indexOf(name); i >= 0 {
		n = byte(i) + 1
	}
	c.nodes = append(c.nodes, int32(len(c.text)))
	c.text = append(c.text, n)
}

func (c *canon) owner(i int8) {
	c.nodes = append(c.nodes, int32(len(c.text)))
	c.text = append(c.text, byte(i)+1)
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

// Rev is told by its distance from what the hindmost view shows. Revisions that
// all have seen are only ever compared for being the same: they are told apart
// in the order of their being written down.
func (c *canon) Rev(r kv.Revision) {
	switch {
	case r == 0:
		c.text = append(c.text, 0)
	case r > c.base:
		c.text = append(c.text, 128+byte(min(r-c.base, 127)))
	default:
		c.revs = append(c.revs, revMark{int32(len(c.text)), r})
		c.text = append(c.text, 0)
	}
}

// Seen is told by its distance from what the hindmost view shows.
func (c *canon) Seen(r kv.Revision) {
	if r == 0 {
		c.Num(-9) // nothing yet
		return
	}
	c.Num(int64(r - c.base))
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
	c.begin(s)
	n := c.scope.Nodes
	for i := range n {
		c.node(int8(i))
		c.ends[i+1] = c.end()
	}
	c.group()
	c.ends[n+1] = c.end()
	var order, place [maxNodes]int
	for i := range n {
		order[i] = i
	}
	if !c.plain {
		c.sort(order[:n])
	}
	for at, i := range order[:n] {
		place[i] = at
	}
	for _, at := range c.nodes {
		if w := &c.text[at]; *w > 0 && *w < 255 {
			*w = byte(place[*w-1]) + 1
		}
	}
	h := newHash()
	c.old = c.old[:0]
	for _, i := range order[:n] {
		h.add(c.part(i))
	}
	h.add(c.part(n))
	return h.sum()
}

func (c *canon) begin(s *state) {
	c.s, c.base = s, s.log[0].n
	c.text, c.nodes, c.revs = c.text[:0], c.nodes[:0], c.revs[:0]
}

func (c *canon) end() ending { return ending{len(c.text), len(c.nodes), len(c.revs)} }

// part is the text of one node, or of the group after the last, with the old
// revisions in it told apart.
func (c *canon) part(i int) []byte {
	from, to := c.ends[i], c.ends[i+1]
	for _, m := range c.revs[from.revs:to.revs] {
		k := 0
		for k < len(c.old) && c.old[k] != m.rev {
			k++
		}
		if k == len(c.old) {
			c.old = append(c.old, m.rev)
		}
		c.text[m.at] = byte(k) + 1
	}
	return c.text[from.text:to.text]
}

// sort brings the nodes into an order that does not depend on their names: by
// what each is, seen from itself. Where two look the same the order is left as
// it is; if they are not the same after all, that only merges less.
func (c *canon) sort(order []int) {
	var blind [maxNodes]fingerprint
	for _, i := range order {
		c.old = c.old[:0]
		c.blind = append(c.blind[:0], c.part(i)...)
		from, to := c.ends[i], c.ends[i+1]
		for _, at := range c.nodes[from.nodes:to.nodes] {
			w := &c.blind[int(at)-from.text]
			switch {
			case *w == byte(i)+1:
				*w = 1
			case *w > 0 && *w < 255:
				*w = 2
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

// hash is two lanes of multiplication and folding; 128 bits, so that two states
// among 10⁸ collide with a probability below 10⁻²².
type hash struct{ a, b uint64 }

func newHash() hash { return hash{0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F} }

func (h *hash) add(text []byte) {
	h.a ^= uint64(len(text))
	for len(text) >= 8 {
		h.word(binary.LittleEndian.Uint64(text))
		text = text[8:]
	}
	var rest uint64
	for i, c := range text {
		rest |= uint64(c) << (8 * i)
	}
	h.word(rest)
}

func (h *hash) word(w uint64) {
	hi, lo := bits.Mul64(h.a^w, 0xD6E8FEB86659FD93)
	h.a = hi ^ lo ^ bits.RotateLeft64(h.a, 23) + 1
	hi, lo = bits.Mul64(h.b^bits.RotateLeft64(w, 32), 0xA0761D6478BD642F)
	h.b = hi ^ lo ^ bits.RotateLeft64(h.b, 41) + h.a
}

func (h *hash) sum() fingerprint {
	hi, lo := bits.Mul64(h.a^0xE7037ED1A0B428DB, h.b|1)
	return fingerprint{h.a ^ bits.RotateLeft64(lo, 17) ^ h.b, hi ^ lo ^ h.b}
}
