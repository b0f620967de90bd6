package explore

import (
	"fmt"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// root is the state from which exploration begins: everybody about to start, or
// a group that stands.
func (b *builder) root() (*state, error) {
	b.choices.mode = prompt
	defer func() { b.choices.mode = all }()
	s := &state{now: start, log: []*revision{{n: 1}}}
	for i := range b.scope.Nodes {
		s.nodes[i] = new(node)
	}
	if b.scope.Fronts > 0 {
		s.front = new(front)
	}
	into := new(state)
	b.begin(s, into)
	for i := range int8(b.scope.Nodes) {
		b.startNode(i)
	}
	if into.front != nil {
		f := b.front()
		f.g.Reset(&b.frontCfg)
		b.input(front0, fsm.Event{Kind: fsm.Started})
	}
	b.trim()
	if !b.scope.Cold {
		var err error
		if into, err = b.stand(into); err != nil {
			return nil, err
		}
	}
	into.budget = b.scope.Budget
	return into, nil
}

// stand drives the machines, without a fault, until the group is whole: n1
// reigns, the others stand by, the frontend routes.
func (b *builder) stand(s *state) (*state, error) {
	full := b.scope
	defer func() { b.scope, b.choices.mode = full, all }()
	b.scope.Grace, b.choices.mode = 0, prompt
	var acts []action
	for range 10_000 {
		acts = b.enabled(s, acts[:0])
		if len(acts) == 1 && acts[0].kind == tick && b.whole(s) {
			return s, nil
		}
		into := new(state)
		b.apply(s, acts[0], into)
		if b.bad != nil {
			return nil, fmt.Errorf("on the way to a group that stands: %v", b.bad)
		}
		s = into
	}
	return nil, fmt.Errorf("no group that stands after 10000 actions")
}

// whole reports whether nobody has anything to wait for.
func (b *builder) whole(s *state) bool {
	m := &s.nodes[0].m.Backend
	if m.Phase() != fsm.Reigning || s.now.Sub(s.nodes[0].m.Backend.Authority()) > 0 {
		return false
	}
	for _, n := range s.nodes[1:b.scope.Nodes] {
		if n.m.Backend.Phase() != fsm.Standby {
			return false
		}
	}
	if s.front == nil {
		return true
	}
	name, _, ok := s.front.g.Frontend.Routed()
	return ok && name == nodeNames[0]
}

// stuck: nothing but a fault changes anything any more, and the group has no
// master although somebody could be.
func (b *builder) stuck(s *state) *Violation {
	able, master := 0, -1
	for i, n := range s.nodes[:b.scope.Nodes] {
		if !n.up || n.paused != nothing {
			continue
		}
		switch n.m.Backend.Phase() {
		case fsm.Reigning:
			master = i
		case fsm.Standby, fsm.Waiting, fsm.Claiming, fsm.Confirming:
			able++
		}
	}
	if master < 0 && able > 0 {
		return &Violation{"L1", fmt.Sprintf("nothing happens any more, %d nodes could reign and none does", able)}
	}
	if s.front == nil || master < 0 {
		return nil
	}
	if name, _, ok := s.front.g.Frontend.Routed(); !ok || name != nodeNames[master] {
		return &Violation{"L3", fmt.Sprintf("nothing happens any more, and %s routes to %q, not to %s",
			frontName, name, nodeNames[master])}
	}
	return nil
}

var (
	_ = time.Second
	_ = kv.OK
)
