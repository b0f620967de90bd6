package explore

import (
	"fmt"

	"msdha/internal/fsm"
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
	s = b.launch(s, 0)
	var err error
	if !b.scope.Cold { // one after the other, so that nobody else claims
		if s, err = b.stand(s, 1); err != nil {
			return nil, err
		}
	}
	for i := int8(1); i < int8(b.scope.Nodes); i++ {
		s = b.launch(s, i)
	}
	if b.scope.Fronts > 0 {
		s = b.launch(s, front0)
	}
	if !b.scope.Cold {
		if s, err = b.stand(s, b.scope.Nodes); err != nil {
			return nil, err
		}
	}
	s.budget = b.scope.Budget
	return s, nil
}

// launch starts a node or the frontend.
func (b *builder) launch(s *state, i int8) *state {
	into := new(state)
	b.begin(s, into)
	if i == front0 {
		into.front, b.ownFront = new(front), true
		b.front().g.Reset(&b.frontCfg)
		b.input(front0, fsm.Event{Kind: fsm.Started})
	} else {
		b.startNode(i)
	}
	b.trim()
	return into
}

// stand drives the machines, without a fault, until so many of them are whole:
// n1 reigns, the others stand by, the frontend routes.
func (b *builder) stand(s *state, nodes int) (*state, error) {
	full := b.scope
	defer func() { b.scope, b.choices.mode = full, all }()
	b.scope.Grace, b.choices.mode = 0, prompt
	var acts []action
	for range 10_000 {
		acts = b.enabled(s, acts[:0])
		if len(acts) == 1 && acts[0].kind == tick && b.whole(s, nodes) {
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
func (b *builder) whole(s *state, nodes int) bool {
	if s.nodes[0].m.Backend.Phase() != fsm.Reigning || b.unseen(0) > 0 || b.unseen(front0) > 0 {
		return false
	}
	for i, n := range s.nodes[1:nodes] {
		if n.m.Backend.Phase() != fsm.Standby || b.unseen(int8(i+1)) > 0 {
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
