package store

import (
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func TestTimeToLive(t *testing.T) {
	s := open(t, config(t))
	lease := mustGrant(t, s, 3600*time.Second)
	left, h, outcome, err := s.TimeToLive(within(t, patience), lease)
	expect(t, kv.OK, outcome, err)
	if left.Granted != time.Hour || left.Left > time.Hour || left.Left < time.Hour-time.Minute {
		t.Errorf("a new lease of an hour has %+v", left)
	}
	if h.Cluster == 0 || h.Rev == 0 {
		t.Errorf("the header is %+v", h)
	}
	_, outcome, err = s.Revoke(within(t, patience), lease)
	expect(t, kv.OK, outcome, err)
	_, _, outcome, err = s.TimeToLive(within(t, patience), lease)
	expect(t, kv.LeaseGone, outcome, err, "how long the lease "+lease.String()+" lives")
}
