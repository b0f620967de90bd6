// Package guard is the top process of a node and the agent's line to it (SPEC
// N7, R5). The guard starts the agent, which starts hooks and the main process;
// as a subreaper it is an ancestor of all of them for good. It holds the
// absolute times by which the node must be fenced and dead, and enforces them
// itself, whether the agent is alive, hung or stopped. What to do when is
// decided by an injected, pure [Policy]; this package only does it.
//
// The guard and the agent share a socket pair, on which the agent writes small
// records of fixed size and the guard writes nothing: its end being open is all
// that the agent has to know, and a hung agent can never block the guard. A
// record that is not exactly right means a broken agent, which is treated as
// one that is gone.
//
// The agent gets no parent-death signal. It would die with the guard at once,
// while its tree, which it should kill in that moment, lived on without any
// fence wherever the guard was not PID 1. Instead the agent sees the end of the
// file, kills its tree and ends. Where the guard is PID 1 (or the only child of
// docker --init, which is), the kernel kills the whole PID namespace. Outside of
// a container nothing is left to act when the guard is killed while the agent
// is stopped: two faults at once.
//
// The guard is the same binary in another mode, in which it has to make do with
// 3 MB of anonymous memory: it keeps nothing and allocates next to nothing.
package guard
