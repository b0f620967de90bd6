// Package rig sets up groups in containers and hurts them: real etcd members,
// backends with PostgreSQL, and frontends, each a container, with clients
// outside. It trusts no agent's word: what counts is what the databases
// acknowledged and still have, and what etcd's keys said when.
//
// Faults come by the engine's means (kill, stop, pause, restart, disconnect), by
// packet filters in a container's network namespace, and by signals to single
// processes. The filters and the signals need root on the engine's own machine.
//
// Everything carries the label of its session. Close removes it, Sweep removes
// what sessions left behind whose process is gone.
package rig
