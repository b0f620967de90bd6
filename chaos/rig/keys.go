package rig

import (
	"context"
	"fmt"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// KeyEvent is a change of one key, and when a watch told of it.
type KeyEvent struct {
	At         time.Time
	Key, Value string
	Deleted    bool
}

// KeyWatch collects changes of keys, whoever's they are.
type KeyWatch struct {
	client *clientv3.Client
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu     sync.Mutex
	events []KeyEvent
	err    error
}

// WatchKeys begins to watch all keys that begin so. It returns when etcd watches.
func (c *Cluster) WatchKeys(ctx context.Context, prefix string) (*KeyWatch, error) {
	cl, err := c.etcd(c.Etcds...)
	if err != nil {
		return nil, err
	}
	w := &KeyWatch{client: cl}
	// A watch outlives whoever began it; Close ends it.
	var watching context.Context
	watching, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	changes := cl.Watch(clientv3.WithRequireLeader(watching), prefix,
		clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	select {
	case first := <-changes:
		err = first.Err()
	case <-time.After(steadyLimit):
		err = fmt.Errorf("no answer within %v", steadyLimit)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("cannot watch %s: %w", prefix, err)
	}
	w.wait.Go(func() {
		for r := range changes {
			w.take(&r)
		}
	})
	return w, nil
}

func (w *KeyWatch) take(r *clientv3.WatchResponse) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := r.Err(); err != nil && w.err == nil {
		w.err = fmt.Errorf("the watch of keys was lost: %w", err)
	}
	for _, e := range r.Events {
		w.events = append(w.events, KeyEvent{
			At: now, Key: string(e.Kv.Key), Value: string(e.Kv.Value), Deleted: e.Type == clientv3.EventTypeDelete,
		})
	}
}

// Events are all changes so far. An error says that there may have been others.
func (w *KeyWatch) Events() ([]KeyEvent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]KeyEvent(nil), w.events...), w.err
}

// Close ends the watch.
func (w *KeyWatch) Close() {
	w.cancel()
	w.wait.Wait()
	_ = w.client.Close()
}
