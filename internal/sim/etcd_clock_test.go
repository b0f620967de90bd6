//go:build !mutants

package sim

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
)

// etcdSpan is a span of real time within which something has certainly happened.
// A slow machine makes spans longer, never wrong, so that what is compared by
// spans may miss a difference there but does not invent one.
type etcdSpan struct{ from, to time.Time }

func (s etcdSpan) add(d time.Duration) etcdSpan { return etcdSpan{s.from.Add(d), s.to.Add(d)} }

func (s etcdSpan) width() time.Duration { return s.to.Sub(s.from) }

// meets reports whether one instant may lie in both.
func (s etcdSpan) meets(o etcdSpan) bool { return !s.to.Before(o.from) && !o.to.Before(s.from) }

// etcdLife is what a leader says of a lease. It tells whole seconds only, so it
// is asked for more than one second, and where the number changes is the truth.
type etcdLife struct {
	expiry  etcdSpan
	leading time.Time // by then it had taken over, as it knew of an expiry at all
	ttl     time.Duration
}

func etcdAskLife(ctx context.Context, c *clientv3.Client, id clientv3.LeaseID) (etcdLife, error) {
	var life etcdLife
	for {
		sent := time.Now()
		r, err := c.TimeToLive(ctx, id)
		answered := time.Now()
		switch {
		case err != nil:
			return life, fmt.Errorf("cannot ask for lease %x: %w", id, err)
		case r.TTL < 0:
			return life, fmt.Errorf("lease %x: %w", id, errEtcdGone)
		case r.TTL > math.MaxInt32:
			continue // a leader that has not taken over yet
		case life.leading.IsZero():
			life.leading, life.ttl = answered, time.Duration(r.GrantedTTL)*time.Second
			life.expiry.to = answered.Add(1 << 62)
		}
		left := time.Duration(r.TTL) * time.Second
		at := sent.Add(left)
		if r.TTL == 0 {
			at = at.Add(-time.Second) // or it has expired less than a second ago
		}
		if at.After(life.expiry.from) {
			life.expiry.from = at
		}
		if at := answered.Add(left + time.Second); at.Before(life.expiry.to) {
			life.expiry.to = at
		}
		if life.expiry.width() < 30*time.Millisecond || r.TTL == 0 ||
			answered.Sub(life.leading) > 1100*time.Millisecond {
			return life, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var errEtcdGone = errors.New("it is gone")

// etcdSameLife demands that the lease expires when the model says, for which the
// instant 0 is one within the span. It reports how much the two could differ
// unnoticed.
func etcdSameLife(e *Etcd, id kv.LeaseID, life etcdLife, zero etcdSpan) (time.Duration, error) {
	l, ok := e.Lease(id)
	want := zero.add(time.Duration(l.Expiry))
	switch {
	case !ok:
		return 0, fmt.Errorf("the model has no lease %s, etcd one of %s", id, life.ttl)
	case l.TTL != life.ttl:
		return 0, fmt.Errorf("lease %s: the model's TTL is %s, etcd's %s", id, l.TTL, life.ttl)
	case !want.meets(life.expiry):
		return 0, fmt.Errorf("lease %s of %s expires %s to %s after the first instant of a span of %s, "+
			"by the model after %s to %s", id, l.TTL, life.expiry.from.Sub(zero.from),
			life.expiry.to.Sub(zero.from), zero.width(), want.from.Sub(zero.from), want.to.Sub(zero.from))
	}
	return zero.width() + life.expiry.width(), nil
}

// etcdExtended is etcdSameLife after a leader has taken over, which was not
// before the given instant and not after its first answer.
func etcdExtended(e *Etcd, id kv.LeaseID, life etcdLife, since time.Time) (time.Duration, error) {
	e.LeaderChange(0)
	return etcdSameLife(e, id, life, etcdSpan{since, life.leading})
}
