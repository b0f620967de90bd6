package sim

// distinct counts different numbers in bounded memory. It is exact until it has
// kept most of them; then it keeps only those whose hash ends in a zero, of
// these only those that end in two, and so on: the count is what is kept times
// the share that is kept (Wegman's adaptive sampling). The standard error of
// the estimate is 1.2/√n for n numbers that are kept, which are at least half
// of most. The order in which numbers come has no part in it.
type distinct struct {
	most  int      // how many are kept; 0 is mostDistinct
	slots []uint64 // hashes, by their upper bits; 0 is free
	n     int
	zeros uint // at the end of every hash that is kept
}

// mostDistinct makes the standard error less than 0.1 % and the memory 64 MiB.
const mostDistinct = 1 << 22

func (d *distinct) add(x uint64) {
	h := max(mix(x), 1) // 0 is free
	if h&(1<<d.zeros-1) != 0 {
		return
	}
	if 2*(d.n+1) > len(d.slots) {
		d.grow()
	}
	d.put(h)
	for most := d.limit(); d.n > most; {
		d.zeros++
		d.rebuild(len(d.slots))
	}
}

func (d *distinct) limit() int {
	if d.most == 0 {
		return mostDistinct
	}
	return d.most
}

func (d *distinct) put(h uint64) {
	mask := uint64(len(d.slots) - 1)
	for i := h >> 32 & mask; ; i = (i + 1) & mask {
		switch d.slots[i] {
		case h:
			return
		case 0:
			d.slots[i] = h
			d.n++
			return
		}
	}
}

func (d *distinct) grow() { d.rebuild(max(1024, 2*len(d.slots))) }

func (d *distinct) rebuild(size int) {
	old := d.slots
	d.slots, d.n = make([]uint64, size), 0
	for _, h := range old {
		if h != 0 && h&(1<<d.zeros-1) == 0 {
			d.put(h)
		}
	}
}

// count is how many different numbers there were, and whether that is exact.
func (d *distinct) count() (n int, exact bool) { return d.n << d.zeros, d.zeros == 0 }
