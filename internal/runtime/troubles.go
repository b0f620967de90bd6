package runtime

import (
	"sync"
	"time"
)

// troublePeriod is how often requests that go on failing are worth a line.
const troublePeriod = 10 * time.Second

// troubles keeps the log readable while etcd is away, or a hook fails: of requests
// of one kind that fail in a row, the first is said, and then one in each period.
type troubles[K comparable] struct {
	mu sync.Mutex
	of map[K]*trouble
}

type trouble struct {
	since, said, last time.Time
	count             int
	text              string
}

// add counts a failure, and says whether it is worth a line.
func (t *troubles[K]) add(k K, text string) (count int, say bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	x := t.of[k]
	if x == nil {
		if t.of == nil {
			t.of = map[K]*trouble{}
		}
		x = &trouble{since: now}
		t.of[k] = x
	}
	x.count++
	x.last, x.text = now, text
	if say = x.worthALine(now); say {
		x.said = now
	}
	return x.count, say
}

func (x *trouble) worthALine(now time.Time) bool {
	return x.said.IsZero() || now.Sub(x.said) >= troublePeriod
}

// quiet reports that a failure now would not be worth a line.
func (t *troubles[K]) quiet(k K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of[k]
	return x != nil && !x.worthALine(time.Now())
}

// over notes a success: how many failures there were before it, and for how
// long.
func (t *troubles[K]) over(k K) (count int, lasted time.Duration) {
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
func (t *troubles[K]) latest() string {
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
