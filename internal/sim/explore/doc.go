// Package explore visits every state that a small group can get into: breadth
// first, over all orders of what can happen, with the very machines that run in
// production (fsm.Member, fsm.Gateway, fsm.Guard) and an abstract etcd, network
// and kernel. Where package sim draws long courses with many faults, explore
// takes few faults and leaves nothing out.
//
// # The model
//
// Time goes in ticks of T/2 or less. All clocks agree: ρ is what makes a tick a
// little longer than its part of T, so that D, F, a lease and the wait each end
// on a tick. Within a tick nothing takes time, and things happen in any order.
// From one tick to the next a hook, a pause or the kernel may take time, as the
// scope says. An action is one thing that happens: time moves on, etcd executes
// a request, a reply that was late arrives, a lease is revoked, something
// breaks. All that follows at once belongs to it, and where it can turn out in
// several ways each is taken (chooser).
//
// # What is left out, and why nothing is lost by it
//
// Two actions that touch different things lead to the same state in either
// order. So of all orders that differ only in that, one is taken:
//
//   - What a timer makes due happens as the tick begins. A machine looks at its
//     timers before any input, so that whatever came first in the tick would
//     find the same done. Only what such a step asks of etcd at once can tell:
//     renewals and a frontend's readings. They are served at the instant of
//     sending, as the tick begins. Had they been served later in the tick, they
//     would have found the keys as they are or gone, and D and F would be no
//     later: both count from the sending. A finding that the keys are gone is
//     what the watch says too.
//   - A watch brings a revision either in the action that writes it, or right
//     after something else that its owner does, or as a tick begins. Until the
//     owner does something nothing in it can tell the difference.
//   - The reply to a request that writes comes with its execution, before or
//     after the watch has shown what it wrote. Whatever else the sender may do
//     before it has the reply is a late reply, and counts as a drop.
//   - A reply that is lost is a request whose sender gave up and that is executed
//     then. A request that never arrives is one that is never executed then.
//   - Crashes and pauses come when the node has something under way, or when
//     nothing else is to happen in the tick.
//   - A lease that has expired may be revoked at any later time. So a change of
//     etcd's leader matters while a lease could be revoked: it extends the lease
//     and revives its keepalives, and the revocation may be carried out all the
//     same. Other leases are only revoked later by it.
//   - A frontend writes nothing that anybody reads. In scopes that are not eager
//     it learns of a write from the next tick on, when it is also the last to
//     act; what S7 asks is looked at after every action.
//   - A guard acts at its deadlines, not after: how late it is is the pause.
//   - _history is not kept: its number is compared only where there is no
//     _epoch, and then a claim has written _epoch too. Nor is _frontends: no
//     digest reads it.
//   - The memory by which a node recognises another etcd is switched off; there
//     is one.
//
// # What makes two states the same
//
// Fields are told apart by what they decide (fsm.Canon). Times count in ticks
// until they fire; revisions that all views have passed only by being the same,
// later ones by their distance; epochs by their distance from the last; requests
// by the place of the call that they wait for. The configuration of all nodes is
// the same and a machine compares names only for being equal, so all nodes are
// interchangeable: they are brought into an order that depends on what they are,
// and renamed. Of a state 128 bits are kept, and how it was found; whole states
// only for the present level and the next.
//
// # What it cannot see
//
// Clocks that drift, and so what lies between sending and receiving within a
// tick; retries within a tick; more than the budgets allow, of which a partition
// of several rounds needs many drops; more than one frontend; data hooks, hooks
// that fail, children that end by themselves; refused requests; watches that end,
// and compaction; an agent's death without its container's, for which guards are
// there; orders of several late replies in one tick; inputs before timers on
// waking. Of liveness it sees groups that rest without a master, not those that
// go round in circles. Those are for package sim.
package explore
