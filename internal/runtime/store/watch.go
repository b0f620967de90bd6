package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"msdha/internal/fsm/kv"
)

// Batch is what happened to the group at one revision, which is Header.Rev, in
// the order of the writes; a deleted key has Present false and Mod the revision
// of its deletion. Without items it says that nothing else happened up to
// Header.Rev. Batches come in the order of revisions, each revision whole.
type Batch struct {
	Header kv.Header
	Items  []kv.Item
}

// WatchEnd says why a watch ended.
type WatchEnd struct {
	// Compacted, if not zero, is the oldest revision that etcd still has: what was
	// asked for is gone, and only a listing can tell the difference (SPEC H5).
	Compacted kv.Revision
	// Outcome is kv.Failed where etcd refuses the watch, e.g. for want of
	// permission, and kv.Unknown in every other case: list or watch again.
	Outcome kv.Outcome
	Err     error
}

// firstProgress is when a new watch asks for its progress first. etcd ignores the
// question until it has looked what the watch has missed, every 100 ms.
const firstProgress = 150 * time.Millisecond

// errSilent is the cause for which a watch ends itself.
var errSilent = errors.New("no sign of life")

// Watch delivers what happens to the group from the revision on, which must be
// positive, until ctx ends or the watch is lost. It blocks while out does.
//
// There is no resumption: clientv3's own reconnects unnoticed, so that a dead
// watch looks like a quiet one. Here etcd is asked for its progress three times
// in Config.WatchIdle, and a watch that hears nothing for that long has ended,
// whatever TCP says. A member that has lost its leader ends it, too (SPEC R6).
func (s *Store) Watch(ctx context.Context, from kv.Revision, out chan<- Batch) WatchEnd {
	if from <= 0 {
		return WatchEnd{
			Outcome: kv.Failed,
			Err:     fmt.Errorf("cannot watch %s from revision %d: it must be positive", s.prefix, from),
		}
	}
	var end WatchEnd
	what := fmt.Sprintf("watch %s from revision %d", s.prefix, from)
	end.Outcome, end.Err = s.doAny(ctx, what,
		func(ctx context.Context, l *lane) error {
			w := &watch{store: s, lane: l, from: from, out: out}
			w.ctx, w.cancel = context.WithCancelCause(clientv3.WithRequireLeader(ctx))
			err := w.run()
			end.Compacted = w.compacted
			return err
		})
	return end
}

// watch is one stream with one watcher.
type watch struct {
	store     *Store
	lane      *lane
	from      kv.Revision
	out       chan<- Batch
	ctx       context.Context
	cancel    context.CancelCauseFunc
	idle      *time.Timer
	compacted kv.Revision
}

func (w *watch) run() error {
	limit := w.store.config.WatchIdle
	w.idle = time.AfterFunc(limit, func() { w.cancel(errSilent) })
	defer w.idle.Stop()
	err := w.stream()
	w.cancel(nil) // ends the stream and what asks for progress
	if errors.Is(context.Cause(w.ctx), errSilent) {
		return status.Errorf(codes.DeadlineExceeded, "%v for %s", errSilent, limit)
	}
	return err
}

func (w *watch) stream() error {
	stream, err := pb.NewWatchClient(w.lane.conn()).Watch(w.ctx, callOptions...)
	if err != nil {
		return err
	}
	err = stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{
		CreateRequest: &pb.WatchCreateRequest{
			Key: []byte(w.store.prefix), RangeEnd: []byte(w.store.end),
			// One too early: etcd tells no progress to a watch that begins in the
			// future, as one after a listing does until somebody writes something.
			StartRevision: max(1, int64(w.from)-1),
		},
	}})
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	defer w.cancel(nil)
	for {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		// A consumer that takes its time is no silence of etcd's.
		w.idle.Stop()
		w.lane.heard()
		if err := w.take(resp); err != nil {
			return err
		}
		w.idle.Reset(w.store.config.WatchIdle)
		if resp.Created {
			asking.Go(func() { w.askForProgress(stream) })
		}
	}
}

// askForProgress makes etcd answer even when nothing happens: soon, so that a
// quiet group is known to be quiet, then three times in the idle limit.
func (w *watch) askForProgress(stream pb.Watch_WatchClient) {
	period := w.store.config.WatchIdle / 3
	ticker := time.NewTicker(min(period, firstProgress))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			ticker.Reset(period)
		case <-w.ctx.Done():
			return
		}
		w.lane.sent()
		err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{
			ProgressRequest: &pb.WatchProgressRequest{},
		}})
		if err != nil {
			return // Recv reports what is wrong
		}
	}
}

// take delivers what one response holds: whole revisions, several if etcd had
// something to catch up with.
func (w *watch) take(resp *pb.WatchResponse) error {
	switch {
	case resp.CompactRevision != 0:
		w.compacted = kv.Revision(resp.CompactRevision)
		return rpctypes.ErrGRPCCompacted
	case resp.Canceled:
		return canceled(resp.CancelReason)
	case resp.Created:
		return nil // its revision says nothing about what has been delivered
	case len(resp.Events) == 0:
		return w.deliver(Batch{Header: header(resp.Header)})
	}
	// The header's revision may be ahead of the events; each batch has its own.
	for rest := resp.Events; len(rest) > 0; {
		b := Batch{Header: header(resp.Header)}
		rev := rest[0].Kv.ModRevision
		b.Header.Rev = kv.Revision(rev)
		for len(rest) > 0 && rest[0].Kv.ModRevision == rev {
			b.Items = append(b.Items, w.store.event(rest[0]))
			rest = rest[1:]
		}
		if b.Header.Rev < w.from {
			continue
		}
		if err := w.deliver(b); err != nil {
			return err
		}
	}
	return nil
}

func (w *watch) deliver(b Batch) error {
	select {
	case w.out <- b:
		return nil
	case <-w.ctx.Done():
		return status.FromContextError(w.ctx.Err()).Err()
	}
}

func (s *Store) event(e *mvccpb.Event) kv.Item {
	if e.Type == mvccpb.Event_PUT {
		return s.item(e.Kv)
	}
	return kv.Item{
		Key: s.parse(e.Kv.Key), Mod: kv.Revision(e.Kv.ModRevision),
	}
}

// canceled turns the reason for which etcd ended a watch, the text of an error,
// back into that error.
func canceled(reason string) error {
	for _, err := range []error{
		rpctypes.ErrGRPCPermissionDenied, rpctypes.ErrGRPCInvalidAuthToken,
		rpctypes.ErrGRPCAuthOldRevision, rpctypes.ErrGRPCUserEmpty,
	} {
		if strings.Contains(reason, rpctypes.ErrorDesc(err)) {
			return err
		}
	}
	return status.Errorf(codes.Aborted, "etcd ended the watch: %q", reason)
}
