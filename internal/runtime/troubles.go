package runtime

import (
	"sync"
	"time"

	"msdha/internal/fsm"
)

// troublePeriod is how often requests that go on failing are worth a line.
const troublePeriod = 10 * time.Second

// troubles keeps the log readable while etcd is away: of requests of one kind
// that fail in a row, the first is said, and then one in each period.
type troubles struct {
	mu sync.Mutex
	of map[fsm.EffectKind]*trouble
}

type trouble struct {
	since, said, last time.Time
	count             int
	text              string
}

// add counts a failure, and says whether it is worth a line.
func (t *troubles) add(k fsm.EffectKind, text string) (count int, say bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	x := t.of[k]
	if x == nil {
		if t.of == nil {
			t.of = map[fsm.EffectKind]*trouble{}
		}
		x = &trouble{since: now}
		t.of[k] = x
	}
	x.count++
	x.last, x.text = now, text
	if say = x.said.IsZero() || now.Sub(x.said) >= troublePeriod; say {
		x.said = now
	}
	return x.count, say
}

// over notes a success: how many failures there were before it, and for how
// long.
func (t *troubles) over(k fsm.EffectKind) (count int, lasted time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[k]
	if x == nil {
		return 0, 0
	}
	delete(t.of, k)
	return x.count, time.Since(x.since)
}

// latest is the last failure that no success of its kind has followed; empty
// when there is none.
func (t *troubles) latest() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var last trouble
	for _, x := range t.of {
		if x.last.After(last.last) {
			last = *x
		}
	}
	return last.text
}
