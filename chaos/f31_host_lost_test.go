//go:build docker

package chaos

// Fault: the master's machine is gone without a word: not one packet to or from
// anybody. A client has an idle session to it through a frontend.
//
// Promise: when the route ends, the frontend resets every session to the old
// master (SPEC X3): no client waits for a TCP timeout of hours.
//
// Evidence: the idle session is reset about when the master's lease ends, not
// later than T and the time that etcd takes.
var hostLost = scenario{name: "f31-host-lost", tier: full, play: func(p *play) {
	m := p.master()
	idle := p.idleSession(p.Fronts[0])
	p.strike("the network of %s is gone, with an idle session through %s", m.Name, p.Fronts[0].Name)
	p.must(m.Disconnect(p.ctx))
	p.within("the idle session is reset", idle().Sub(p.struck), p.Opts.TTL+expiry)
	p.unattested(p.successor())
	p.must(m.Reconnect(p.ctx))
	p.healed()
}}
