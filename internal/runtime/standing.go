package runtime

import (
	"fmt"
	"time"

	"msdha/internal/fsm"
	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/status"
)

// sightings are since when the nodes are in the state that they are in. A machine
// has no use for that, but people ask.
type sightings map[string]time.Time

// observe follows the notices, which are one for each change of a node's key.
func (s sightings) observe(effects []fsm.Effect, now time.Time) {
	for i := range effects {
		e := &effects[i]
		switch {
		case e.Kind != fsm.Notify:
		case e.Action == "init": // nobody knows since when
			delete(s, e.Node)
		default:
			s[e.Node] = now
		}
	}
}

// since is empty where it is not known.
func (s sightings) since(node string) string {
	t, ok := s[node]
	if !ok {
		return ""
	}
	return " since " + t.UTC().Format("15:04:05Z")
}

// missing says whose finals are missing, or in the way (SPEC E7), where that is why
// this node may not claim.
func (b *backend) missing(s *fsm.Standing) (text string) {
	if !s.TooFew {
		return ""
	}
	epoch := b.member.View.Facts().Epoch.Epoch
	for _, node := range b.electors() {
		if w := b.wantOf(node, epoch, s.Position); w != "" {
			text += "; " + w
		}
	}
	return text
}

// wantOf says what another elector's final lacks: empty if nothing.
func (b *backend) wantOf(node string, epoch kv.Epoch, own kv.Position) string {
	info, state := b.find(kv.NodeInfo(node)), b.find(kv.NodeKey(node)).Record.State
	r := &info.Record
	switch {
	case node == b.cfg.Name:
		return ""
	case r.Final && r.FinalFor == epoch:
		if r.Position.Compare(own) > 0 {
			return fmt.Sprintf("the data of %s reaches further, to %s", node, r.Position)
		}
		return ""
	case state == "":
		return node + " is not there" + b.seen.since(node)
	case state == string(fsm.StateReady):
		return node + " is ready, but has not said yet how far its data reaches"
	}
	return node + " is not ready, but " + state + b.seen.since(node)
}

// electors are the nodes whose finals count: the members, or, without a list, the
// registered candidates (SPEC E1).
func (b *backend) electors() (names []string) {
	if list := b.find(kv.Config); list.Present {
		return list.Record.Members.List()
	}
	for _, it := range b.member.View.Items() {
		if it.Key.Kind == kv.KindNodeInfo && !it.Record.Observer {
			names = append(names, it.Key.Name)
		}
	}
	return names
}

func (b *backend) find(k kv.Key) kv.Item {
	for _, it := range b.member.View.Items() {
		if it.Key == k {
			return it
		}
	}
	return kv.Item{Key: k}
}

// showStanding adds to a snapshot what elections go by.
func (b *backend) showStanding(to *status.Backend, s *fsm.Standing) {
	f := b.member.View.Facts()
	if s.Follows != 0 && s.Follows == f.Master.Epoch {
		to.Follows = f.Master.Node
	}
	to.Detached = s.Detached
	if s.Measured {
		to.Position = s.Position.String()
	}
	if s.Votes.Own {
		to.Finals = &status.Finals{Cast: s.Votes.Cast, NotHigher: s.Votes.NotHigher, Needed: s.Quorum}
	}
	if list := b.find(kv.Config); list.Present {
		r := &list.Record
		to.Members = &status.Members{
			Names: string(r.Members), K: r.K, Version: r.Serial, Armed: r.Armed,
			NextNames: string(r.NextMembers), NextK: r.NextK,
		}
	}
	to.Ended = b.lastEnded()
	to.Paused = f.Control.Request == kv.RequestPause
	to.Trouble = b.failing.latest()
}

// lastEnded is the newest reign of which somebody has said that it has ended.
func (b *backend) lastEnded() (last *status.Ended) {
	for _, it := range b.member.View.Items() {
		r := &it.Record
		if it.Key.Kind == kv.KindHistory && r.Ended != "" && (last == nil || int64(r.Epoch) > last.Epoch) {
			last = &status.Ended{
				Epoch: int64(r.Epoch), Node: r.Node, Ended: r.Ended, By: r.By, How: string(r.How),
			}
		}
	}
	return last
}

// passing: what a node is about to do is no news.
func passing(s *fsm.Standing) bool { return s.Running != fsm.HookNone || s.Voting }

// acceptLoss is what an operator can do where too few nodes have voted.
func acceptLoss(s *fsm.Standing) string {
	if !s.TooFew {
		return ""
	}
	return "bring those nodes back, or give up what only they may have: msdhactl promote --accept-data-loss"
}
