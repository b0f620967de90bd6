package postgresql_test

import (
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// throttle forwards connections to a server. Once limited it passes so many bytes more
// of what the server says, and not one after that; the connections stay open.
type throttle struct {
	target   string
	listener net.Listener
	spent    chan struct{} // closed when the limit is reached
	ended    chan struct{}
	work     sync.WaitGroup

	mu   sync.Mutex
	left int64
}

func newThrottle(t *testing.T, target string) *throttle {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &throttle{
		target: target, listener: l, left: math.MaxInt64,
		spent: make(chan struct{}), ended: make(chan struct{}),
	}
	r.work.Go(r.accept)
	t.Cleanup(func() {
		close(r.ended)
		_ = l.Close()
		r.work.Wait()
	})
	return r
}

func (r *throttle) limit(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = bytes
}

// allowed tells how many of so many bytes may pass.
func (r *throttle) allowed(bytes int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int(min(int64(bytes), r.left))
	if r.left > 0 && r.left == int64(n) {
		close(r.spent)
	}
	r.left -= int64(n)
	return n
}

func (r *throttle) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.work.Go(func() { r.serve(in) })
	}
}

// serve ends with the server's end, or with the test.
func (r *throttle) serve(in net.Conn) {
	out, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = in.Close()
		return
	}
	done := make(chan struct{})
	r.work.Go(func() {
		select {
		case <-done:
		case <-r.ended:
		}
		_, _ = in.Close(), out.Close()
	})
	r.work.Go(func() {
		_, _ = io.Copy(out, in)
		_ = out.Close()
	})
	defer close(done)
	buffer := make([]byte, 16<<10)
	for {
		n, err := out.Read(buffer)
		passed := r.allowed(n)
		if _, failed := in.Write(buffer[:passed]); failed != nil || err != nil {
			return
		}
		if passed < n {
			<-r.ended // the server's end would be news, too
		}
	}
}

// A record of this size takes many pages of the log and many messages of its sender,
// of 128 KB each. Of these some arrive, and are flushed before more come.
const (
	recordSize = 4_000_000
	arrives    = 1_000_000
)

// amidARecord is a group whose n2 has received a part of one record of n1's log, and
// gets no byte more. n3 has the whole record, and a row behind it.
func amidARecord(t *testing.T) (g *group, n1, n2, n3 *node) {
	t.Helper()
	g, n1, n2, n3 = three(t)
	n2.mustHook("detach")
	r := newThrottle(t, "127.0.0.1:"+n1.port)
	n2.mustHook("follow", n1.name, r.listener.Addr().String(), strconv.Itoa(g.epoch))
	n1.followedBy(n2, n3)
	r.limit(arrives)
	begin, err := n1.query("select pg_current_wal_insert_lsn()")
	must(t, err)
	end, err := n1.query(fmt.Sprintf("select pg_logical_emit_message(false, 'x', repeat('x', %d))", recordSize))
	must(t, err)
	n1.exec("insert into r values ('behind it')") // n3 has flushed it
	select {
	case <-r.spent:
	case <-time.After(patience):
		t.Fatalf("%d bytes of the log were not sent within %v", arrives, patience)
	}
	// What is not a whole message is not written, and then there are headers.
	n2.eventuallyHas(fmt.Sprintf("select pg_last_wal_receive_lsn() between '%s'::pg_lsn + %d and '%[3]s'::pg_lsn - 1",
		begin, arrives/2, end), "t")
	return g, n1, n2, n3
}

// votesAmid has n2 vote, and wants the replay position: what was received of the
// record can never be replayed, and whoever waited for it would not vote.
func (n *node) votesAmid() string {
	t := n.g.t
	t.Helper()
	began := time.Now()
	at := n.vote()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("detach and position took %v, want less than their limit of 5 s each", took)
	} else {
		t.Logf("detach and position took %v", took)
	}
	replayed, err := n.query("select max(epoch) || ' ' || (pg_last_wal_replay_lsn() - '0/0') from msdha.epoch")
	must(t, err)
	if at != replayed || place(t, at)[0] != uint64(n.g.epoch) {
		t.Errorf("the position is %s, want that of the replay, %s, of epoch %d", at, replayed, n.g.epoch)
	}
	return at
}

// TestAmidARecord: a standby whose log ends amid a record votes with what it has
// replayed, whether its master is there still, gone, or forgotten by a restart. Then
// it gets the rest from whoever has it.
func TestAmidARecord(t *testing.T) {
	for _, c := range []struct {
		name string
		gone bool // before n2 votes
	}{{"master there", false}, {"master gone", true}} {
		t.Run(c.name, func(t *testing.T) {
			g, n1, n2, n3 := amidARecord(t)
			if c.gone {
				n1.kill()
			}
			before := n2.votesAmid()
			if ahead, err := n2.query("select pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn() > " +
				strconv.Itoa(arrives/2)); ahead != "t" {
				t.Errorf("n2 has received no part of a record that it cannot replay: %q, %v", ahead, err)
			}
			n1.kill()
			g.vacate()
			n2.kill()
			n2.join()
			n2.serve()
			if at := n2.votesAmid(); at != before {
				t.Errorf("after a restart the position is %s, it was %s", at, before)
			}
			if p := n3.vote(); !lower(t, before, p) {
				t.Errorf("n3 has the whole record, and is at %s, n2 at %s", p, before)
			}
			g.reign(n3)
			n2.eventuallyHas("select v from r", "behind it")
		})
	}
}

// TestPromotedAmidARecord: who is promoted there begins a new timeline at the end of
// the replay. Others have had the whole record, and come back without it.
func TestPromotedAmidARecord(t *testing.T) {
	g, n1, n2, n3 := amidARecord(t)
	n1.kill()
	g.vacate()
	n3.stop()
	n2.votesAmid()
	g.reign(n2)
	n2.exec("set synchronous_commit = local; insert into r values ('kept')")
	for _, n := range []*node{n1, n3} {
		n.join()
		n.serve()
	}
	n2.followedBy(n1, n3)
	for _, n := range g.nodes {
		n.eventuallyHas("select string_agg(v, ' ') from r", "kept")
	}
}
