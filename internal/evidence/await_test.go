package evidence

import (
	"context"
	"errors"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
)

func TestAwait(t *testing.T) {
	asked := 0
	lacks := func(times int) func() string {
		asked = 0
		return func() string {
			if asked++; asked <= times {
				return "a master"
			}
			return ""
		}
	}
	if err := Await(t.Context(), time.Minute, lacks(2)); err != nil || asked != 3 {
		t.Errorf("what comes: asked %d times, %v", asked, err)
	}
	err := Await(t.Context(), ms, lacks(1<<30))
	if err == nil || err.Error() != "after 1ms: a master" {
		t.Errorf("what never comes: %v", err)
	}
	if err := Await(t.Context(), 0, lacks(0)); err != nil {
		t.Errorf("what is there needs no patience: %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := Await(ended, time.Minute, lacks(1<<30)); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestUnready(t *testing.T) {
	now := time.Now()
	reign := Reign{Epoch: 7, Node: "n1", Claimed: now, Published: now}
	unpublished, gone := reign, reign
	unpublished.Published, gone.Gone = time.Time{}, now
	for _, c := range []struct {
		reigns []Reign
		n2     string
		want   string
	}{
		{nil, "ready", "no master is published"},
		{[]Reign{unpublished}, "ready", "no master is published"},
		{[]Reign{gone}, "ready", "no master is published"},
		{[]Reign{reign}, "", `n2 is "", not ready`},
		{[]Reign{reign}, kv.StateMaster, `n2 is "master", not ready`},
		{[]Reign{reign}, "ready", ""},
	} {
		o := &Observer{reigns: c.reigns, states: map[string]string{"n1": kv.StateMaster, "n2": c.n2}}
		m, got := o.Unready([]string{"n1", "n2"})
		if got != c.want || got == "" && m != reign {
			t.Errorf("reigns %v, n2 %q: %q of %v, want %q", c.reigns, c.n2, got, m, c.want)
		}
	}
}
