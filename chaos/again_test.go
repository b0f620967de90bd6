//go:build docker

package chaos

import (
	"slices"
	"time"
)

// judgeEvery is after how many rounds everything is judged: recordings grow.
const judgeEvery = 10

// again is the same at the default TTL, fifty times in a row (MSDHA_CHAOS_ROUNDS): what
// goes by the milliseconds in which processes die goes well once by luck.
func again(s scenario) scenario {
	once := s.play
	s.name, s.tier, s.options = s.name+"-again", long, tenSeconds
	s.play = func(p *play) {
		rounds := int(number("MSDHA_CHAOS_ROUNDS", 50))
		for i := range rounds {
			if i > 0 {
				p.old = p.Observer.Master()
			}
			p.Say("round %d of %d", i+1, rounds)
			once(p)
			if i%judgeEvery == judgeEvery-1 && i < rounds-1 {
				p.judge()
				p.renewRegister(uint64(i))
			}
		}
		slices.Sort(p.outages)
		if n := len(p.outages); n > 0 {
			p.Say("%d outages: median %v, at most %v", n, p.outages[n/2].Round(time.Millisecond),
				p.outages[n-1].Round(time.Millisecond))
		}
	}
	return s
}
