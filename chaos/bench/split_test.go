package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"msdha/chaos/rig"
)

// struck is when the fault of these tests began.
var struck = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func event(seconds float64, key, value string) rig.KeyEvent {
	return rig.KeyEvent{At: struck.Add(time.Duration(seconds * float64(time.Second))), Key: key, Value: value}
}

func deletion(seconds float64, key string) rig.KeyEvent {
	e := event(seconds, key, "")
	e.Deleted = true
	return e
}

// TestPhasesAddUp: whatever was seen, in whatever order, the phases are as long as
// the outage together, and none is negative.
func TestPhasesAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		m := marks{last: r.Float64() - 0.5}
		m[first] = m[last] + 10*r.Float64()
		for _, p := range phases[:len(phases)-1] {
			if r.IntN(4) > 0 {
				m[p.ends] = 14*r.Float64() - 2
			}
		}
		sum := 0.0
		for name, d := range m.split() {
			if d < 0 {
				t.Fatalf("%v: %s took %f", m, name, d)
			}
			sum += d
		}
		if want := m[first] - m[last]; math.Abs(sum-want) > 1e-9 {
			t.Fatalf("%v: the phases add up to %f, want %f: %v", m, sum, want, m.split())
		}
	}
}

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		what string
		m    marks
		want string
	}{
		{
			"all",
			marks{
				last: -0.5, gone: 9, proved: 29, claimed: 29.5, shown: 30, primary: 31, routed: 31.5,
				followed: 33, first: 34,
			},
			"map[detection:9.5 following:1.5 promotion:1.5 proof:20 reconnect:1 routing:0.5 transaction:0.5]",
		},
		{ // Patroni, restarted in place: no key changed
			"none but the server",
			marks{last: 0, primary: 5, routed: 8, first: 9},
			"map[promotion:5 reconnect:1 routing:3]",
		},
		{ // the old master served until then
			"before the outage",
			marks{last: 2, gone: 1, claimed: 3, first: 4},
			"map[detection:0 reconnect:1 transaction:1]",
		},
		{"seen too late", marks{last: 0, primary: 5, routed: 4, first: 5}, "map[promotion:5 reconnect:0 routing:0]"},
		{"found after the first row", marks{last: 0, routed: 7, first: 5}, "map[reconnect:0 routing:5]"},
	} {
		if got := fmt.Sprint(c.m.split()); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func TestMarksOfOurKeys(t *testing.T) {
	const at = "/msdha/chaos/"
	master := func(seconds float64, node string, epoch int) rig.KeyEvent {
		value := fmt.Sprintf(`{"node":%q,"incarnation":"1f","epoch":%d,"address":"n:1","ttl":3}`, node, epoch)
		return event(seconds, at+"_master", value)
	}
	final := func(seconds float64, of int) rig.KeyEvent {
		return event(seconds, at+"_nodes/n3", fmt.Sprintf(`{"position":[1,2],"final":true,"final_for":%d}`, of))
	}
	released := func(seconds float64, epoch int) rig.KeyEvent {
		return event(seconds, at+"_epoch", fmt.Sprintf(`{"epoch":%d,"node":"n1","released":true,"by":"n1"}`, epoch))
	}
	for _, c := range []struct {
		what   string
		events []rig.KeyEvent
		want   string // marks, who reigned then, who released
	}{
		{"nothing", nil, "map[]  "},
		{
			"lease",
			[]rig.KeyEvent{
				final(-5, 6), deletion(2.5, at+"_master"), final(8.5, 7), final(8.7, 7), master(9, "n2", 8),
				event(9.5, at+"n3", "ready"), event(10, at+"n2", "master"), deletion(20, at+"_master"),
			},
			"map[claimed:9 gone:2.5 proved:8.5 shown:10] n2 ",
		},
		{
			"release",
			[]rig.KeyEvent{
				deletion(0.2, at+"_master"), released(0.2, 7), final(0.3, 7), master(0.5, "n3", 8),
				event(0.75, at+"n3", "master"),
			},
			"map[claimed:0.5 gone:0.2 proved:0.2 shown:0.75] n3 n1",
		},
		{
			"attested during the wait",
			[]rig.KeyEvent{
				released(-1, 6), deletion(2.5, at+"_master"), released(4, 7), master(4.5, "n3", 8),
			},
			"map[claimed:4.5 gone:2.5 proved:4] n3 n1",
		},
		{
			"the first to claim cannot promote",
			[]rig.KeyEvent{
				deletion(1, at+"_master"), master(2, "n2", 8), deletion(3, at+"_master"), released(3, 8),
				master(4, "n3", 9), event(5, at+"n3", "master"),
			},
			"map[claimed:4 gone:1 proved:4 shown:5] n3 ",
		},
		{
			"no vote",
			[]rig.KeyEvent{deletion(1, at+"_master"), master(7, "n2", 8)},
			"map[claimed:7 gone:1 proved:7] n2 ",
		},
		{"bad", []rig.KeyEvent{event(1, at+"_epoch", "{"), event(1, at+"a/b", "x")}, "map[]  "},
	} {
		s := ownKeys(c.events, at, 7, struck)
		if got := fmt.Sprintf("%v %s %s", s.marks, s.to, s.by); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestMarksOfPatronisKeys(t *testing.T) {
	key := rig.PatroniLeader
	for _, c := range []struct {
		what   string
		events []rig.KeyEvent
		want   string
		to     string
	}{
		{"in place", []rig.KeyEvent{event(1, rig.PatroniScope+"status", "{}")}, "map[]", "n1"},
		{"lease", []rig.KeyEvent{deletion(20, key), event(20.5, key, "n2")}, "map[claimed:20.5 gone:20]", "n2"},
		{"again", []rig.KeyEvent{deletion(2, key), event(3, key, "n1")}, "map[claimed:3 gone:2]", "n1"},
		{"overwritten", []rig.KeyEvent{event(3, key, "n1"), event(4, key, "n3")}, "map[claimed:4]", "n3"},
		{"before", []rig.KeyEvent{deletion(-2, key), event(-1, key, "n1")}, "map[]", "n1"},
		{
			"twice",
			[]rig.KeyEvent{deletion(2, key), event(3, key, "n2"), deletion(5, key), event(6, key, "n3")},
			"map[claimed:3 gone:2]", "n2",
		},
	} {
		s := patroniKeys(c.events, "n1", struck)
		if got := fmt.Sprint(s.marks); got != c.want || s.to != c.to {
			t.Errorf("%s: %s of %q, want %s of %q", c.what, got, s.to, c.want, c.to)
		}
	}
}
