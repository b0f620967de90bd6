package postgresql_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// four is a group of which n1 reigns and all follow, but n4 is no member.
func four(t *testing.T) (g *group, n1, n2, n3, n4 *node) {
	t.Helper()
	g = newGroup(t, 4, "MSDHA_MEMBERS=n1 n2 n3")
	n1, n2, n3, n4 = g.nodes[0], g.nodes[1], g.nodes[2], g.nodes[3]
	n1.create()
	n1.serve()
	g.reign(n1)
	for _, n := range []*node{n2, n3, n4} {
		n.join()
		n.serve()
	}
	n1.exec("create table r (v text)")
	n1.followedBy(n2, n3, n4)
	return g, n1, n2, n3, n4
}

// acknowledges tells whether a write is acknowledged within a time that is ample.
func (n *node) acknowledges() bool {
	n.g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, n.dsn())
	must(n.g.t, err)
	defer conn.Close(context.Background()) //nolint:errcheck // nothing depends on it
	_, err = conn.Exec(ctx, "insert into r values ('x')")
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		n.g.t.Fatal(err)
	}
	return err == nil
}

// TestStrangersDoNotCount: a node that nobody asks at an election does not make a
// write acknowledged, whatever it has (SPEC P3).
func TestStrangersDoNotCount(t *testing.T) {
	_, n1, n2, n3, _ := four(t)
	n1.stopSenders(n2, n3)
	if n1.acknowledges() {
		t.Error("a write was acknowledged that only n4 has, which is no member")
	}
	n1.wakeChildren()
	if !n1.acknowledges() {
		t.Error("a write was not acknowledged, although n2 and n3 follow")
	}
}

// TestMembersWaits: members returns when K others have flushed what was there, and
// not before; what it cannot get it names, within its 30 s.
func TestMembersWaits(t *testing.T) {
	g, n1, n2, n3, n4 := four(t)
	must(t, n1.members(1, "n1", "n2", "n3"))
	n1.stopSenders(n2, n3)
	n1.exec("set synchronous_commit = local; insert into r values ('x')")
	n4.eventuallyHas("select v from r", "x")
	done := make(chan error, 1)
	go func() { done <- n1.members(1, "n1", "n2", "n3") }()
	select {
	case err := <-done:
		t.Fatalf("members: %v, although no member has flushed the row", err)
	case <-time.After(2 * time.Second):
	}
	n1.wakeChildren()
	must(t, <-done)
	for _, n := range []*node{n2, n3} {
		n.eventuallyHas("select v from r", "x")
	}

	n3.stop()
	before := len(n1.log.String())
	began := time.Now()
	err := n1.members(2, "n1", "n2", "n3")
	if took := time.Since(began); exitCode(err) != 1 || took > 29*time.Second {
		t.Errorf("members: %v after %v, want it to fail before it is killed after 30 s", err, took)
	}
	if said := n1.log.String()[before:]; !strings.Contains(said, "2 others have to flush") ||
		!strings.Contains(said, "n2 has flushed") || strings.Contains(said, "n3 has") {
		t.Errorf("members said %q", said)
	}
	n3.serve()
	must(t, n1.members(2, "n1", "n2", "n3"))
	g.vacate()
}

// TestMembersChange: each change holds for whoever commits next, K raised from 0
// included, and for connections that are open.
func TestMembersChange(t *testing.T) {
	g, n1, n2, n3, n4 := four(t)
	senders := func() string {
		pids, err := n1.query("select string_agg(pid::text, ' ' order by pid) from pg_stat_replication")
		must(t, err)
		return pids
	}
	had := senders()
	must(t, n1.members(1, "n1", "n2", "n3"))
	if senders() != had {
		t.Error("members interrupted the streams, and changed nothing")
	}
	for _, c := range []struct {
		k       int
		names   string
		frozen  []*node
		commits bool
	}{
		{1, "n1 n2 n3 n4", []*node{n2, n3}, true},
		{2, "n1 n2 n3 n4", []*node{n2, n3}, false},
		{2, "n1 n2 n3 n4", []*node{n2}, true},
		{1, "n1 n2 n3", []*node{n2, n3}, false},
		{0, "n1 n2 n3", []*node{n2, n3, n4}, true},
		{1, "n1 n2 n3", []*node{n2, n3}, false},
		{0, "", []*node{n2, n3, n4}, true},
		{1, "n2 n3", []*node{n2, n3}, false},
	} {
		must(t, n1.members(c.k, strings.Fields(c.names)...))
		n1.followedBy(n2, n3, n4)
		n1.stopSenders(c.frozen...)
		if got := n1.acknowledges(); got != c.commits {
			t.Errorf("K=%d of %q, without what %d of them say: a write is acknowledged: %v, want %v",
				c.k, c.names, len(c.frozen), got, c.commits)
		}
		n1.wakeChildren()
	}
	if err := n2.members(1, "n1", "n2", "n3"); err == nil {
		t.Error("members works on a standby")
	}
	if err := n1.members(1, "n1", "N1"); err == nil {
		t.Error("members accepts names that PostgreSQL cannot tell apart")
	}
	if err := n1.members(1, "N2", "n3"); err == nil {
		t.Error("members accepts a name that a node has in other letters")
	}
	g.vacate()
}

// TestSenderWithTheFormerQuorum: each sender releases commits by the quorum that it
// has read. members does not return before nobody is left who has read the former.
func TestSenderWithTheFormerQuorum(t *testing.T) {
	_, n1, n2, n3, n4 := four(t)
	must(t, n1.members(1, "n1", "n2", "n3", "n4"))
	n1.followedBy(n2, n3, n4)
	n1.stopSenders(n4) // it reads nothing, and releases once it goes on
	before := len(n1.log.String())
	if err := n1.members(1, "n1", "n2", "n3"); err == nil {
		t.Error("members returned, and n4's sender still goes by the former list")
	}
	if said := n1.log.String()[before:]; !strings.Contains(said, "a WAL sender does not end") {
		t.Errorf("members said %q", said)
	}
	n1.wakeChildren()
	must(t, n1.members(1, "n1", "n2", "n3"))
}

// TestBusyCheckpointer: while a checkpoint is being written nobody tells commits that
// they have to wait from now on. members does.
func TestBusyCheckpointer(t *testing.T) {
	_, n1, n2, n3, n4 := four(t)
	must(t, n1.members(0))
	n1.followedBy(n2, n3, n4)
	checkpointer := n1.pid("checkpointer")
	must(t, syscall.Kill(checkpointer, syscall.SIGSTOP))
	defer syscall.Kill(checkpointer, syscall.SIGCONT) //nolint:errcheck // it may be gone
	done := make(chan error, 1)
	go func() { done <- n1.members(1, "n1", "n2", "n3") }()
	n1.eventuallyHas("show synchronous_standby_names", `ANY 1 ("n2", "n3")`)
	select {
	case err := <-done:
		t.Fatalf("members: %v, and commits do not wait yet", err)
	case <-time.After(2 * time.Second):
	}
	must(t, syscall.Kill(checkpointer, syscall.SIGCONT))
	must(t, <-done)
	n1.followedBy(n2, n3, n4)
	n1.stopSenders(n2, n3)
	if n1.acknowledges() {
		t.Error("a write was acknowledged that only n4 has")
	}
}

// TestQuorumBeforePromotion: the list of the agent that promotes holds from the first
// write on, whatever it was when PostgreSQL was started.
func TestQuorumBeforePromotion(t *testing.T) {
	g, n1, n2, n3 := three(t, "MSDHA_MEMBERS=", "MSDHA_MEMBERS_K=0")
	n1.kill()
	g.vacate()
	n2.vote()
	g.claim(n2)
	c := n2.command("master")
	c.Env = append(c.Env, "MSDHA_MEMBERS=n1 n2 n3", "MSDHA_MEMBERS_K=1")
	_, err := n2.finish(c)
	must(t, err)
	if n2.acknowledges() {
		t.Error("a new master acknowledged what nobody else has")
	}
	n3.mustFollow()
	if !n2.acknowledges() {
		t.Error("a write was not acknowledged, although n3 follows")
	}
}

// pid finds the process of PostgreSQL with that title.
func (n *node) pid(title string) int {
	n.g.t.Helper()
	for _, pid := range childrenOf(n.server.Process.Pid) {
		if strings.Contains(titleOf(pid), title) {
			return pid
		}
	}
	n.g.t.Fatalf("%s: no process is called %q", n.name, title)
	return 0
}
