package fsm

import (
	"testing"

	"msdha/internal/fsm/kv"
)

// unit is a member or a gateway.
type unit interface {
	Step(now Instant, ev *Event, out *Effects)
	Next() Instant
}

// TestUnitsOpenTheirView when it is wanted, and follow it.
func TestUnitsOpenTheirView(t *testing.T) {
	gateway := NewGateway(&FrontendConfig{Name: "f1", TTL: ttl})
	var out Effects
	gateway.Step(1, &Event{Kind: Started}, &out)
	list := out.List[len(out.List)-1]
	if list.Kind != ListKeys {
		t.Fatalf("it does %v", out.List)
	}
	reigning := reignOf("n1", 5)
	reigning.Lease, reigning.Record.TTL = 3, ttl
	published := node("n1", "master", 6)
	published.Lease = 3
	out.Reset()
	gateway.Step(2, &Event{
		Kind: Listed, Op: list.Op, Sent: 1, Outcome: kv.OK, Header: at(10), Items: []kv.Item{reigning, published},
	}, &out)
	if !gateway.Frontend.Wanted() || gateway.Frontend.PhaseName() != "Checking" {
		t.Errorf("it is %s and does %v", gateway.Frontend.PhaseName(), out.List)
	}
	for _, e := range out.List {
		if e.Kind == Notify {
			t.Error("a frontend notifies hooks")
		}
	}
}

// TestUnitsWakeForBoth the machine and the view: a failed listing is repeated.
func TestUnitsWakeForBoth(t *testing.T) {
	cfg := BackendConfig{Name: "n1", TTL: ttl}
	member := NewMember(&cfg)
	gateway := NewGateway(&FrontendConfig{Name: "f1", TTL: ttl})
	for name, u := range map[string]unit{"member": member, "gateway": gateway} {
		var out Effects
		u.Step(1, &Event{Kind: Started}, &out)
		view := &gateway.View
		if name == "member" {
			view = &member.View
			view.Open(1, &out)
		}
		u.Step(2, &Event{Kind: Listed, Op: view.op, Outcome: kv.Unknown}, &out)
		due := view.Next()
		if due == Never || u.Next() > due {
			t.Fatalf("%s: the view waits for %v, the unit for %v", name, due, u.Next())
		}
		out.Reset()
		u.Step(due, &Event{Kind: Tick}, &out)
		listed := false
		for _, e := range out.List {
			listed = listed || e.Kind == ListKeys
		}
		if !listed || u.Next() <= due {
			t.Errorf("%s: it does %v, next at %v", name, out.List, u.Next())
		}
	}
}

// TestResetIsNew: the memory is kept, what was learned is not.
func TestResetIsNew(t *testing.T) {
	cfg := BackendConfig{Name: "n1", TTL: ttl}
	m := NewMember(&cfg)
	var out Effects
	m.Step(1, &Event{Kind: Started, Held: Held{Cluster: cluster, Rev: 90, Epoch: 9}}, &out)
	m.View.Open(1, &out)
	m.Step(2, &Event{
		Kind: Listed, Op: m.View.op, Sent: 1, Outcome: kv.OK, Header: at(100), Items: []kv.Item{node("n2", "ready", 9)},
	}, &out)
	m.Reset(&cfg)
	if m.Backend != NewBackend(&cfg) || m.lineage != (Lineage{}) || len(m.View.Items()) != 0 ||
		m.View.Rev() != 0 || *m.View.Facts() != (Facts{}) || m.Next() != Never {
		t.Errorf("after Reset it remembers: %+v", m)
	}
	g := NewGateway(&FrontendConfig{Name: "f1", TTL: ttl})
	g.Step(1, &Event{Kind: Started, Held: Held{Epoch: 9}}, &out)
	g.Reset(g.Frontend.cfg)
	if g.Frontend != NewFrontend(g.Frontend.cfg) || g.View.phase != viewClosed {
		t.Errorf("after Reset it remembers: %+v", g)
	}
}
