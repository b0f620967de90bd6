package explore

import (
	"testing"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// TestPropertiesCanFail: each property notices a state that was tampered with.
func TestPropertiesCanFail(t *testing.T) {
	master := func(e kv.Epoch, lease kv.LeaseID) kv.Op {
		r := kv.Record{Node: "n2", Incarnation: lease, Epoch: e}
		return kv.Op{Kind: kv.OpPut, Key: kv.Master, Record: r, Lease: lease}
	}
	cases := []struct {
		property string
		tamper   func(b *builder)
	}{
		{"S1", func(b *builder) { b.usurp(master(9999, 0)) }},
		{"S2", func(b *builder) { b.usurp(master(1, b.s.nodes[1].m.Backend.Lease())) }},
		{"S3", func(b *builder) { b.s.leases[0] = lease{}; b.input(0, fsm.Event{Kind: fsm.Tick}) }},
		{"S4", func(b *builder) {
			r := b.s.lastReign()
			r.ended, r.deleted = true, b.s.now.Add(-2*ttl)
			b.input(0, fsm.Event{Kind: fsm.Tick})
		}},
		{"S5", func(b *builder) {
			b.s.lastReign().ended, b.s.lastReign().deleted = true, b.s.now
			b.startHook(1)
		}},
		{"S6", func(b *builder) { b.s.lastReign().released = true; b.startHook(1) }},
		{"S7", func(b *builder) {
			copy(b.s.reigns[:], b.s.reigns[1:])
			*b.s.lastReign() = reign{epoch: b.s.lastReign().epoch + 1, hooked: true}
			b.forwards()
		}},
		{"S9", func(b *builder) { b.routes(b.front(), &fsm.Effect{Kind: fsm.Route, Node: "n3", Epoch: 1}) }},
		{"S12", func(b *builder) { b.node(1).role = 1; b.input(1, fsm.Event{Kind: fsm.Tick}) }},
		{"S13", func(b *builder) {
			n := b.node(1)
			n.watch = 0
			b.checkEffect(1, n, &n.m.Backend, &fsm.Effect{Kind: fsm.Claim})
		}},
		{"S14", func(b *builder) {
			n := b.node(0)
			b.checkEffect(0, n, &n.m.Backend, &fsm.Effect{Kind: fsm.RevokeLease})
		}},
		{"S16", func(b *builder) { b.settleView("n1", &fsm.View{}) }},
		{"S17", func(b *builder) {
			b.out.Stray = [2]string{"Standby", "a reply"}
			n := b.node(1)
			b.afterStep(1, n, &n.m.Backend, &fsm.Event{Kind: fsm.Tick})
		}},
		{"S18", func(b *builder) { b.startHook(1) }},
	}
	for _, c := range cases {
		t.Run(c.property, func(t *testing.T) {
			s := Floor()
			s.Only = c.property
			b := newBuilder(s)
			root, err := b.root()
			if err != nil {
				t.Fatal(err)
			}
			into := new(state)
			b.begin(root, into)
			c.tamper(b)
			if b.bad == nil || b.bad.Property != c.property {
				t.Errorf("got %v, want a violation of %s", b.bad, c.property)
			}
		})
	}
}

// usurp writes behind everybody's back.
func (b *builder) usurp(op kv.Op) {
	head := b.s.head().after([]kv.Op{{Kind: kv.OpDelete, Key: kv.Master}})
	b.write(head)
	b.write(head.after([]kv.Op{op}))
}

// startHook starts the master hook of a node that nobody has elected.
func (b *builder) startHook(i int8) {
	e := &fsm.Effect{Kind: fsm.RunHook, Hook: fsm.HookMaster}
	e.Env.Epoch = b.s.lastReign().epoch + 1
	b.masterHook(i, b.node(i), e)
}

// TestStuckGroupsAreNoticed: a group at rest without a master, or whose frontend
// routes to nobody, is not well.
func TestStuckGroupsAreNoticed(t *testing.T) {
	b := newBuilder(Floor())
	root, err := b.root()
	if err != nil {
		t.Fatal(err)
	}
	if v := b.rests(root); v != nil {
		t.Errorf("the group that stands: %v", v)
	}
	into := new(state)
	b.begin(root, into)
	b.node(0).up = false
	if v := b.stuck(into); v == nil || v.Property != "L1" {
		t.Errorf("without its master: %v, want L1", v)
	}
	b.begin(root, into)
	b.front().g = fsm.Gateway{}
	if v := b.stuck(into); v == nil || v.Property != "L3" {
		t.Errorf("with a frontend that routes to nobody: %v, want L3", v)
	}
}
