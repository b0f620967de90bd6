package main

import (
	"strings"
	"time"

	"msdha/chaos/rig"
	"msdha/internal/fsm/kv"
)

// marks are the moments of a run, in seconds after the fault began; what was not
// seen is not there.
type marks map[string]float64

// Names of marks.
const (
	last     = "last"     // acknowledgement before the outage
	gone     = "gone"     // the old master's lock
	proved   = "proved"   // that no process of the old reign lives, or the wait that stands for it
	claimed  = "claimed"  // the lock, by who then reigned
	shown    = "shown"    // the new master's key says so; msdha only, no part of the split
	primary  = "primary"  // a server takes writes, asked directly
	routed   = "routed"   // a new connection through the proxy reaches it
	followed = "followed" // a standby streams from it, where commits wait for one
	first    = "first"    // acknowledgement after the outage
)

// phases are what an outage consists of, each with the mark that ends it.
var phases = []struct{ name, ends string }{
	{"detection", gone},
	{"proof", proved},
	{"transaction", claimed},
	{"promotion", primary},
	{"routing", routed},
	{"following", followed},
	{"reconnect", first},
}

// split is how long each phase took. A phase without its mark is not there, and its
// time belongs to the next one; the phases add up to the outage. A mark that was
// seen after a later one, as both have the resolution of a poll, ends its phase where
// the outage is over at the latest.
func (m marks) split() map[string]float64 {
	parts := map[string]float64{}
	begin, until := m[last], m[first]
	for _, p := range phases {
		at, seen := m[p.ends]
		if !seen {
			continue
		}
		at = max(begin, min(at, until))
		parts[p.name] = at - begin
		begin = at
	}
	return parts
}

// at notes a moment, unless that is zero.
func (m marks) at(name string, when, struck time.Time) {
	if !when.IsZero() {
		m[name] = round(when.Sub(struck).Seconds())
	}
}

// story is what the keys tell of a run.
type story struct {
	marks marks
	to    string // who reigned then
	by    string // who released the old reign, empty where nobody did before the claim
}

// ownKeys finds the marks in what happened to a group's keys below prefix since the
// fault: from is the old epoch. The claim is that of who was shown as master, as
// others may have claimed in vain.
func ownKeys(events []rig.KeyEvent, prefix string, from kv.Epoch, struck time.Time) story {
	m, to, by := marks{}, "", ""
	var claim, proof time.Time
	for i := range events {
		e := &events[i]
		if e.At.Before(struck) || m[shown] != 0 {
			continue
		}
		key := kv.ParseKey(strings.TrimPrefix(e.Key, prefix))
		var r kv.Record
		if !e.Deleted {
			r = kv.Decode(key, []byte(e.Value))
		}
		switch {
		case key.Kind == kv.KindMaster && e.Deleted:
			if _, seen := m[gone]; !seen {
				m.at(gone, e.At, struck)
			}
		case key.Kind == kv.KindMaster:
			claim, to = e.At, r.Node
		case proof.IsZero() && proves(key, &r, from):
			proof, by = e.At, r.By
		case key.Kind == kv.KindNode && key.Name == to && r.State == kv.StateMaster:
			m.at(shown, e.At, struck)
		}
	}
	// Where nobody sends a final, because nobody votes, the claim itself is the proof.
	if proof.IsZero() || !claim.IsZero() && claim.Before(proof) {
		proof = claim
	}
	m.at(proved, proof, struck)
	m.at(claimed, claim, struck)
	return story{m, to, by}
}

// proves says whether that key shows that nobody waits any longer: the reign is
// released (SPEC E5, E11), or a candidate whose wait is over has sent its final (E7).
func proves(key kv.Key, r *kv.Record, from kv.Epoch) bool {
	return key.Kind == kv.KindEpoch && r.Released && r.Epoch == from ||
		key.Kind == kv.KindNodeInfo && r.Final && r.FinalFor == from
}

// patroniKeys finds the marks in what happened to Patroni's keys. It knows no proof:
// the end of the lock is all.
func patroniKeys(events []rig.KeyEvent, from string, struck time.Time) story {
	m, to := marks{}, from
	for i := range events {
		e := &events[i]
		if e.At.Before(struck) || e.Key != rig.PatroniLeader {
			continue
		}
		_, over := m[gone]
		switch {
		case e.Deleted && !over:
			m.at(gone, e.At, struck)
		case !e.Deleted && (over || e.Value != from) && m[claimed] == 0:
			m.at(claimed, e.At, struck)
			to = e.Value
		}
	}
	return story{marks: m, to: to}
}
