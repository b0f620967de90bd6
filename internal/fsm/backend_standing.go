package fsm

import "msdha/internal/fsm/kv"

// Standing is where a node stands in elections, for people: nothing is decided by it.
type Standing struct {
	Running  Hook // of those that never overlap; HookNone: none
	Voting   bool // its final is on its way
	Detached bool
	Measured bool // Position is how far its data reaches, since it detached
	Position kv.Position
	Follows  kv.Epoch // of the master that it follows; 0: nobody
	Quorum   int      // finals that a claim needs
	Votes    VoteFact
	// TooFew: the finals of others are all that keeps it from claiming.
	TooFew bool
}

// Standing says where the node stands.
func (b *Backend) Standing() Standing {
	l := &b.lane
	s := Standing{
		Detached: l.detached, Measured: l.measured, Position: l.position,
		Voting: b.act.op != 0 && b.actKind == Vote, Quorum: b.quorum(), Votes: b.facts.Votes,
	}
	if l.op != 0 {
		s.Running = l.hook
	}
	if l.follows {
		s.Follows = l.epoch
	}
	s.TooFew = b.phase == Waiting && b.votes() && s.Votes.Own && b.obstacle() == "" &&
		s.Votes.TooFew(s.Quorum) != "" && b.ballotObstacle() == s.Votes.TooFew(s.Quorum)
	return s
}
