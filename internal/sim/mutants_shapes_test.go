//go:build mutants

package sim

import (
	"slices"
	"time"

	"msdha/internal/fsm"
)

// A shape narrows the drawn schedules to those in which a bug exists at all, or
// to the neighbourhood of a coincidence that takes too long to be drawn.

func largerFrontTTL(s *Schedule) { s.FrontTTL = 4 * s.TTL }

func smallTTL(s *Schedule) { s.TTL, s.FrontTTL = time.Second, time.Second }

func shortReigns(s *Schedule) { s.MasterTTL = 2 * s.TTL }

// asleepInHooks stops every agent beyond D while its first hooks run.
func asleepInHooks(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	for i := range s.Nodes {
		s.Faults = append(s.Faults, Fault{
			Kind: StopAgent, Who: Who(i), On: OnStart, Count: 1 + int(r.below(2)),
			After: r.between(0, 2*time.Second), Dur: s.TTL + r.between(0, fsm.Grace(s.TTL)),
		})
	}
}

// nearRead deletes _master within some milliseconds of the next read of a
// frontend whose clock may be slow: only there T(1−ρ) differs from T.
func nearRead(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Drift = 1000
	for n := range 4 {
		s.Faults = append(s.Faults, Fault{
			Kind: DeleteMaster, On: OnRenewal, Count: 2 + 3*n, Who: Who(s.Nodes),
			After: s.TTL/4 - 3*time.Millisecond + r.between(0, 12*time.Millisecond),
		})
	}
	s.Fronts = max(s.Fronts, 1)
}

// drainingAtD asks a master to stop that ignores it and cannot renew.
func drainingAtD(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	at := r.between(0, 3*s.TTL)
	for i, k := range []FaultKind{Cut, Deaf, Stop} {
		s.Faults = append(s.Faults, Fault{
			Kind: k, Who: Master, On: OnMaster, Count: 1, After: at + time.Duration(i)*s.TTL/4, Dur: 3 * s.TTL,
		})
	}
}

// deletedAtTry deletes the nodes' keys around the arrival of a claim.
func deletedAtTry(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	for i := range s.Nodes {
		s.Faults = append(s.Faults, Fault{
			Kind: DeleteNode, Who: Who(i), On: OnTry, Count: 1 + int(r.below(3)),
			After: r.between(0, 2*time.Millisecond),
		})
	}
}

// slowHooks takes longer than any hook may that has a limit.
func slowHooks(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Faults = append(s.Faults, Fault{
		Kind: SlowHook, Who: Who(r.below(int64(s.Nodes))), On: OnStart, Count: 1,
		Dur: r.between(10*time.Second, time.Minute),
		Arg: int([...]fsm.Hook{fsm.HookReady, fsm.HookMaster}[r.below(2)]),
	})
}

// unseenDeletion deletes _master while its holder's watch lags.
func unseenDeletion(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	at := r.between(0, 3*s.TTL)
	s.Faults = append(
		s.Faults,
		Fault{Kind: LagWatch, Who: Master, On: OnMaster, Count: 1, After: at, Dur: 2 * s.TTL},
		Fault{Kind: DeleteMaster, Who: Master, On: OnMaster, Count: 1, After: at + r.between(0, s.TTL)},
	)
}

// lostReply cuts the winner of a claim off before it hears of it.
func lostReply(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Faults = append(s.Faults, Fault{
		Kind: CutFrom, Who: Master, On: OnClaim, Count: 1 + int(r.below(2)), Dur: r.between(s.TTL/10, s.TTL/2),
	})
}

// slowReads deletes _master while the reads of a frontend are under way.
func slowReads(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Fronts = max(s.Fronts, 1)
	f := Who(s.Nodes)
	for n := range 3 {
		on := Fault{On: OnRenewal, Who: f, Count: 2 + 4*n}
		slow, gone := on, on
		slow.Kind, slow.Dur = Delay, s.TTL
		gone.Kind, gone.After = DeleteMaster, s.TTL/4+r.between(0, s.TTL/2)
		s.Faults = append(s.Faults, slow, gone)
	}
}

// shortCuts are the loss of a third of a TTL's messages, again and again, in a
// network without another fault.
func shortCuts(s *Schedule) {
	r := stream(s.Seed, forSchedule, 9)
	s.Calm, s.Mixed, s.TTL, s.Faults = true, 0, 10*time.Second, nil
	for n := range 3 * s.Nodes {
		s.Faults = append(s.Faults, Fault{
			Kind: CutTo, Who: Who(n % s.Nodes), After: 15*time.Second + time.Duration(n)*10*time.Second +
				r.between(0, s.TTL), Dur: s.TTL*2/5 - r.between(1, s.TTL/30),
		})
	}
	s.Until = time.Duration(15+30*s.Nodes+30) * time.Second
}

// nearStory draws near one story alone.
func nearStory(name string) func(*Schedule) {
	all, err := Stories()
	if err != nil {
		panic(err)
	}
	i := slices.IndexFunc(all, func(t *Story) bool { return t.Name == name })
	return func(s *Schedule) {
		r := stream(s.Seed, forSchedule, 9)
		s.drawNear(&r, &all[i].Schedule)
	}
}
