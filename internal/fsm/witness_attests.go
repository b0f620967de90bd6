package fsm

import (
	"slices"

	"msdha/internal/fsm/kv"
)

// attestation is an Attestor at work for one group.
type attestation struct {
	Subject
	attestor Attestor
	op       Op // as the driver knows its request; inner: as the attestor does
	inner    Op
}

// begin has the subjects of an inquest attested. One that is at work already goes on.
func (w *Witness) begin(now Instant, q *inquest) {
	for _, s := range q.subjects {
		if slices.ContainsFunc(w.attests, func(a attestation) bool { return a.Subject == s }) {
			continue
		}
		p := Proof{Node: s.Node, Incarnation: s.Incarnation, By: w.cfg.Name, How: kv.ByWitness}
		w.attests = append(w.attests, attestation{
			Subject: s, attestor: NewAttestor(p, w.cfg.Timeout, now.Add(attestPatience)),
		})
	}
}

// onReply gives a reply to the attestor that asked.
func (w *Witness) onReply(now Instant, ev *Event, out *Effects) {
	for i := range w.attests {
		if a := &w.attests[i]; a.op != 0 && a.op == ev.Op {
			reply := *ev
			reply.Op, a.op = a.inner, 0
			w.stepAttestor(now, a, &reply, out)
			return
		}
	}
}

// stepAttestor passes its requests on, with numbers and the group of the witness.
func (w *Witness) stepAttestor(now Instant, a *attestation, ev *Event, out *Effects) {
	first := len(out.List)
	a.attestor.Step(now, ev, out)
	for i := first; i < len(out.List); i++ {
		e := &out.List[i]
		a.inner, a.op = e.Op, w.op()
		e.Op, e.Group, e.Node, e.Lease = a.op, a.Group, a.Node, a.Incarnation
	}
}
