package sim

import "msdha/internal/fsm/kv"

// EtcdBackup is what `etcdctl snapshot save` writes. The zero value is the
// backup of an empty cluster.
type EtcdBackup struct {
	rev    kv.Revision
	floor  kv.Revision
	items  []kv.Item
	leases []etcdLease
	events []kv.Item
}

// Snapshot saves the cluster into b, reusing its memory.
func (e *Etcd) Snapshot(b *EtcdBackup) {
	b.rev, b.floor = e.rev, e.history.floor
	b.items = append(b.items[:0], e.items...)
	b.leases = append(b.leases[:0], e.leases...)
	b.events = b.events[:0]
	for i := range e.history.n {
		b.events = append(b.events, *e.history.at(i))
	}
}

// Restore replaces the cluster's data by a backup (`etcdutl snapshot restore`)
// and starts it under the given cluster id: another one, or the same if the
// operator kept token and peer URLs. The revision goes back and numbers are
// used again for other changes. Leases come back with their whole TTL, even
// those revoked since; as after Restart none expires before LeaderChange.
func (e *Etcd) Restore(b *EtcdBackup, cluster uint64) {
	e.cluster = cluster
	e.rev = max(b.rev, 1)
	e.items = append(e.items[:0], b.items...)
	e.leases = append(e.leases[:0], b.leases...)
	e.history.reset(e.history.limit)
	e.history.floor = b.floor
	for i := range b.events {
		e.history.push(&b.events[i])
	}
	e.Restart(e.minTTL)
}
