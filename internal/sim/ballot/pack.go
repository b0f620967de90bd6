package ballot

import "math/bits"

// packed is a state in its canonical form, exactly: two words for each node, in
// order, and what does not belong to a node.
type packed struct {
	nodes [maxNodes][2]uint64
	rest  [2]uint64
}

// packer appends numbers of so many bits to a word.
type packer struct {
	word uint64
	used int
}

func (p *packer) put(v uint8, width int) {
	p.word |= uint64(v) << p.used
	p.used += width
}

func (p *packer) flag(on bool) {
	v := uint8(0)
	if on {
		v = 1
	}
	p.put(v, 1)
}

func (p *packer) log(l log) {
	p.put(l.reign, 3)
	p.put(l.n, 3)
}

// pack gives a state's canonical form. A node's words hold all that says anything
// of that node, so nodes that changed places make the same words: sorted, they are
// the same state. order says which node each word is.
func (x *model) pack(s *state) (p packed, order [maxNodes]uint8) {
	for i := range x.scope.Nodes {
		order[i] = uint8(i)
		p.nodes[i] = s.packNode(i)
	}
	for i := 1; i < x.scope.Nodes; i++ {
		for k := i; k > 0 && less(&p.nodes[k], &p.nodes[k-1]); k-- {
			p.nodes[k], p.nodes[k-1] = p.nodes[k-1], p.nodes[k]
			order[k], order[k-1] = order[k-1], order[k]
		}
	}
	p.rest = s.packRest()
	return p, order
}

func less(a, b *[2]uint64) bool { return a[0] < b[0] || a[0] == b[0] && a[1] < b[1] }

func (s *state) packNode(i int) [2]uint64 {
	var w, v packer
	n, c := &s.nodes[i], &s.config
	w.put(uint8(n.phase), 3)
	w.log(n.log)
	w.put(n.reign, 3)
	w.put(n.floor, 3)
	w.put(n.finFor, 3)
	w.log(n.fin)
	w.flag(n.decided)
	w.put(n.k, 2)
	w.flag(n.current)
	w.put(n.pos, 3)
	v.log(n.past)
	v.put(n.hosted, maxReigns+1)
	for _, at := range n.told[1:] {
		v.put(at, 3)
	}
	for _, mask := range [...]uint8{c.members, c.next, c.anchor, s.last} {
		w.flag(mask&bit(i) != 0)
	}
	var waited uint8 // reigns whose running master waits for this node
	for k := range s.nodes {
		if m := &s.nodes[k]; m.runs() && m.names&bit(i) != 0 {
			waited |= bit(int(m.reign))
		}
	}
	w.put(waited, maxReigns+1)
	return [2]uint64{w.word, v.word}
}

func (s *state) packRest() [2]uint64 {
	var w, v packer
	for r := 1; r <= maxReigns; r++ {
		to := &w
		if r > 4 {
			to = &v
		}
		e := &s.reigns[r]
		to.log(e.base)
		to.put(e.epoch, 3)
		to.put(e.acked, 3)
	}
	w.put(s.top, 3)
	w.flag(s.held)
	v.put(s.config.k, 2)
	v.put(s.config.nextK, 2)
	v.flag(s.config.armed)
	v.put(s.changes, 2)
	v.put(s.forces, 1)
	v.put(s.excused, 3)
	v.put(s.reigns[origin].acked, 1)
	return [2]uint64{w.word, v.word}
}

// unpacker takes off what a packer has put.
type unpacker struct{ word uint64 }

func (u *unpacker) get(width int) uint8 {
	v := uint8(u.word & (1<<width - 1))
	u.word >>= width
	return v
}

func (u *unpacker) flag() bool { return u.get(1) != 0 }

func (u *unpacker) log() log {
	r := u.get(3)
	return log{r, u.get(3)}
}

// unpack is the state of a canonical form.
func (x *model) unpack(p *packed) (s state) {
	var waited [maxNodes]uint8
	for i := range x.scope.Nodes {
		u, v := unpacker{p.nodes[i][0]}, unpacker{p.nodes[i][1]}
		n := &s.nodes[i]
		n.phase = phase(u.get(3))
		n.log = u.log()
		n.reign, n.floor, n.finFor = u.get(3), u.get(3), u.get(3)
		n.fin = u.log()
		n.decided = u.flag()
		n.k = u.get(2)
		n.current = u.flag()
		n.pos = u.get(3)
		n.past = v.log()
		n.hosted = v.get(maxReigns + 1)
		for r := range n.told[1:] {
			n.told[r+1] = v.get(3)
		}
		for _, mask := range [...]*uint8{&s.config.members, &s.config.next, &s.config.anchor, &s.last} {
			if u.flag() {
				*mask |= bit(i)
			}
		}
		waited[i] = u.get(maxReigns + 1)
	}
	for k := range x.scope.Nodes {
		m := &s.nodes[k]
		for i := range x.scope.Nodes {
			if m.runs() && waited[i]&bit(int(m.reign)) != 0 {
				m.names |= bit(i)
			}
		}
	}
	w, v := unpacker{p.rest[0]}, unpacker{p.rest[1]}
	for r := 1; r <= maxReigns; r++ {
		from := &w
		if r > 4 {
			from = &v
		}
		e := &s.reigns[r]
		e.base = from.log()
		e.epoch, e.acked = from.get(3), from.get(3)
	}
	s.top, s.held = w.get(3), w.flag()
	s.config.k, s.config.nextK, s.config.armed = v.get(2), v.get(2), v.flag()
	s.changes, s.forces, s.excused = v.get(2), v.get(1), v.get(3)
	s.reigns[origin].acked = v.get(1)
	return s
}

// fingerprint stands for a state: 128 bits, so that two of 10⁸ states collide with
// a probability below 10⁻²².
type fingerprint struct{ hi, lo uint64 }

func (p *packed) fingerprint() fingerprint {
	a, b := uint64(0x9E3779B97F4A7C15), uint64(0xC2B2AE3D27D4EB4F)
	mix := func(w uint64) {
		hi, lo := bits.Mul64(a^w, 0xD6E8FEB86659FD93)
		a = hi ^ lo ^ bits.RotateLeft64(a, 23) + 1
		hi, lo = bits.Mul64(b^bits.RotateLeft64(w, 32), 0xA0761D6478BD642F)
		b = hi ^ lo ^ bits.RotateLeft64(b, 41) + a
	}
	for i := range p.nodes {
		mix(p.nodes[i][0])
		mix(p.nodes[i][1])
	}
	for _, w := range p.rest {
		mix(w)
	}
	hi, lo := bits.Mul64(a^0xE7037ED1A0B428DB, b|1)
	return fingerprint{a ^ bits.RotateLeft64(lo, 17) ^ b, hi ^ lo ^ b}
}
