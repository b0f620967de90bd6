// Package fsm decides everything that msdha decides: when a node may run, when
// it must end, who becomes master, and where a frontend may forward to.
//
// Its machines are pure. A driver gives them events and the local time, and
// they append effects; they do no I/O, read no clock, draw no random number and
// start no goroutine. The same values run in production (internal/runtime) and
// in the simulator (internal/sim). The contract with a driver:
//
//   - Step is called by one goroutine at a time, first with Started, with a time
//     that never goes back, and at the latest at Next with a Tick.
//   - Effects are carried out in their order. A request gets exactly one reply,
//     with its number, at the latest after its timeout: kv.Unknown then.
//   - The time given to the Step that asks for a request is not later than the
//     moment at which the request is sent: authority counts from it.
//
// Start reading at backendTable and frontendTable: the tables are the
// dispatchers, docs/FSM.md is made from them, and a test checks them.
//
// A Member is a Backend with the View that informs it, a Gateway a Frontend with
// its own; a Guard is what watches over an agent from outside.
package fsm
