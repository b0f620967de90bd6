package postgresql_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// place is a position as integers.
func place(t *testing.T, position string) []uint64 {
	t.Helper()
	var numbers []uint64
	for _, f := range strings.Fields(position) {
		n, err := strconv.ParseUint(f, 10, 64)
		must(t, err)
		numbers = append(numbers, n)
	}
	return numbers
}

// lower tells whether position a is lower than b.
func lower(t *testing.T, a, b string) bool {
	t.Helper()
	return slices.Compare(place(t, a), place(t, b)) < 0
}

// flushed is where the log of the master ends, as the others have it as their
// position when they have all of it.
func (n *node) flushed() string {
	n.g.t.Helper()
	p, err := n.query(fmt.Sprintf("select %d || ' ' || (pg_current_wal_flush_lsn() - '0/0')", n.g.epoch))
	must(n.g.t, err)
	return p
}

// sameVote wants a position.
func (n *node) sameVote(want string) {
	n.g.t.Helper()
	if got := n.vote(); got != want {
		n.g.t.Fatalf("%s: the position is %q, want %q", n.name, got, want)
	}
}

// TestPosition: it is the same however often the detached standby is asked, and
// started again in between, and however it ended.
func TestPosition(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.exec("insert into r values ('acknowledged')")
	want := n1.flushed() // the master itself logs something now and then
	n1.followedBy(n2, n3)
	began := time.Now()
	n2.mustHook("detach")
	t.Logf("detach took %v", time.Since(began))
	began = time.Now()
	at := n2.mustHook("position")
	t.Logf("position took %v", time.Since(began))
	if lower(t, at, want) {
		t.Errorf("the position is %s, and it had the log until %s", at, want)
	}
	n1.exec("insert into r values ('later')") // n3 has flushed it
	n2.sameVote(at)
	n1.kill()
	g.vacate()
	n2.sameVote(at)
	if p := n3.vote(); !lower(t, at, p) {
		t.Errorf("n3 has a row more than n2, and is at %s, n2 at %s", p, at)
	}
	for _, end := range []func(){n2.stop, n2.kill} {
		end()
		n2.join()
		n2.serve()
		n2.receivesNothing()
		if received, err := n2.query("select coalesce(pg_last_wal_receive_lsn()::text, 'none')"); received != "none" {
			t.Errorf("the receive position is %s, %v: this test is about one that is not there", received, err)
		}
		n2.sameVote(at)
	}
	n3.eventuallyHas("select count(*) from r", "2")
}

// TestReplayLag: what was received counts, replayed or not; and what keeps it from
// being replayed does not keep the group from an election.
func TestReplayLag(t *testing.T) {
	for _, c := range []struct {
		name          string
		hold, conquer []string // on the standby, then on the master
	}{
		{"paused", []string{"select pg_wal_replay_pause()"}, nil},
		{
			"snapshot",
			[]string{"begin isolation level repeatable read", "select count(*) from r"},
			[]string{"delete from r", "vacuum r"},
		},
		{"lock", []string{"begin", "select count(*) from r"}, []string{"alter table r add w text"}},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s restart=%v", c.name, restart), func(t *testing.T) {
				g, n1, n2, _ := three(t)
				n1.exec("insert into r select i::text from generate_series(1, 100) i")
				n2.eventuallyHas("select count(*) from r", "100")
				ctx := context.Background()
				reader, err := pgx.Connect(ctx, n2.dsn())
				must(t, err)
				defer reader.Close(ctx) //nolint:errcheck // it was ended
				for _, s := range c.hold {
					_, err := reader.Exec(ctx, s)
					must(t, err)
				}
				n1.exec(append(c.conquer,
					"create table bulk as select repeat('x', 1000) from generate_series(1, 30000)",
					"create table seen (v text)", "insert into seen values ('flushed')")...)
				want := n1.flushed()
				n1.eventuallyHas("select bool_and(flush_lsn >= pg_current_wal_flush_lsn()) "+
					"from pg_stat_replication", "t")
				if seen, err := n2.query("select to_regclass('seen')"); seen != "" {
					t.Fatalf("n2 has replayed all: %q, %v", seen, err)
				}
				if restart {
					n2.kill()
					n1.kill()
					g.vacate()
					n2.join()
					n2.serve()
				}
				began := time.Now()
				at := n2.vote()
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("detach and position took %v", took)
				}
				if lower(t, at, want) {
					t.Errorf("the position is %s, and it had received the log until %s", at, want)
				}
				n2.eventuallyHas("select v from seen", "flushed")
			})
		}
	}
}

func (n *node) wakeChildren() {
	for _, pid := range childrenOf(n.server.Process.Pid) {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// TestWokenMaster: a master that was paused, as a virtual machine is, goes on when
// the others have voted. It must not get an acknowledgement any more, for they vote
// with what they had; and they do not take in what it sends.
func TestWokenMaster(t *testing.T) {
	g, n1, n2, n3 := three(t)
	ctx := context.Background()
	client, err := pgx.Connect(ctx, n1.dsn())
	must(t, err)
	defer client.Close(ctx) //nolint:errcheck // its server is dead
	tree := append(childrenOf(n1.server.Process.Pid), n1.server.Process.Pid)
	for _, pid := range tree {
		must(t, syscall.Kill(pid, syscall.SIGSTOP))
	}
	at2, at3 := n2.vote(), n3.vote()
	for _, pid := range tree {
		must(t, syscall.Kill(pid, syscall.SIGCONT))
	}
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if _, err := client.Exec(limited, "insert into r values ('woken')"); err == nil {
		t.Error("the woken master acknowledged a write after the others had voted")
	}
	n1.eventuallyHas("select count(*) from pg_stat_replication", "0")
	n2.sameVote(at2)
	n3.sameVote(at3)
	g.claim(n2) // n1 does not know
	n2.mustHook("master")
	n3.mustFollow()
	n2.exec("insert into r values ('kept')")
	n3.eventuallyHas("select string_agg(v, ' ') from r", "kept")
	n1.kill()
	n1.join()
	n1.serve()
	n2.followedBy(n1, n3)
}

// TestPositionOfAPromotionCutShort: what it wrote before it recorded its epoch is
// nobody's, and puts the node before none that has acknowledged rows more.
func TestPositionOfAPromotionCutShort(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.exec("insert into r values ('all have it')")
	n1.followedBy(n2, n3)
	n1.stop()
	g.vacate()
	at := n2.vote()
	g.claim(n2)
	n2.exec("select pg_promote()",
		"set synchronous_commit = local; create table nobodys as select generate_series(1, 9999)")
	n2.kill()
	g.vacate()
	n2.join()
	n2.serve()
	n2.sameVote(at)
	n3.vote()
	g.claim(n3)
	n3.mustHook("master")
	if _, err := n2.follow(); exitCode(err) != diverged {
		t.Errorf("follow: %v, want status %d", err, diverged)
	}
}

// TestNothingAcknowledgedIsMissing: whoever has the highest position of two may be
// promoted when the third is killed amid writes, and has all that was acknowledged.
// Each time one of them is behind, and the next reign begins while the last one's
// master is still away.
func TestNothingAcknowledgedIsMissing(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.exec("alter table r add column n serial")
	n1.followedBy(n2, n3)
	var acknowledged []string
	master, others := n1, []*node{n2, n3}
	for round := range 4 {
		master.stopSenders(others[round%2])
		acknowledged = append(acknowledged, master.writeUntilKilled(round)...)
		g.vacate()
		best := others[0]
		if lower(t, others[0].vote(), others[1].vote()) {
			best = others[1]
		}
		if behind := others[round%2]; best == behind {
			t.Errorf("round %d: %s was behind, and has the highest position", round, behind.name)
		}
		g.reign(best)
		has, err := best.query("select string_agg(v, ' ') from r")
		must(t, err)
		rows := strings.Fields(has)
		for _, row := range acknowledged {
			if !slices.Contains(rows, row) {
				t.Fatalf("round %d: %s was acknowledged, and is not on %s", round, row, best.name)
			}
		}
		former := master
		others = slices.DeleteFunc([]*node{n1, n2, n3}, func(n *node) bool { return n == best })
		former.join()
		former.serve()
		master = best
		master.followedBy(others...)
	}
	t.Logf("%d rows were acknowledged", len(acknowledged))
}

// writeUntilKilled has clients write to a master that is killed meanwhile. It
// returns the rows that were acknowledged.
func (n *node) writeUntilKilled(round int) (acknowledged []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var group sync.WaitGroup
	var mu sync.Mutex
	for c := range 4 {
		group.Go(func() {
			conn, err := pgx.Connect(ctx, n.dsn())
			if err != nil {
				return
			}
			defer conn.Close(ctx) //nolint:errcheck // its server is dead
			for i := 0; ; i++ {
				row := fmt.Sprintf("%d.%d.%d", round, c, i)
				if _, err := conn.Exec(ctx, "insert into r values ($1)", row); err != nil {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, row)
				mu.Unlock()
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	n.kill()
	group.Wait()
	return acknowledged
}
