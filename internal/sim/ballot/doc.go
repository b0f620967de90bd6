// Package ballot visits every state of a group that elects by finals (SPEC E7) under
// a member list (SPEC P3), breadth first, to see that no acknowledged entry is ever
// missing from the master. Package explore has the machines and time; here there is
// no time at all: whatever can happen may happen next. What decides is real: the
// listing is made of kv.Items, and fsm.Digest, Facts.MemberObstacle, Facts.Quorum and
// VoteFact.TooFew say who may claim.
//
// # The model
//
// A node is the log on its disk, what it is doing, the epoch from which on it may
// follow a master (which detach raises), and its final. A log is a tree's branch: a
// reign writes its records upon what its master had, the epoch's first. etcd is
// _epoch, _master or none, _config and the finals. An operator begins a change of the
// list, and may take it back; the master carries it out in the steps of SPEC P3, and
// everything else may come between any two of them, the end of the reign included.
//
// Who loses _master goes on for as long as it likes: it may be promoted, write, stream
// and acknowledge long after others reign. In production its processes are dead
// before the next master hook starts (S6), but only within A2 and A3, and this must
// hold beyond them: it rests on detach alone, not on clocks. What it cannot do
// is see a _config that is newer than the loss, since its view shows that first.
//
// # What is taken for the same, and why nothing is lost by it
//
//   - An entry counts as acknowledged as soon as k of the names in force have told the
//     master that they have it, whether or not it says so. No decision depends on it,
//     and whatever it says later it could have said then. Nor does it forget who has
//     told it: a dead connection may go unnoticed.
//   - What is asked of a claim is that the claimant has every such entry, and from
//     then on that whatever an earlier reign acknowledges is in it too. Promotion comes
//     later, so this is the stronger demand.
//   - Following and streaming are one action: a standby takes the next record from any
//     master that it may follow, and from then on from no earlier one. A view that is
//     behind is one that still follows an old master.
//   - Detach, position and vote are one action: after detach nothing changes in the
//     log until the final stands in etcd, or the vacancy is over. The decision to
//     claim and the claim are two, for the listing may be old; the claim's
//     comparisons are that decisions end with any write to _epoch or _config.
//   - Who ends is back at once (scope away=0). A node that is gone does nothing,
//     which a ready node may do as well; finals that are missing let nobody claim. A
//     standby that ends and comes back has a higher bound on whom it follows than
//     before, and else is as it was. A node that rewinds or clones takes over its
//     source's log in one step, at any time after it has begun: a half-done copy votes
//     no more than a node that has not begun. With away=1 nodes are gone for long.
//   - Masters that are no longer _master's holder have the list that was in force
//     last. Had they taken a later one, and then acknowledged an entry by it, then so
//     they would have had they taken it before.
//   - What was written under a dead reign, and is on no disk, is forgotten.
//   - Nodes are interchangeable: the rule compares names only for being the same. A
//     state is written down as two words for each node and two for the rest, which say
//     everything; the nodes' words are sorted.
//   - Finals for an older epoch are none (old=1 keeps them: the rule sees to it).
//
// One entry a reign is mostly enough: for a loss one has to be acknowledged, and the
// other branch needs one that makes it longer. With more, lengths differ more: see
// the scopes with entries=2, and with promo and weight, where a promotion writes a
// record of its own that is longer or shorter than an entry.
//
// # What it cannot see
//
// Time, and so whether anybody claims in the end: the counters say that every
// action and every reign was reached, no more. An etcd that was replaced
// (K4: every node knows the one list). Disks that lose what was flushed, or that are
// replaced by empty ones without a clone. k = 0. How PostgreSQL takes a new list into
// force: here that is one instant for all its processes.
package ballot
