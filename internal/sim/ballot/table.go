package ballot

// table is the set of fingerprints that were seen, in one open-addressed array.
type table struct {
	slots []fingerprint // the zero one is free
	used  int
}

// init empties the table and keeps its memory.
func (t *table) init() {
	if t.slots == nil {
		t.slots = make([]fingerprint, 1<<10)
	}
	clear(t.slots)
	t.used = 0
}

// add reports whether the fingerprint is new.
func (t *table) add(f fingerprint) bool {
	if t.used*4 > len(t.slots)*3 {
		t.grow()
	}
	if f == (fingerprint{}) {
		f.lo = 1
	}
	i := t.find(f)
	if t.slots[i] == f {
		return false
	}
	t.slots[i] = f
	t.used++
	return true
}

// find is where the fingerprint is, or belongs.
func (t *table) find(f fingerprint) int {
	mask := len(t.slots) - 1
	i := int(f.lo) & mask
	for t.slots[i] != (fingerprint{}) && t.slots[i] != f {
		i = (i + 1) & mask
	}
	return i
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]fingerprint, 2*len(old))
	for _, f := range old {
		if f != (fingerprint{}) {
			t.slots[t.find(f)] = f
		}
	}
}
