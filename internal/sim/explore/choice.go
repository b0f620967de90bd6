package explore

// chooser runs through all ways in which one action can turn out. An action asks
// it for each decision; the next run decides otherwise at the last point where
// that is possible.
type chooser struct {
	made  []uint8 // decisions, in the order in which they were asked for
	among []uint8 // how many there were to decide between
	next  int
	mode  choosing
	rest  uint64 // still to be decided, when replaying
}

// choosing is how decisions are made.
type choosing uint8

const (
	all    choosing = iota // one way after the other
	given                  // as a code says
	prompt                 // whatever can happen at once does
)

// start begins with the first way.
func (c *chooser) start() { c.made, c.among, c.next = c.made[:0], c.among[:0], 0 }

// pick decides between n ways.
func (c *chooser) pick(n int) int {
	switch {
	case n <= 1:
		return 0
	case c.mode == prompt:
		return n - 1
	case c.mode == given:
		d := c.rest % uint64(n)
		c.rest /= uint64(n)
		return int(d)
	}
	if c.next == len(c.made) {
		c.made, c.among = append(c.made, 0), append(c.among, uint8(n))
	}
	c.next++
	return int(c.made[c.next-1])
}

// again prepares the next way; false if there is none.
func (c *chooser) again() bool {
	n := c.next
	c.next = 0
	for n--; n >= 0; n-- {
		if c.made[n]+1 < c.among[n] {
			c.made, c.among = c.made[:n+1], c.among[:n+1]
			c.made[n]++
			return true
		}
	}
	return false
}

// code is the way as one number; 0 is the first.
func (c *chooser) code() uint64 {
	code, times := uint64(0), uint64(1)
	for i, m := range c.made[:c.next] {
		code += uint64(m) * times
		times *= uint64(c.among[i])
	}
	return code
}
