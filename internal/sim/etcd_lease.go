package sim

import (
	"math"
	"slices"
	"time"

	"msdha/internal/fsm/kv"
)

// EtcdScan is the period at which a leader looks for expired leases (runLoop in
// server/lease/lessor.go). Its phase is that of the leader's start.
const EtcdScan = 500 * time.Millisecond

// EtcdNoAnswer says that etcd keeps a request waiting.
const EtcdNoAnswer kv.Outcome = 0

// EtcdLease is a lease as the leader sees it.
type EtcdLease struct {
	ID  kv.LeaseID
	TTL time.Duration
	// Expiry is the true time in nanoseconds from which a scan finds the lease
	// expired; math.MaxInt64 while there is no leader.
	Expiry int64
}

type etcdLease struct {
	EtcdLease
	// reported keeps scans from naming the lease again before this instant.
	reported int64
	// revoked says that the keys are deleted and that the lease exists only for
	// keepalives before the instant linger (RevokeSlowly).
	revoked bool
	linger  int64
}

const etcdForever = math.MaxInt64

// EtcdMaxTTL is the longest TTL that etcd grants (MaxLeaseTTL in lessor.go).
const EtcdMaxTTL = 9_000_000_000 * time.Second

// etcdAfter is the instant d after now. The longest TTLs reach the end of time.
func etcdAfter(now int64, d time.Duration) int64 {
	if now > etcdForever-1-int64(d) {
		return etcdForever - 1
	}
	return now + int64(d)
}

// EtcdMinTTL is the shortest TTL that etcd grants with these settings
// (etcdserver/server.go): 2 s by default, 1 s at best, 75 s at worst.
func EtcdMinTTL(heartbeat, election time.Duration) time.Duration {
	ticks := int64(election / heartbeat)
	return etcdSeconds(time.Duration(3*ticks/2) * heartbeat)
}

// etcdSeconds rounds up to the whole seconds in which etcd counts TTLs.
func etcdSeconds(d time.Duration) time.Duration {
	if rest := d % time.Second; rest > 0 {
		d += time.Second - rest
	}
	return d
}

// Grant gives a new lease and the TTL it really has. A fraction of a second is
// rounded up, as a client must; what is below the minimum, or negative, becomes
// the minimum; what is above EtcdMaxTTL is refused, with neither lease nor header.
// No id is given twice between two calls of Reset.
func (e *Etcd) Grant(now int64, ttl time.Duration) (kv.LeaseID, time.Duration, kv.Header) {
	if ttl > EtcdMaxTTL {
		return 0, 0, kv.Header{}
	}
	ttl = max(etcdSeconds(ttl), e.minTTL)
	e.lastLease++
	l := etcdLease{EtcdLease: EtcdLease{e.lastLease, ttl, etcdAfter(now, ttl)}}
	e.leases = append(e.leases, l)
	return l.ID, ttl, e.Header()
}

// KeepAlive renews a lease and gives its TTL. EtcdNoAnswer means that the lease
// has expired and is not revoked yet: etcd answers only after the revocation
// (kv.LeaseGone) or a leader change (kv.OK), so ask again after either; the
// request may time out before.
func (e *Etcd) KeepAlive(now int64, id kv.LeaseID) (time.Duration, kv.Header, kv.Outcome) {
	i, ok := e.findLease(id)
	if !ok {
		return 0, kv.Header{}, kv.LeaseGone
	}
	l := &e.leases[i]
	switch {
	case l.revoked && now >= l.linger:
		e.leases = slices.Delete(e.leases, i, i+1)
		return 0, kv.Header{}, kv.LeaseGone
	case !l.revoked && now >= l.Expiry:
		return 0, kv.Header{}, EtcdNoAnswer
	case l.Expiry != etcdForever:
		l.Expiry = etcdAfter(now, l.TTL)
	}
	return l.TTL, e.Header(), kv.OK
}

// Revoke deletes a lease and, all at one revision, the keys bound to it. It is
// what a client asks for and what expiry comes to.
func (e *Etcd) Revoke(id kv.LeaseID) (kv.Header, kv.Outcome) {
	i, ok := e.findLease(id)
	if !ok || e.leases[i].revoked {
		return kv.Header{}, kv.LeaseGone
	}
	e.leases = slices.Delete(e.leases, i, i+1)
	return e.removeBound(id), kv.OK
}

// RevokeSlowly is Revoke meeting keepalives at their worst: until the given
// true time they are granted the full TTL although the keys are gone. The leader
// renews what it has, and it may be the last to execute what was committed, or
// be just about it: lessor.Revoke deletes the keys first and the lease afterwards
// (etcd issue 14758). Every other request sees the lease gone.
func (e *Etcd) RevokeSlowly(id kv.LeaseID, until int64) (kv.Header, kv.Outcome) {
	l := e.lease(id)
	if l == nil {
		return kv.Header{}, kv.LeaseGone
	}
	l.revoked, l.linger = true, until
	return e.removeBound(id), kv.OK
}

func (e *Etcd) removeBound(id kv.LeaseID) kv.Header {
	return e.removeAll(func(it *kv.Item) bool { return it.Lease == id })
}

// Expired appends to dst the leases that a scan finds expired. The leader asks
// for their revocation, which takes effect when it is committed and thus when
// the world calls Revoke, in any order. A lease is named again if it still
// exists after the leader's request timeout of 5 s plus two election timeouts.
//
// Not modelled: a scan names at most 500 leases, and checkpoints of remaining
// TTLs, which etcd takes only for TTLs above 300 s.
func (e *Etcd) Expired(now int64, dst []kv.LeaseID) []kv.LeaseID {
	for i := range e.leases {
		l := &e.leases[i]
		if !l.revoked && l.Expiry <= now && l.reported <= now {
			l.reported = now + int64(5*time.Second+2*e.election)
			dst = append(dst, l.ID)
		}
	}
	return dst
}

// LeaderChange is a new leader taking over: every lease gets its whole TTL and
// an election timeout on top, whatever was left of it (lessor.Promote). A
// revocation that the old leader asked for may still be committed later.
func (e *Etcd) LeaderChange(now int64) {
	e.dropRevoked()
	for i := range e.leases {
		l := &e.leases[i]
		l.Expiry, l.reported = etcdAfter(etcdAfter(now, l.TTL), e.election), 0
	}
}

// Restart is all members starting again, with a minimum TTL that also lengthens
// the leases that exist (lessor.initAndRecover). No lease expires until the
// first leader: call LeaderChange when there is one.
func (e *Etcd) Restart(minTTL time.Duration) {
	e.dropRevoked()
	e.minTTL = etcdSeconds(minTTL)
	for i := range e.leases {
		l := &e.leases[i]
		l.TTL, l.Expiry, l.reported = max(l.TTL, e.minTTL), etcdForever, 0
	}
}

// Lease gives a lease that exists, for those who check the world.
func (e *Etcd) Lease(id kv.LeaseID) (EtcdLease, bool) {
	if l := e.lease(id); l != nil {
		return l.EtcdLease, true
	}
	return EtcdLease{}, false
}

// lease finds a lease that exists.
func (e *Etcd) lease(id kv.LeaseID) *etcdLease {
	if i, ok := e.findLease(id); ok && !e.leases[i].revoked {
		return &e.leases[i]
	}
	return nil
}

// findLease finds a lease in the table, which is in the order of ids.
func (e *Etcd) findLease(id kv.LeaseID) (int, bool) {
	lo, hi := 0, len(e.leases)
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		switch at := e.leases[mid].ID; {
		case at == id:
			return mid, true
		case at < id:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return lo, false
}

func (e *Etcd) dropRevoked() {
	e.leases = slices.DeleteFunc(e.leases, func(l etcdLease) bool { return l.revoked })
}
