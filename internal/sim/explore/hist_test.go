package explore

import (
	"fmt"
	"os"
	"sort"
	"testing"
)

func TestHist(t *testing.T) {
	sc := Floor()
	sc, _ = ParseScope("scope " + os.Getenv("SCOPE"))
	b := newBuilder(sc)
	root, _ := b.root()
	c := canon{scope: &b.scope}
	var seen table
	seen.init()
	seen.add(c.fingerprint(root))
	level := []*state{root}
	h := map[string]int{}
	hk := map[string]int{}
	for len(level) > 0 {
		var next []*state
		for _, s := range level {
			lag, fl, busyN := 0, 0, 0
			for _, n := range s.nodes[:sc.Nodes] {
				if n.up && n.watch != 0 && n.m.View.Rev() < s.head().n {
					lag++
				}
				if busy(n.calls[:]) {
					busyN++
				}
			}
			if s.front.g.View.Rev() < s.head().n {
				fl = 1
			}
			h[fmt.Sprintf("rests=%v lagging=%d", b.mayTick(s), lag)]++
			h[fmt.Sprintf("frontlag=%d", fl)]++
			h[fmt.Sprintf("calls=%d", busyN)]++
			h[fmt.Sprintf("budget=%v", s.budget)]++
			h[fmt.Sprintf("epoch=%v", s.lastReign().epoch-root.lastReign().epoch)]++
			p := ""
			for _, n := range s.nodes[:sc.Nodes] {
				if !n.up {
					p += "- "
				} else {
					p += n.m.Backend.PhaseName() + " "
				}
			}
			hk[p]++
			hk["front "+s.front.g.Frontend.PhaseName()]++
			hk[fmt.Sprintf("log %d", len(s.log))]++
			for _, a := range b.enabled(s, nil) {
				for b.choices.start(); ; {
					into := new(state)
					b.apply(s, a, into)
					if seen.add(c.fingerprint(into)) {
						next = append(next, into)
					}
					if !b.choices.again() {
						break
					}
				}
			}
		}
		level = next
	}
	for _, m := range []map[string]int{h, hk} {
		var ks []string
		for k := range m {
			ks = append(ks, k)
		}
		sort.Slice(ks, func(i, j int) bool { return m[ks[i]] > m[ks[j]] })
		for _, k := range ks[:min(len(ks), 28)] {
			fmt.Println(m[k], k)
		}
		fmt.Println()
	}
}
