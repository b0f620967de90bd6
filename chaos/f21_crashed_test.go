//go:build docker

package chaos

import "syscall"

// Fault: the container of the master dies, and its restart policy starts it again
// at once, long before the lease has ended.
//
// Promise: the key of the dead incarnation is not overwritten but waited for
// (SPEC N3), and the reign ends with its lease: a successor within the bound of L1.
//
// Evidence: publication in etcd, acknowledgements through both frontends.
var crashed = scenario{name: "f21-crashed", tier: fast, play: func(p *play) {
	m := p.master()
	id, err := m.Guard(p.ctx)
	p.must(err)
	p.strike("SIGKILL to the first process of %s, which is restarted", m.Name)
	p.must(m.Signal(id, syscall.SIGKILL))
	p.unattested(p.successor())
	p.healed()
}}
