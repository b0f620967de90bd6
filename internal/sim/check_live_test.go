package sim

import (
	"testing"
	"time"

	"msdha/internal/fsm"
)

func TestCheckerNoticesOrphans(t *testing.T) {
	w := doctored(t, "S19")
	a := &w.actors[1]
	late := occurrence{actor: 1, gen: a.node.tree}
	w.check.treeIsLate(w, &late)
	notNoticed(t, w) // its agent lives
	a.up = false
	w.check.treeIsLate(w, &late)
	noticed(t, w)
}

func TestCheckerNoticesSlowEnds(t *testing.T) {
	w := doctored(t, "L6")
	late := occurrence{actor: 1, gen: w.actors[1].node.tree, slot: 1, number: uint64(w.now - int64(time.Second))}
	w.actors[1].held = w.now - int64(time.Second/2)
	w.check.treeIsLate(w, &late)
	notNoticed(t, w) // it was stopped meanwhile
	w.actors[1].held = 0
	w.check.treeIsLate(w, &late)
	noticed(t, w)
}

func TestCheckerNoticesLateDeletions(t *testing.T) {
	w := doctored(t, "L5")
	r := &w.check.reigns[0]
	r.died = w.now - int64(11*time.Second)
	w.check.blocked(w, r)
	notNoticed(t, w)
	r.died -= int64(time.Second)
	w.check.blocked(w, r)
	noticed(t, w)
}

func TestCheckerNoticesStepsDown(t *testing.T) {
	w := doctored(t, "L2")
	a := &w.actors[0]
	w.now += int64(time.Hour)
	w.out.Reset()
	a.member.Step(a.member.Backend.Authority(), &fsm.Event{Kind: fsm.Tick}, &w.out)
	w.check.beforePhase = fsm.Fenced
	w.check.leaves(w, a)
	notNoticed(t, w) // it was fenced before
	w.check.beforePhase, a.rough = fsm.Reigning, w.now-int64(time.Second)
	w.check.leaves(w, a)
	notNoticed(t, w) // a fault may be the reason
	a.rough = 0
	w.check.leaves(w, a)
	noticed(t, w)
}

// TestExcuses: outside of its assumptions a property is not violated, but shown
// to break; one that needs less still counts.
func TestExcuses(t *testing.T) {
	w := doctored(t, "")
	a := &w.actors[1]
	a.breaks(a2)
	w.check.fail("S6", a, "it lives")
	notNoticed(t, w)
	if w.check.shown[propertyIndex("S6")] != 1 {
		t.Error("what breaks outside of the assumptions is not counted")
	}
	w.check.fail("S5", a, "too early")
	noticed(t, w)
	w = doctored(t, "")
	w.check.fail("S6", &w.actors[2], "it lives")
	noticed(t, w) // that another node broke an assumption is no excuse
}
