package sim

// occurrence is something that will happen in the world. It is flat: what it
// is about lives in slots of the world, and number tells whether a slot still
// holds the same thing.
type occurrence struct {
	at     int64 // true time, nanoseconds
	kind   occurrenceKind
	actor  int32
	slot   int32
	gen    uint32
	number uint64
}

// agenda is what will happen, the next at the end: what is at the same instant
// happens in the order in which it was put there. A sorted list is faster than a
// heap here: it holds a few dozen occurrences, most of what is put there comes
// soon, and the processor foresees how a list is walked.
type agenda struct {
	list []occurrence
}

func (h *agenda) reset() { h.list = h.list[:0] }

func (h *agenda) push(o occurrence) {
	h.list = append(h.list, o)
	l := h.list
	i := len(l) - 1
	for i > 0 && l[i-1].at <= o.at {
		l[i] = l[i-1]
		i--
	}
	l[i] = o
}

func (h *agenda) pop() occurrence {
	n := len(h.list) - 1
	o := h.list[n]
	h.list = h.list[:n]
	return o
}
