// Package proc runs the processes of a node: hooks, the main process and
// everything they leave behind (SPEC H2, H4, N5, R5).
//
// # One waiter
//
// A subreaper has to wait for children it never started, and wait4(-1), which
// does that, also takes the exit status of children that somebody else wants
// to wait for: with os/exec beside it either of the two loses. So a process
// that uses this package has exactly one waiter, the [Reaper], and starts every
// process through [Reaper.Start]. A mutex is held from before the fork until
// the new pid is registered, and while wait4(-1) runs; hence no child can be
// reaped before its owner is known, no pid is used again while a [Process]
// still signals it, and every status is delivered exactly once. Orphans, which
// are registered nowhere, are reaped and forgotten. Do not use os/exec, or
// os.Process.Wait, in a process that has a Reaper.
//
// # When a tree is gone
//
// Walking /proc is not atomic: a process that forks and exits at once can be
// missed. The kernel has an exact answer for a subreaper, however: a descendant
// always hangs, through its ancestors, on one of our direct children, because
// orphans become ours; so when wait4 says that there are no children (ECHILD),
// there are no descendants in any session, group or namespace. The whole tree
// is only ever called gone on that word. For a part of the tree there is no
// such word, and two walks in a row that find nothing must do.
//
// cgroup.kill is left out: it needs cgroup v2 delegated to the container, which
// plain Docker does not do (the file is read-only), and with cgroup v1 it does
// not exist.
package proc
