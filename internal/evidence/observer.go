package evidence

import (
	"context"
	"fmt"
	"sync"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/store"
)

// Reign is one master as etcd's keys showed it; a time that has not come is zero.
type Reign struct {
	Epoch     kv.Epoch
	Node      string
	Claimed   time.Time
	Published time.Time
	Gone      time.Time // _master deleted
	Attested  kv.Means  // how somebody else than its master knew that it was dead (SPEC E11)
}

// Observer watches a group's keys, beside all that take part in it. Its times
// are those at which the watch told it.
type Observer struct {
	store  *store.Store
	cancel context.CancelFunc
	wait   sync.WaitGroup
	say    func(format string, args ...any)

	mu     sync.Mutex
	reigns []Reign
	states map[string]string
}

// Observe begins to watch the group in that etcd. What it sees it says.
func Observe(etcd store.Config, say func(format string, args ...any)) (*Observer, error) {
	s, err := store.Open(etcd)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	o := &Observer{store: s, cancel: cancel, say: say, states: map[string]string{}}
	o.wait.Go(func() { o.follow(ctx) })
	return o, nil
}

// listLimit bounds one attempt to read what is there.
const listLimit = 2 * time.Second

// follow lists, then watches, and goes on where a watch was lost. What etcd
// compacted meanwhile is seen in a new listing.
func (o *Observer) follow(ctx context.Context) {
	from := o.list(ctx)
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
		if e := <-end; e.Compacted > 0 {
			from = o.list(ctx)
		}
	}
}

// list takes what is there, and what is no longer, and returns the revision from
// which on to watch.
func (o *Observer) list(ctx context.Context) (from kv.Revision) {
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, listLimit)
		items, header, _, err := o.store.List(limited)
		cancel()
		if err != nil {
			continue
		}
		o.take(append(o.missing(items), items...))
		return header.Rev + 1
	}
	return 1
}

// missing are deletions of what was known and is not in a listing.
func (o *Observer) missing(items []kv.Item) (gone []kv.Item) {
	o.mu.Lock()
	defer o.mu.Unlock()
	there, master := map[string]bool{}, kv.Epoch(0)
	for i := range items {
		switch it := &items[i]; it.Key.Kind {
		case kv.KindMaster:
			master = it.Record.Epoch
		case kv.KindNode:
			there[it.Key.Name] = true
		}
	}
	if last := o.last(); last != nil && last.Epoch != master {
		gone = append(gone, kv.Item{Key: kv.Key{Kind: kv.KindMaster}})
	}
	for name := range o.states {
		if !there[name] {
			gone = append(gone, kv.Item{Key: kv.Key{Kind: kv.KindNode, Name: name}})
		}
	}
	return gone
}

// take notes what a revision changed.
func (o *Observer) take(items []kv.Item) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range items {
		it := &items[i]
		switch it.Key.Kind {
		case kv.KindMaster:
			o.takeMaster(it, now)
		case kv.KindEpoch:
			o.takeEpoch(it)
		case kv.KindNode:
			o.states[it.Key.Name] = it.Record.State
			if !it.Present {
				delete(o.states, it.Key.Name)
			}
			last := o.last()
			if last != nil && last.Node == it.Key.Name && it.Record.State == kv.StateMaster && last.Published.IsZero() {
				last.Published = now
				o.say("    %s is published as master of epoch %d", last.Node, last.Epoch)
			}
		}
	}
}

func (o *Observer) takeMaster(it *kv.Item, now time.Time) {
	if it.Present {
		if last := o.last(); last != nil && last.Epoch == it.Record.Epoch && last.Gone.IsZero() {
			return // listed again
		}
		o.reigns = append(o.reigns, Reign{Epoch: it.Record.Epoch, Node: it.Record.Node, Claimed: now})
		return
	}
	if last := o.last(); last != nil && last.Gone.IsZero() {
		last.Gone = now
		o.say("    epoch %d of %s is over", last.Epoch, last.Node)
	}
}

func (o *Observer) takeEpoch(it *kv.Item) {
	for i := range o.reigns {
		if r := &o.reigns[i]; r.Epoch == it.Record.Epoch && it.Record.Released && r.Attested != it.Record.How {
			r.Attested = it.Record.How
			o.say("    the end of epoch %d is known from %s", r.Epoch, it.Record.How)
		}
	}
}

func (o *Observer) last() *Reign {
	if len(o.reigns) == 0 {
		return nil
	}
	return &o.reigns[len(o.reigns)-1]
}

// Master is the last reign, zero before the first or while it is over.
func (o *Observer) Master() Reign {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last := o.last(); last != nil && last.Gone.IsZero() {
		return *last
	}
	return Reign{}
}

// Reign is the one of that epoch.
func (o *Observer) Reign(e kv.Epoch) Reign {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.reigns {
		if r.Epoch == e {
			return r
		}
	}
	return Reign{}
}

// Next is the first reign after that epoch, zero if there is none yet.
func (o *Observer) Next(after kv.Epoch) Reign {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.reigns {
		if r.Epoch > after {
			return r
		}
	}
	return Reign{}
}

// NextPublished is the first one that was published, after that epoch.
func (o *Observer) NextPublished(after kv.Epoch) Reign {
	for r := o.Next(after); r.Epoch != 0; r = o.Next(r.Epoch) {
		if !r.Published.IsZero() {
			return r
		}
	}
	return Reign{}
}

// State is what the node's key says, empty without one.
func (o *Observer) State(node string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.states[node]
}

// Unready says what these nodes' keys lack in a steady group: a master that is
// published, and everybody else ready. It is empty when they lack nothing.
func (o *Observer) Unready(nodes []string) (master Reign, lacks string) {
	master = o.Master()
	if master.Published.IsZero() {
		return master, "no master is published"
	}
	for _, n := range nodes {
		if s := o.State(n); n != master.Node && s != "ready" {
			return master, fmt.Sprintf("%s is %q, not ready", n, s)
		}
	}
	return master, ""
}

// AwaitMaster waits for a published master.
func (o *Observer) AwaitMaster(ctx context.Context, limit time.Duration) (Reign, error) {
	return o.AwaitOther(ctx, 0, limit)
}

// AwaitOther waits for a published master of a later epoch than old.
func (o *Observer) AwaitOther(ctx context.Context, old kv.Epoch, limit time.Duration) (Reign, error) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if m := o.Master(); m.Epoch > old && !m.Published.IsZero() {
			return m, nil
		}
		select {
		case <-ctx.Done():
			return Reign{}, ctx.Err()
		case <-deadline.C:
			return Reign{}, fmt.Errorf("no new master within %v", limit)
		case <-look.C:
		}
	}
}

// Close ends the watch.
func (o *Observer) Close() {
	o.cancel()
	o.wait.Wait()
	o.store.Close()
}
