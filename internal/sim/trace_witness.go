package sim

import (
	"fmt"
	"strings"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// witnessed writes what a witness did, and because of what.
func (t *tracer) witnessed(w *World, a *actor) {
	var does []string
	for i := range w.out.List {
		switch e := &w.out.List[i]; e.Kind {
		case fsm.Attest:
			does = append(does, "Attest("+e.Node+")")
		case fsm.Follow, fsm.ListKeys, fsm.RevokeLease, fsm.Exit:
			does = append(does, e.Kind.String())
		case fsm.Inspect:
			does = append(does, "Inspect("+e.Container+")")
		}
	}
	if len(does) > 0 || t.all || w.ev.Kind == fsm.ContainerEvent || w.ev.Kind == fsm.Inspected {
		t.line(w, a.name, fmt.Sprintf("%-27s %-34s %s", "", t.heard(&w.ev), strings.Join(does, ", ")))
	}
}

// heard is what the engine, or etcd, has just said.
func (t *tracer) heard(ev *fsm.Event) string {
	switch {
	case ev.Kind == fsm.ContainerEvent:
		return ev.Action + " " + ev.Container
	case ev.Kind == fsm.Inspected && ev.Outcome != kv.OK:
		return "(no answer)"
	case ev.Kind == fsm.Inspected && !ev.Engine.Known:
		return "(no such container)"
	case ev.Kind == fsm.Inspected:
		return "(" + ev.Engine.Status + ")"
	case ev.Kind == fsm.Following:
		return "(events flow)"
	case ev.Kind == fsm.FollowEnded:
		return "(events ended)"
	}
	return events[ev.Kind]
}
