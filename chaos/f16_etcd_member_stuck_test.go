//go:build docker

package chaos

import (
	"context"

	"msdha/chaos/rig"
)

// Fault: the member of etcd that everybody talks to is paused for three times the
// TTL; it does not lead.
//
// Promise: requests that get no answer are repeated over another endpoint (SPEC
// R1), reads as well (X4), watches are moved (R6). Nobody notices.
//
// Evidence: the member itself counted everybody's watches before; the epoch stays,
// no container was restarted, idle sessions stay, writers are served throughout.
var etcdMemberPaused = scenario{name: "f16-etcd-member-paused", tier: full, play: func(p *play) {
	p.unnoticed("is paused", 3, (*rig.Member).Pause, (*rig.Member).Unpause)
}}

// Fault: the same member loses 30 % of all packets, each way.
//
// Promise and evidence: as above.
var etcdMemberLossy = scenario{name: "f16-etcd-member-lossy", tier: full, play: func(p *play) {
	lose := func(m *rig.Member, ctx context.Context) error { return m.Filter(ctx, rig.Lose(30)) }
	p.unnoticed("loses 30 % of all packets", 5, lose, (*rig.Member).Unfilter)
}}
