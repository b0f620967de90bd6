package sim

// occurrence is something that will happen in the world. It is flat: what it
// is about lives in slots of the world, and number tells whether a slot still
// holds the same thing.
type occurrence struct {
	at     int64 // true time, nanoseconds
	seq    uint64
	kind   occurrenceKind
	actor  int32
	slot   int32
	gen    uint32
	number uint64
}

func (a *occurrence) before(b *occurrence) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// agenda is a 4-ary heap of occurrences: what is at the same instant happens
// in the order in which it was put there.
type agenda struct {
	heap []occurrence
	seq  uint64
}

func (h *agenda) reset() { h.heap, h.seq = h.heap[:0], 0 }

func (h *agenda) push(o occurrence) {
	h.seq++
	o.seq = h.seq
	h.heap = append(h.heap, o)
	i := len(h.heap) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !o.before(&h.heap[p]) {
			break
		}
		h.heap[i] = h.heap[p]
		i = p
	}
	h.heap[i] = o
}

func (h *agenda) pop() occurrence {
	top := h.heap[0]
	n := len(h.heap) - 1
	last := h.heap[n]
	h.heap = h.heap[:n]
	if n > 0 {
		h.sink(last)
	}
	return top
}

// sink puts o where the top was and moves it down.
func (h *agenda) sink(o occurrence) {
	i, n := 0, len(h.heap)
	for {
		first := 4*i + 1
		if first >= n {
			break
		}
		least := first
		for c := first + 1; c < min(first+4, n); c++ {
			if h.heap[c].before(&h.heap[least]) {
				least = c
			}
		}
		if !h.heap[least].before(&o) {
			break
		}
		h.heap[i] = h.heap[least]
		i = least
	}
	h.heap[i] = o
}
