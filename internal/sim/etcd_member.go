package sim

import (
	"time"

	"msdha/internal/fsm/kv"
)

// EtcdMember is a member that does not hear from the others, or that is slow in
// applying what they agreed on. It still answers serializable reads and feeds
// its watches, with what it knows. What needs the others, i.e. everything else,
// ends there as kv.Unknown or waits; and it ends the watches that demand a leader
// (WithRequireLeader) once it has seen none for three election timeouts.
//
// When it hears of the others again, each watch goes on at the revision after
// the last that it delivered, without a gap. That is so even if those revisions
// have been compacted meanwhile, because it executes the log in order; only if
// the log does not go back that far is it sent the whole state, and a watch that
// is behind the compaction is cancelled as Etcd.Events says.
type EtcdMember struct {
	cluster uint64
	knows   EtcdBackup
}

// CutOff makes m a member that has applied everything up to now, reusing its
// memory; what happens afterwards it does not hear of.
func (e *Etcd) CutOff(m *EtcdMember) {
	m.cluster = e.cluster
	e.Snapshot(&m.knows)
}

// Header is what its serializable replies carry.
func (m *EtcdMember) Header() kv.Header { return kv.Header{Cluster: m.cluster, Rev: m.knows.rev} }

// List appends all keys that it knows to dst, as a serializable read gives them.
func (m *EtcdMember) List(dst []kv.Item) ([]kv.Item, kv.Header) {
	return append(dst, m.knows.items...), m.Header()
}

// Events is Etcd.Events of what it knows.
func (m *EtcdMember) Events(from kv.Revision, dst []kv.Item) (items []kv.Item, compacted kv.Revision) {
	if from <= 0 {
		panic("cannot watch from revision 0: begin at a listing's revision + 1")
	}
	if from < m.knows.floor {
		return dst, m.knows.floor
	}
	for i := range m.knows.events {
		if it := &m.knows.events[i]; it.Mod >= from {
			dst = append(dst, *it)
		}
	}
	return dst, 0
}

// Progress is Etcd.Progress of what it knows: an answer does not prove that
// nothing has happened since.
func (m *EtcdMember) Progress(from kv.Revision) (h kv.Header, ok bool) {
	return m.Header(), m.knows.rev >= from
}

// KeepAlive is what the leader that was cut off answers as long as it believes
// to lead, at most two election timeouts: it renews what it knows, of which
// nobody else hears, and denies what it does not, though the others may have
// granted it since. The extension by the next leader makes up for the former.
// EtcdNoAnswer means that it finds the lease expired and cannot revoke it.
func (m *EtcdMember) KeepAlive(now int64, id kv.LeaseID) (time.Duration, kv.Header, kv.Outcome) {
	for i := range m.knows.leases {
		l := &m.knows.leases[i]
		switch {
		case l.ID != id || l.revoked:
			continue
		case now >= l.Expiry:
			return 0, kv.Header{}, EtcdNoAnswer
		}
		l.Expiry = etcdAfter(now, l.TTL)
		return l.TTL, m.Header(), kv.OK
	}
	return 0, kv.Header{}, kv.LeaseGone
}
