package sim

import "msdha/internal/fsm"

// clock is one machine's CLOCK_BOOTTIME: an arbitrary offset, so that mixing
// two machines' clocks fails loudly, and a rate that is off by ppm.
type clock struct {
	offset int64
	ppm    int64
}

const million = 1_000_000

func (c clock) local(now int64) fsm.Instant {
	return fsm.Instant(c.offset + now + now/million*c.ppm + now%million*c.ppm/million)
}

// true returns the first true instant at which the clock shows at least t.
func (c clock) true(t fsm.Instant) int64 {
	if t == fsm.Never {
		return forever
	}
	x := int64(t) - c.offset
	d := million + c.ppm
	now := x/d*million + x%d*million/d - 2
	for c.local(now) < t {
		now++
	}
	return now
}

// run lets the clock run at ppm from now on.
func (c *clock) run(now, ppm int64) {
	shows := c.local(now)
	c.ppm = ppm
	c.offset += int64(shows - c.local(now))
}

// lost takes away what the clock counted while its machine was frozen.
func (c *clock) lost(since, now int64) { c.offset -= int64(c.local(now) - c.local(since)) }

const forever = int64(1) << 62
