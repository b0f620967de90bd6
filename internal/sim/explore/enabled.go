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
	}
	return to
}

func (b *builder) ofNode(s *state, i int8, rests bool, to []action) []action {
	n := s.nodes[i]
	runs := n.up && n.paused == nothing
	to = ofCalls(s, i, n.calls[:], runs, to)
	rests = rests || busy(n.calls[:]) || n.hook != 0
	if rests && runs && s.budget[pauses] > 0 {
		for p := 1; p <= b.scope.Pause; p++ {
			to = append(to, action{kind: pauseAll, actor: i, arg: uint8(p)})
			if n.role != 0 || n.m.Backend.Reigning() { // what the guard then ends matters
				to = append(to, action{kind: pauseAgent, actor: i, arg: uint8(p)})
			}
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
			to = append(to, action{kind: answer, actor: i, arg: arg})
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
	if s.budget[leaders] > 0 && s.due() {
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
	for _, n := range s.nodes[:b.scope.Nodes] {
		if !settled(n.calls[:], n.up && n.paused == nothing) {
			return false
		}
	}
	return s.front == nil || settled(s.front.calls[:], !s.front.paused)
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

// due reports whether etcd could revoke a lease.
func (s *state) due() bool {
	for i := range s.leases {
		if l := &s.leases[i]; l.id != 0 && !l.ghost && l.expiry <= s.now {
			return true
		}
	}
	return false
}
