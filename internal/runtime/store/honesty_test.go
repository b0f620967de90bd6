package store

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
)

// Over links that cut and swallow replies, every transaction that raised the
// epoch is known as executed or as unknown: never more are executed than that,
// and never fewer than the known ones.
func TestOutcomesAreHonestUnderFaults(t *testing.T) {
	t.Parallel()
	a, b := etcdtest.MustRelay(t, shared.server.Addr()), etcdtest.MustRelay(t, shared.server.Addr())
	s := open(t, through(t, a, b))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()

	var executed, unknown, refused atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for attempt := 0; ctx.Err() == nil; attempt++ {
				outcome, succeeded := raiseEpoch(t, s, attempt)
				switch {
				case outcome == kv.Unknown:
					unknown.Add(1)
				case outcome != kv.OK:
					t.Errorf("a raise ended as %v", outcome)
				case succeeded:
					executed.Add(1)
				default:
					refused.Add(1)
				}
			}
		})
	}
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			relay := a
			if i%2 == 1 {
				relay = b
			}
			relay.Hold(i%5 == 0, true)
			<-time.After(60 * time.Millisecond)
			if i%3 != 0 {
				relay.Cut()
			}
			relay.Hold(false, false)
			<-time.After(40 * time.Millisecond)
		}
	})
	wg.Wait()

	var epoch kv.Epoch
	eventually(t, patience, func(ctx context.Context, attempt int) (kv.Outcome, error) {
		var x kv.Txn
		x.Get(kv.EpochKey)
		result, _, outcome, err := s.Txn(ctx, &x, attempt)
		epoch = result.Items[0].Record.Epoch
		return outcome, err
	})
	low, high := executed.Load(), executed.Load()+unknown.Load()
	if int64(epoch) < low || int64(epoch) > high {
		t.Errorf("the epoch is %d, want from %d to %d", epoch, low, high)
	}
	t.Logf("epoch %d: %d executed, %d unknown, %d too late", epoch, low, unknown.Load(), refused.Load())
	if low == 0 || unknown.Load() == 0 {
		t.Errorf("%d executed, %d unknown: the faults test nothing", low, unknown.Load())
	}
}

// raiseEpoch reads the epoch and adds one if nobody else has meanwhile.
func raiseEpoch(t *testing.T, s *Store, attempt int) (outcome kv.Outcome, succeeded bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var read kv.Txn
	read.Get(kv.EpochKey)
	result, _, outcome, _ := s.Txn(ctx, &read, attempt)
	if outcome == kv.Unknown {
		return kv.OK, false // a read has raised nothing
	}
	if outcome != kv.OK {
		return outcome, false
	}
	seen := result.Items[0]
	var x kv.Txn
	x.IfMod(kv.EpochKey, seen.Mod)
	x.Put(kv.EpochKey, kv.Record{Epoch: seen.Record.Epoch + 1}, 0)
	x.Get(kv.EpochKey)
	result, _, outcome, _ = s.Txn(ctx, &x, attempt)
	return outcome, result.Succeeded
}
