//go:build docker

package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"msdha/chaos/plan"
	"msdha/chaos/rig"
	"msdha/internal/runtime/proc"
)

// Why a fault cannot begin.
var (
	errImpossible = errors.New("nobody is in that role")
	errHurt       = fmt.Errorf("%w without a fault", errImpossible)
)

// action hurts the members of a wound and returns what ends it, nil if it is over
// at once.
type action func(*soaker, *plan.Fault, *wound) (heal func() error, err error)

var actions = map[string]action{
	plan.Kill: lasting((*rig.Member).Kill, (*rig.Member).Start),
	plan.Stop: slowly(func(m *rig.Member, ctx context.Context) error { return m.Stop(ctx, stopGrace) },
		(*rig.Member).Start),
	plan.Pause:      lasting((*rig.Member).Pause, (*rig.Member).Unpause),
	plan.KillNodes:  lasting((*rig.Member).Kill, (*rig.Member).Start),
	plan.KillBoth:   lasting((*rig.Member).Kill, (*rig.Member).Start),
	plan.LoseQuorum: lasting((*rig.Member).Kill, (*rig.Member).Start),
	plan.Restart:    slowly(func(m *rig.Member, ctx context.Context) error { return m.Restart(ctx, stopGrace) }, nil),
	plan.RestartEtcd: func(s *soaker, _ *plan.Fault, w *wound) (func() error, error) {
		return nil, errors.Join(s.all(w.of, (*rig.Member).Kill), s.all(w.of, (*rig.Member).Start))
	},
	plan.Compact: func(s *soaker, _ *plan.Fault, _ *wound) (func() error, error) {
		if err := s.Compact(s.ctx, s.Etcds[0]); err != nil {
			return nil, fmt.Errorf("%w: %w", errImpossible, err)
		}
		return nil, nil
	},
	plan.KillGuard:    sending((*rig.Member).Guard, syscall.SIGKILL),
	plan.KillAgent:    sending((*rig.Member).Agent, syscall.SIGKILL),
	plan.KillPostgres: sending((*rig.Member).Postmaster, syscall.SIGKILL),
	plan.StopAgent:    stopAgent,
	plan.KillAgain:    killAgain,
	plan.CutFromEtcd:  filter(func(s *soaker, _ *plan.Fault) rig.Rule { return rig.Drop(s.Etcds...) }),
	plan.Mute:         filter(func(s *soaker, _ *plan.Fault) rig.Rule { return rig.DropTo(s.Etcds...) }),
	plan.Deaf:         filter(func(s *soaker, _ *plan.Fault) rig.Rule { return rig.DropFrom(s.Etcds...) }),
	plan.CutFromPeers: filter(func(s *soaker, _ *plan.Fault) rig.Rule { return rig.Drop(s.Nodes...) }),
	plan.CutFromAll:   filter(func(*soaker, *plan.Fault) rig.Rule { return rig.Drop() }),
	plan.Lose:         filter(func(_ *soaker, f *plan.Fault) rig.Rule { return rig.Lose(f.Percent) }),
}

// all does the same to several, one right after another.
func (s *soaker) all(members []*rig.Member, do func(*rig.Member, context.Context) error) error {
	var errs []error
	for _, m := range members {
		errs = append(errs, do(m, s.ctx))
	}
	return errors.Join(errs...)
}

func lasting(begin, end func(*rig.Member, context.Context) error) action {
	return func(s *soaker, _ *plan.Fault, w *wound) (func() error, error) {
		return func() error { return s.all(w.of, end) }, s.all(w.of, begin)
	}
}

// slowly is for what waits for an end that may take the whole grace (an etcd
// member waits for its watchers). Other faults go on meanwhile.
func slowly(begin, end func(*rig.Member, context.Context) error) action {
	return func(s *soaker, _ *plan.Fault, w *wound) (func() error, error) {
		if s.gone(w.of) {
			return nil, errImpossible
		}
		var err error
		w.slow = make(chan struct{})
		go func() {
			defer close(w.slow)
			err = begin(w.of[0], s.ctx)
		}()
		return func() error {
			if err != nil || end == nil {
				return err
			}
			return end(w.of[0], s.ctx)
		}, nil
	}
}

func sending(to func(*rig.Member, context.Context) (proc.ID, error), what syscall.Signal) action {
	return func(s *soaker, _ *plan.Fault, w *wound) (func() error, error) {
		id, err := to(w.of[0], s.ctx)
		if err == nil {
			err = w.of[0].Signal(id, what)
		}
		if err != nil { // it has ended by itself, or does not run yet
			return nil, fmt.Errorf("%w: %w", errImpossible, err)
		}
		return nil, nil
	}
}

// stopAgent's SIGCONT meets nobody when the guard has killed the agent, as it must.
func stopAgent(s *soaker, f *plan.Fault, w *wound) (func() error, error) {
	m := w.of[0]
	id, err := m.Agent(s.ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errImpossible, err)
	}
	_, err = sending(func(*rig.Member, context.Context) (proc.ID, error) { return id, nil }, syscall.SIGSTOP)(s, f, w)
	return func() error {
		_ = m.Signal(id, syscall.SIGCONT)
		return nil
	}, err
}

// killAgain kills the master, and whoever claims next as soon as it has claimed.
func killAgain(s *soaker, _ *plan.Fault, w *wound) (func() error, error) {
	old := s.Observer.Master()
	heal := func() error { return s.all(w.of, (*rig.Member).Start) }
	if err := w.of[0].Kill(s.ctx); err != nil {
		return heal, err
	}
	for limit := time.Now().Add(4 * s.Opts.TTL); time.Now().Before(limit); s.advance(time.Now().Add(lookPace)) {
		next := s.Node(s.Observer.Next(old.Epoch).Node)
		if next == nil {
			continue
		}
		if s.hurt(next) {
			break
		}
		if err := next.Kill(s.ctx); err != nil {
			return heal, err
		}
		w.of = append(w.of, next)
		return heal, nil
	}
	s.tell("%s: nobody claimed who could be killed again", w.text)
	return heal, nil
}

func filter(rule func(*soaker, *plan.Fault) rig.Rule) action {
	return func(s *soaker, f *plan.Fault, w *wound) (func() error, error) {
		m := w.of[0]
		state, err := m.State(s.ctx)
		if err != nil {
			return nil, err
		}
		w.rules, w.pid = []rig.Rule{rule(s, f)}, state.Pid
		return func() error {
			// If it ends just now, the filter is gone, which is as good.
			if err := m.Unfilter(s.ctx); err != nil && !s.replaced(m, w.pid) {
				return err
			}
			return nil
		}, m.Filter(s.ctx, w.rules...)
	}
}

// replaced says whether the first process is not the one of that number.
func (s *soaker) replaced(m *rig.Member, pid int) bool {
	state, err := m.State(s.ctx)
	return err == nil && state.Pid != pid
}

// gone says whether any of them does not run, or is on its way up or down.
func (s *soaker) gone(members []*rig.Member) bool {
	return slices.ContainsFunc(members, func(m *rig.Member) bool {
		state, err := m.State(s.ctx)
		return err == nil && (state.Pid == 0 || state.Restarting || time.Since(started(state.StartedAt)) < time.Second)
	})
}

func started(at string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, at) // never started: long ago
	return t
}

// hurt says whether a fault of that member is not over. One at a time is enough
// for each: what heals one would undo another.
func (s *soaker) hurt(m *rig.Member) bool {
	return slices.ContainsFunc(s.wounds, func(w *wound) bool { return slices.Contains(w.of, m) })
}

// victims are those whom the fault is to meet.
func (s *soaker) victims(f *plan.Fault) ([]*rig.Member, error) {
	var among []*rig.Member
	master := s.Node(s.Observer.Master().Node)
	switch f.Role {
	case plan.Master:
		if master != nil {
			among = []*rig.Member{master}
		}
	case plan.Slave:
		among = s.Others(master)
	case plan.Frontend:
		among = s.Fronts
	case plan.Leader, plan.Follower:
		leader, followers, err := s.EtcdLeader(s.ctx)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errImpossible, err)
		}
		if among = followers; f.Role == plan.Leader {
			among = []*rig.Member{leader}
		}
	case plan.Nodes:
		return s.unhurt(s.Nodes)
	case plan.Both:
		leader, _, err := s.EtcdLeader(s.ctx)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", errImpossible, err)
		case master == nil:
			return nil, errImpossible
		}
		return s.unhurt([]*rig.Member{leader, master})
	case plan.Etcd:
		return s.etcds(f)
	}
	free := slices.DeleteFunc(slices.Clone(among), s.hurt)
	switch {
	case len(among) == 0:
		return nil, errImpossible
	case len(free) == 0:
		return nil, errHurt
	}
	return []*rig.Member{free[f.Pick%len(free)]}, nil
}

// etcds are the members that a fault of all of etcd meets: two are a quorum.
func (s *soaker) etcds(f *plan.Fault) ([]*rig.Member, error) {
	switch f.Kind {
	case plan.Compact:
		return nil, nil
	case plan.LoseQuorum:
		spared := f.Pick % len(s.Etcds)
		return s.unhurt(slices.Delete(slices.Clone(s.Etcds), spared, spared+1))
	}
	return s.unhurt(s.Etcds)
}

func (s *soaker) unhurt(members []*rig.Member) ([]*rig.Member, error) {
	if slices.ContainsFunc(members, s.hurt) {
		return nil, errHurt
	}
	return members, nil
}
