package explore

// table is the set of fingerprints that were seen, in the order of finding.
type table struct {
	all   []fingerprint
	slots []uint32 // number + 1; 0 is free
}

// init empties the table and keeps its memory.
func (t *table) init() {
	if t.slots == nil {
		t.slots = make([]uint32, 1<<12)
	}
	clear(t.slots)
	t.all = t.all[:0]
}

// has reports whether the fingerprint was seen.
func (t *table) has(f fingerprint) bool { return t.slots[t.find(f)] != 0 }

// add reports whether the fingerprint is new.
func (t *table) add(f fingerprint) bool {
	if len(t.all)*3 > len(t.slots)*2 {
		t.grow()
	}
	i := t.find(f)
	if t.slots[i] != 0 {
		return false
	}
	t.all = append(t.all, f)
	t.slots[i] = uint32(len(t.all))
	return true
}

// is reports whether the fingerprint is that of the state with the number.
func (t *table) is(f fingerprint, number uint32) bool { return t.all[number] == f }

// find is the slot of the fingerprint, or the free one where it belongs.
func (t *table) find(f fingerprint) int {
	mask := len(t.slots) - 1
	i := int(f.lo) & mask
	for t.slots[i] != 0 && t.all[t.slots[i]-1] != f {
		i = (i + 1) & mask
	}
	return i
}

func (t *table) grow() {
	t.slots = make([]uint32, 2*len(t.slots))
	for n, f := range t.all {
		t.slots[t.find(f)] = uint32(n + 1)
	}
}
