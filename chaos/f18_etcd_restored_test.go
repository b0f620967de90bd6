//go:build docker

package chaos

import "time"

// Fault: etcd is restored, as an operator does it, from a snapshot of an earlier
// reign: new data directories, a new token.
//
// Promise: nobody believes it (SPEC K4). No frontend goes back to the earlier
// master; its lease ends by itself; the next epoch is at least 1000 above what
// anybody remembers.
//
// Evidence: the next published epoch; publication within the bound from when the
// new etcd answers; no row under an old epoch or by a second server of one.
var etcdRestored = scenario{name: "f18-etcd-restored", tier: full, play: func(p *play) {
	m := p.master()
	p.must(p.Snapshot(p.ctx))
	p.must(m.Stop(p.ctx, stopGrace))
	p.successor()
	p.must(m.Start(p.ctx))
	p.healed()
	before := p.old
	p.old = p.Observer.Master()
	p.strike("etcd is restored to epoch %d, while %s reigns under %d", before.Epoch, p.old.Node, p.old.Epoch)
	p.must(p.Restore(p.ctx))
	back := time.Now()
	p.must(p.Reobserve())
	next, err := p.Observer.AwaitOther(p.ctx, before.Epoch, settleLimit)
	p.must(err)
	if next.Epoch < p.old.Epoch+1000 {
		p.t.Errorf("the next epoch is %d, want at least 1000 above %d", next.Epoch, p.old.Epoch)
	}
	p.within("the next master is published", next.Published.Sub(back),
		p.reelected()+next.Published.Sub(next.Claimed))
	p.healed()
	p.once(next)
}}
