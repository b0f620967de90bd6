package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
	"msdha/internal/runtime/store"
)

// reign is one master as etcd showed it; a time that has not come is zero.
type reign struct {
	epoch     kv.Epoch
	node      string
	claimed   time.Time
	published time.Time
	gone      time.Time // _master deleted
}

// observer watches the group's keys, beside all that take part in it.
type observer struct {
	store  *store.Store
	cancel context.CancelFunc
	wait   sync.WaitGroup
	line   *timeline

	mu     sync.Mutex
	reigns []reign
	states map[string]string
}

func newObserver(e *etcdtest.Server, line *timeline) (*observer, error) {
	s, err := store.Open(store.Config{Endpoints: []string{e.Endpoint()}, Prefix: "/msdha", Group: "demo"})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &observer{store: s, cancel: cancel, line: line, states: map[string]string{}}
	o.wait.Go(func() { o.follow(ctx) })
	return o, nil
}

// follow watches from the beginning, and goes on where a watch was lost.
func (o *observer) follow(ctx context.Context) {
	from := kv.Revision(1)
	for ctx.Err() == nil {
		batches, end := make(chan store.Batch), make(chan store.WatchEnd, 1)
		o.wait.Go(func() {
			end <- o.store.Watch(ctx, from, batches)
			close(batches)
		})
		for b := range batches {
			from = b.Header.Rev + 1
			o.take(b.Items)
		}
		from = max(from, (<-end).Compacted)
	}
}

// take notes what a revision changed.
func (o *observer) take(items []kv.Item) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range items {
		it := &items[i]
		switch it.Key.Kind {
		case kv.KindMaster:
			o.takeMaster(it, now)
		case kv.KindNode:
			o.states[it.Key.Name] = it.Record.State
			if !it.Present {
				delete(o.states, it.Key.Name)
			}
			last := o.last()
			if last != nil && last.node == it.Key.Name && it.Record.State == kv.StateMaster && last.published.IsZero() {
				last.published = now
				o.line.say("    %s is published as master of epoch %d", last.node, last.epoch)
			}
		}
	}
}

func (o *observer) takeMaster(it *kv.Item, now time.Time) {
	if it.Present {
		o.reigns = append(o.reigns, reign{epoch: it.Record.Epoch, node: it.Record.Node, claimed: now})
		return
	}
	if last := o.last(); last != nil && last.gone.IsZero() {
		last.gone = now
		o.line.say("    epoch %d of %s is over", last.epoch, last.node)
	}
}

func (o *observer) last() *reign {
	if len(o.reigns) == 0 {
		return nil
	}
	return &o.reigns[len(o.reigns)-1]
}

// master is the last reign, zero before the first or while it is over.
func (o *observer) master() reign {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := o.last(); last != nil && last.gone.IsZero() {
		return *last
	}
	return reign{}
}

// reign is the one of that epoch.
func (o *observer) reign(e kv.Epoch) reign {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.reigns {
		if r.epoch == e {
			return r
		}
	}
	return reign{}
}

func (o *observer) state(node string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.states[node]
}

// awaitMaster waits for a published master.
func (o *observer) awaitMaster(ctx context.Context, limit time.Duration) (reign, error) {
	return o.awaitOther(ctx, 0, limit)
}

// awaitOther waits for a published master of another epoch than old.
func (o *observer) awaitOther(ctx context.Context, old kv.Epoch, limit time.Duration) (reign, error) {
	deadline := time.Now().Add(limit)
	for {
		if m := o.master(); m.epoch != old && !m.published.IsZero() {
			return m, nil
		}
		if time.Now().After(deadline) {
			return reign{}, fmt.Errorf("no new master within %v", limit)
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return reign{}, err
		}
	}
}

func (o *observer) close() {
	o.cancel()
	o.wait.Wait()
	o.store.Close()
}
