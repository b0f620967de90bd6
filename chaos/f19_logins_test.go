//go:build docker

package chaos

import (
	"time"

	"msdha/chaos/rig"
)

// Fault: etcd demands logins over TLS, and tokens (JWT) end after 4 s, however
// busy they are.
//
// Promise: a token that ends is no loss of anything: a request that is refused
// for its token alone is sent again after a login (SPEC R1: only a definite
// answer that a key is not ours ends authority).
//
// Evidence: etcd counts logins of everybody; the epoch stays, no container was
// restarted, idle sessions stay, writers are served throughout.
var tokensEnd = scenario{
	name: "f19-tokens-end", tier: full,
	options: &rig.Options{Secure: &rig.Security{Tokens: rig.JWT(tokenLife), Idle: time.Minute}},
	play: func(p *play) {
		check := p.undisturbed()
		was, err := p.Logins(p.ctx)
		p.must(err)
		p.strike("tokens end every %v", tokenLife)
		const lives = 5
		p.pass(lives * tokenLife)
		now, err := p.Logins(p.ctx)
		p.must(err)
		if want := (lives - 1) * (len(p.Nodes) + len(p.Fronts)); now-was < want {
			p.t.Errorf("there were %d logins, want at least %d: the fault did not happen", now-was, want)
		}
		p.served(p.struck, time.Now())
		check()
	},
}

const tokenLife = 4 * time.Second

// Fault: etcd's certificate is replaced by another one of the same authority, and
// its members are restarted one by one; with each a member forgets all tokens
// (simple ones, which also end when they were idle for a second).
//
// Promise and evidence: as above.
var certificateChanges = scenario{
	name: "f19-certificate-changes", tier: full,
	options: &rig.Options{Secure: &rig.Security{Tokens: "simple", Idle: time.Second}},
	play: func(p *play) {
		check := p.undisturbed()
		p.strike("etcd gets a new certificate, member by member")
		p.must(p.NewCertificate(p.ctx))
		p.restartEtcd()
		p.served(p.struck, time.Now())
		p.healed()
		check()
	},
}
