package fsm

import (
	"fmt"

	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

func (b *Backend) quorum() int { return b.facts.Quorum(b.cfg.Name, b.cfg.PromoteQuorum) }

func (b *Backend) forced() bool { return b.facts.forced(b.cfg.Name) }

func (b *Backend) paused() bool { return b.facts.Control.Request == kv.RequestPause }

// ballotObstacle is what the finals say against a claim, once the wait is over.
func (b *Backend) ballotObstacle() string {
	l, v := &b.lane, &b.facts.Votes
	switch {
	case l.op != 0:
		return "a hook that must not overlap with a promotion still runs"
	case !b.votes():
		return ""
	case l.epoch != b.vacancy.epoch || l.follows || l.voted == 0 || !v.Own:
		return "it has not published yet how far its data reaches"
	}
	return v.TooFew(b.quorum())
}

// standsBack is until when this node lets others go first (SPEC E7). It only
// orders those who may claim.
func (b *Backend) standsBack() Instant {
	v := &b.facts.Votes
	if !b.votes() || b.forced() || v.Awaited == 0 && !v.Outranked {
		return 0
	}
	return b.lane.votedAt.Add(b.timing())
}

// explainVotes says which finals are missing.
func (b *Backend) explainVotes(text string) string {
	v := &b.facts.Votes
	if b.votes() && v.Own && v.NotHigher < b.quorum() {
		return fmt.Sprintf("%s: %d of %d, and %d are needed", text, v.NotHigher, v.Cast, b.quorum())
	}
	return text
}

// switchAsked: an operator wants this reign to end, and somebody could take over
// (SPEC E6).
func (b *Backend) switchAsked() bool {
	c := &b.facts.Control
	return c.Request == kv.RequestSwitchover &&
		(c.Epoch == b.reign.epoch || mutant.On(mutant.OtherReignsRequest)) &&
		(c.Ready || mutant.On(mutant.UnfitSuccessor)) && b.enoughFollowers()
}

// enoughFollowers: Q other members are ready, one of them a candidate (SPEC N4, E6).
func (b *Backend) enoughFollowers() bool {
	q := max(1, b.cfg.PromoteQuorum)
	if c := &b.facts.Config; c.Present && c.K > 0 {
		q = c.Count - c.K
	}
	return b.facts.ReadyOthers >= 1 && b.facts.ReadyMembers >= q
}

// reinitAsked: an operator wants this incarnation's data to be cloned anew.
func (b *Backend) reinitAsked() bool {
	c := &b.facts.Control
	return c.Request == kv.RequestReinit && c.Node == b.cfg.Name && c.Incarnation == b.lease && b.facts.Master.Present
}

// reinit remembers the wish for the next life's pre_start.
func (b *Backend) reinit(now Instant, _ *Event, out *Effects) {
	b.remembered.Reinit = true
	out.add(Remember).Held = b.remembered
	b.drain(now, CauseReinit, out)
}
