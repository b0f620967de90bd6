package fsm

import (
	"msdha/internal/fsm/kv"
	"msdha/internal/fsm/mutant"
)

// The rule by which a node may claim (SPEC E7), apart from time: it is a function of
// the listing, so that package sim/ballot can try it in every order of events.

// Digest is the facts of a listing at rev, which must be sorted by kv.Key.Compare,
// as the node self sees them. Finals that were written up to floor do not count.
func Digest(self string, rev, floor kv.Revision, items []kv.Item) Facts {
	var f Facts
	digest(&f, self, rev, floor, items)
	return f
}

// Quorum is Q: how many finals must not be higher than the claimant's. Whoever
// acknowledged a write had k others flush it; of any |members|−k that have voted
// and take nothing more from upstream one is among them. unlisted is Q where no
// member list says more; 0 means 1.
func (f *Facts) Quorum(self string, unlisted int) int {
	c := &f.Config
	switch {
	case f.forced(self):
		return 1
	case !c.Present || c.K == 0:
		return max(1, unlisted)
	case self != "" && f.OnlyMayClaim() == self:
		return 1
	case mutant.On(mutant.SmallQuorum):
		return max(1, c.Count-c.K-1)
	}
	return c.Count - c.K
}

// OnlyMayClaim is the one node that may claim until the list is armed; empty where
// that does not matter, or nothing is known.
func (f *Facts) OnlyMayClaim() string {
	if c := &f.Config; !c.Present || c.K == 0 || c.Armed {
		return ""
	}
	return f.first()
}

// first is the one node that has all the data until k others have had it once: who
// reigned last, since whoever claims has all that was acknowledged before; in a group
// without a reign the anchor, or who made the data. Empty where nothing is known of
// one (SPEC P2). An anchor alone would outlive a promotion with accepted loss, and
// lose what the promoted node has acknowledged since.
func (f *Facts) first() string {
	switch {
	case f.Epoch.Node != "" && !mutant.On(mutant.StaleAnchor):
		return f.Epoch.Node
	case f.Config.Anchor != "":
		return f.Config.Anchor
	}
	return f.Init.Node
}

// forced: an operator accepts whatever is lost, for this vacancy (SPEC E7).
func (f *Facts) forced(self string) bool {
	c := &f.Control
	return c.Request == kv.RequestPromote && c.Node == self && !f.Master.Present && c.Epoch == f.Epoch.Epoch
}

// MemberObstacle is what the member list and the operator say against a claim
// (SPEC E1, E8, K4, P2); empty where nothing. serial is the highest version of a
// list that the node has ever seen; what others say that they have seen counts as well.
func (f *Facts) MemberObstacle(self string, serial int64) string {
	c := &f.Config
	first := f.OnlyMayClaim()
	switch {
	case c.Bad:
		return "the key _config does not parse"
	case f.Control.Bad:
		return "the key _control does not parse"
	case f.Control.Request == kv.RequestPause && !mutant.On(mutant.PauseIgnored):
		return "the group is paused (msdhactl resume)"
	case c.Present && !c.Member && !mutant.On(mutant.StrangerClaims):
		return "it is not in the member list (msdhactl members)"
	case c.Serial < max(serial, f.KnownSerial) && !f.forced(self) && !mutant.On(mutant.OldListTrusted):
		return "a newer member list than the one in etcd is remembered (msdhactl members confirm)"
	case !c.Present:
		return ""
	case first != "" && first != self && !f.forced(self) && !mutant.On(mutant.AlwaysArmed):
		return "not enough members have had the data yet: only the node that has all of it may claim"
	}
	return ""
}

// TooFew is what the finals say against a claim by whoever has published its own;
// empty where nothing.
func (v *VoteFact) TooFew(quorum int) string {
	if v.NotHigher < quorum && !(mutant.On(mutant.StandBackThenClaim) && v.Awaited == 0) {
		return "too few finals are not higher than its own"
	}
	return ""
}
