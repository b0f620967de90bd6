package explore

import (
	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
)

// enabled appends every action that the state allows.
func (b *builder) enabled(s *state, to []action) []action {
	rests := b.mayTick(s)
	for i := range int8(b.scope.Nodes) {
		to = b.ofNode(s, i, rests, to)
	}
	if s.front != nil {
		to = b.ofFront(s, rests, to)
	}
	for i := range s.leases {
		to = b.ofLease(s, i, to)
	}
	to = b.ofGroup(s, rests, to)
	if rests {
		to = append(to, action{kind: tick, actor: -1})
		if s.budget[drops] > 0 {
			to = b.hits(s, to)
		}
	}
	return to
}

// hits are ticks in which somebody's round is hit.
func (b *builder) hits(s *state, to []action) []action {
	for i, n := range s.nodes[:b.scope.Nodes] {
		if n.up && n.m.Backend.Phase() < fsm.Fenced {
			for h := hitLost; h < numHits; h++ {
				if h < hitLate || !n.m.Backend.Reigning() {
					to = append(to, action{kind: tick, actor: int8(i), hit: h})
				}
			}
		}
	}
	if f := s.front; f != nil && !f.paused {
		to = append(to, action{kind: tick, actor: front0, hit: hitLost})
	}
	return to
}

// withHits appends the action, and again for each way in which a round that is
// sent because of it can be hit.
func withHits(s *state, a action, to []action) []action {
	to = append(to, a)
	if s.budget[drops] > 0 {
		for h := hitLost; h < numHits; h++ {
			to = append(to, action{a.kind, a.actor, a.arg, h})
		}
	}
	return to
}

func (b *builder) ofNode(s *state, i int8, rests bool, to []action) []action {
	n := s.nodes[i]
	runs := n.up && n.paused == nothing
	to = ofCalls(s, i, n.calls[:], runs, to)
	if runs {
		if n.m.Next() <= s.now {
			to = withHits(s, action{kind: wake, actor: i}, to)
		}
		if n.watch != 0 && n.m.View.Rev() < s.head().n {
			to = append(to, action{kind: deliver, actor: i})
		}
		fresh := s.fresh&(1<<i) != 0
		if n.hook != 0 && (fresh || n.hookBy <= s.now) {
			to = append(to, action{kind: hookEnds, actor: i})
		}
		if n.asked && fresh {
			to = append(to, action{kind: childExits, actor: i})
		}
	}
	if n.killing && n.tree {
		to = append(to, action{kind: treeDies, actor: i})
	}
	rests = rests || busy(n.calls[:]) || n.hook != 0
	if rests && runs && s.budget[pauses] > 0 {
		for p := 1; p <= b.scope.Pause; p++ {
			to = append(to, action{kind: pauseAgent, actor: i, arg: uint8(p)}, action{kind: pauseAll, actor: i, arg: uint8(p)})
		}
	}
	if rests && n.up && s.budget[crashes] > 0 {
		to = append(to, action{kind: crash, actor: i})
	}
	if !n.up && !n.tree && s.budget[restarts] > 0 {
		to = append(to, action{kind: restart, actor: i})
	}
	if runs && s.budget[stops] > 0 && n.m.Backend.Phase() < fsm.Draining {
		to = append(to, action{kind: stop, actor: i})
	}
	return to
}

// busy reports whether a request or a reply is under way.
func busy(calls []call) bool {
	for k := range calls {
		if st := calls[k].state; st == sent || st == executed {
			return true
		}
	}
	return false
}

func ofCalls(s *state, i int8, calls []call, runs bool, to []action) []action {
	for k := range calls {
		c, arg := &calls[k], uint8(k)
		switch c.state {
		case sent:
			to = append(to, action{kind: execute, actor: i, arg: arg})
			if s.budget[drops] > 0 {
				to = append(to, action{kind: delay, actor: i, arg: arg})
			}
		case adrift:
			to = append(to, action{kind: execute, actor: i, arg: arg})
		case executed:
			if !runs {
				continue
			}
			to = withHits(s, action{kind: answer, actor: i, arg: arg}, to)
			if c.sent < s.now {
				to = append(to, action{kind: mute, actor: i, arg: arg})
			}
		}
	}
	return to
}

func (b *builder) ofFront(s *state, rests bool, to []action) []action {
	f := s.front
	to = ofCalls(s, front0, f.calls[:], !f.paused, to)
	if f.paused {
		return to
	}
	if f.g.Next() <= s.now {
		to = withHits(s, action{kind: wake, actor: front0}, to)
	}
	if f.watch != 0 && f.g.View.Rev() < s.head().n {
		to = withHits(s, action{kind: deliver, actor: front0}, to)
	}
	if (rests || busy(f.calls[:])) && s.budget[pauses] > 0 {
		for p := 1; p <= b.scope.Pause; p++ {
			to = append(to, action{kind: pauseAll, actor: front0, arg: uint8(p)})
		}
	}
	return to
}

func (b *builder) ofLease(s *state, i int, to []action) []action {
	l := &s.leases[i]
	if l.id == 0 {
		return to
	}
	a := action{kind: expire, actor: -1, arg: uint8(i)}
	if l.ghost || l.doomed || l.expiry <= s.now {
		to = append(to, a)
		if a.kind = expireSlow; s.budget[ghosts] > 0 && !l.ghost {
			to = append(to, a)
		}
	}
	return to
}

func (b *builder) ofGroup(s *state, rests bool, to []action) []action {
	if rests && s.budget[leaders] > 0 {
		to = append(to, action{kind: elect, actor: -1})
	}
	if s.budget[deletes] == 0 {
		return to
	}
	for i := range s.head().items {
		switch it := &s.head().items[i]; it.Key.Kind {
		case kv.KindMaster:
			to = append(to, action{kind: deleteMaster, actor: -1})
		case kv.KindNode:
			to = append(to, action{kind: deleteNode, actor: indexOf(it.Key.Name)})
		}
	}
	return to
}

// mayTick reports whether everything has happened that takes less than a tick.
func (b *builder) mayTick(s *state) bool {
	for i := range int8(b.scope.Nodes) {
		n := s.nodes[i]
		runs := n.up && n.paused == nothing
		if !settled(n.calls[:], runs) || n.killing && n.tree && n.killBy <= s.now {
			return false
		}
		if runs && (n.m.Next() <= s.now || n.hook != 0 && n.hookBy <= s.now || b.lags(s, &n.m.View)) {
			return false
		}
	}
	f := s.front
	return f == nil || settled(f.calls[:], !f.paused) && (f.paused || f.g.Next() > s.now && !b.lags(s, &f.g.View))
}

// settled: requests and replies take less than a tick.
func settled(calls []call, runs bool) bool {
	for k := range calls {
		if st := calls[k].state; st == sent || runs && st == executed {
			return false
		}
	}
	return true
}

func (b *builder) lags(s *state, v *fsm.View) bool {
	if b.scope.Lag < 0 {
		return false
	}
	unseen := 0
	for _, r := range s.log {
		if r.n > v.Rev() {
			unseen++
		}
	}
	return unseen > b.scope.Lag
}
