package postgresql_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// TestFollow: a standby is attached without a restart, again without harm, and to
// nobody who does not reign in just that epoch.
func TestFollow(t *testing.T) {
	g, n1, n2, n3 := three(t)
	began, err := n2.query("select pg_postmaster_start_time()")
	must(t, err)
	receiver, err := n2.query("select pid from pg_stat_wal_receiver")
	must(t, err)
	n2.mustFollow()
	n2.eventuallyHas("select pid from pg_stat_wal_receiver", receiver) // nothing was interrupted
	n2.mustHook("detach")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"n1", "127.0.0.1:" + n1.port, "0"}, "it reigns in 1 already"},
		{[]string{"n2", "127.0.0.1:" + n2.port, "1"}, "want another node"},
		{[]string{"n1", "a b", "1"}, "want another node"},
		{[]string{"n1"}, "want three arguments"},
	} {
		before := len(n2.log.String())
		_, err := n2.hook("follow", c.args...)
		if said := n2.log.String()[before:]; exitCode(err) != 1 || !strings.Contains(said, c.want) {
			t.Errorf("follow %q: %v, and it said %q, want it to name %q", c.args, err, said, c.want)
		}
		n2.receivesNothing()
	}
	at := time.Now()
	n2.mustFollow()
	t.Logf("follow took %v", time.Since(at))
	n1.followedBy(n2, n3)
	n2.eventuallyHas("select pg_postmaster_start_time()", began)
	g.vacate()
}

// TestDeafMaster: follow fails within its 30 s (SPEC H4) where the master accepts
// and does not answer, and has attached to nobody.
func TestDeafMaster(t *testing.T) {
	g, n1, n2 := detached(t)
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, and nobody answers
	must(t, err)
	defer deaf.Close() //nolint:errcheck // nothing depends on it
	g.claim(n1)
	began := time.Now()
	_, err = n2.hook("follow", "n1", deaf.Addr().String(), "2")
	if took := time.Since(began); exitCode(err) != 1 || took > 29*time.Second {
		t.Errorf("follow: %v after %v, want it to fail before it is killed after 30 s", err, took)
	}
	n2.receivesNothing()
}

// TestMasterNotPromotedYet: a master that holds the lock may still be promoting,
// and behind us. follow waits for it.
func TestMasterNotPromotedYet(t *testing.T) {
	g, n1, n2 := detached(t)
	n1.stop()
	n1.join()
	n1.serve()
	n1.vote()
	g.claim(n1)
	c := n2.following()
	must(t, c.Start())
	n1.eventuallyHas("select count(*) > 0 from pg_stat_activity where application_name = '_msdha'", "t")
	n2.receivesNothing()
	n1.mustHook("master")
	must(t, c.Wait())
	n1.followedBy(n2)
}

// TestStreamsWhileItWaits: a former master that does not know that it was replaced
// must not go on sending while a standby compares itself with the new one.
func TestStreamsWhileItWaits(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n2.vote()
	g.claim(n2)
	c := n3.following()
	must(t, c.Start())
	n2.eventuallyHas("select count(*) > 0 from pg_stat_activity where application_name = '_msdha'", "t")
	n1.exec("set synchronous_commit = local; insert into r values ('ahead')")
	n3.receivesNothing()
	n1.kill()
	n2.mustHook("master")
	must(t, c.Wait())
	n2.followedBy(n3)
	n3.eventuallyHas("select count(*) from r", "0")
}

// TestReignsAgain: who reigned, lost and reigns again may have lost what a standby
// has that still names it as its upstream.
func TestReignsAgain(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.stopSenders(n2)
	n1.exec("insert into r values ('ahead')") // n3 has flushed it
	n1.kill()
	g.vacate()
	n2.vote()
	g.claim(n2)
	n2.mustHook("master") // and n3 does not hear of it
	n1.join()
	n1.serve()
	n2.exec("set synchronous_commit = local; insert into r values ('kept')")
	n1.eventuallyHas("select string_agg(v, ' ') from r", "kept")
	n2.stop()
	g.vacate()
	n1.vote()
	g.claim(n1)
	n1.mustHook("master")
	if _, err := n3.follow(); exitCode(err) != diverged {
		t.Fatalf("follow: %v, want status %d", err, diverged)
	}
	n3.stop()
	if said := n3.join(); !strings.Contains(said, "rewind to") {
		t.Errorf("the standby was not rewound; pre_start said:\n%s", said)
	}
}

// TestKilledFollow: whatever ends a follow, and whenever, the detach after it holds.
func TestKilledFollow(t *testing.T) {
	g, n1, n2 := detached(t)
	_ = n1
	g.master = n1
	for i := range 40 {
		c := n2.following()
		must(t, c.Start())
		time.Sleep(time.Duration(i) * 10 * time.Millisecond)
		signal := syscall.SIGTERM
		if i%2 == 1 {
			signal = syscall.SIGKILL
		}
		_ = c.Process.Signal(signal) // the hook alone: what it started goes on
		began := time.Now()
		_ = c.Wait()
		if took := time.Since(began); took > time.Second {
			t.Errorf("follow ended %v after the signal", took)
		}
		n2.mustHook("detach")
		n2.receivesNothing()
		if i%4 == 0 { // what reads the settings later must not attach either
			n2.exec("select pg_reload_conf()")
			n2.receivesNothing()
		}
	}
}

// TestLateFollow: a follow that was held up, and goes on after a detach, attaches to
// nobody, even if its master still is one.
func TestLateFollow(t *testing.T) {
	g, n1, n2 := detached(t)
	g.master = n1
	late := 0
	for i := range 20 {
		c := n2.following()
		must(t, c.Start())
		time.Sleep(time.Duration(i) * time.Millisecond)
		must(t, syscall.Kill(-c.Process.Pid, syscall.SIGSTOP))
		_, held := n2.hook("detach") // fails if follow holds the lock
		must(t, syscall.Kill(-c.Process.Pid, syscall.SIGCONT))
		err := c.Wait()
		if held != nil {
			n2.mustHook("detach")
			continue
		}
		late++
		if err == nil {
			t.Error("a follow from before the detach succeeded")
		}
		n2.receivesNothing()
	}
	if late == 0 {
		t.Error("no follow was late: this test tested nothing")
	}
	n2.mustFollow()
	n1.followedBy(n2)
}

// TestMissedTooMuch: a standby that was away for longer than the master keeps log
// is told so, not attached to wait for ever; its next life clones.
func TestMissedTooMuch(t *testing.T) {
	_, n1, n2 := outrun(t)
	if _, err := n2.follow(); exitCode(err) != diverged {
		t.Fatalf("follow: %v, want status %d", err, diverged)
	}
	n2.receivesNothing()
	n2.stop()
	if said := n2.join(); !strings.Contains(said, "clone, since the log we miss is gone there") {
		t.Errorf("pre_start said:\n%s", said)
	}
	n2.serve()
	n1.followedBy(n2)
}

// outrun is a group whose standby n2 is detached, and misses log that n1 does not have
// any more: a slot that nobody reads, as a clone has that hangs, must not make n1 keep
// log until its disk is full.
func outrun(t *testing.T) (g *group, n1, n2 *node) {
	t.Helper()
	g = newGroup(t, 2, "MSDHA_PG_WAL_KEEP=0", "MSDHA_PG_SLOT_WAL_KEEP=48MB", "MSDHA_MEMBERS_K=0")
	n1, n2 = g.nodes[0], g.nodes[1]
	n1.create()
	n1.serve()
	g.reign(n1)
	n2.join()
	n2.serve()
	n1.followedBy(n2)
	n2.vote()
	n1.exec("select pg_create_physical_replication_slot('hung', true)", "create table big (v text)",
		"alter system set max_wal_size = '32MB'", "select pg_reload_conf()")
	for range 8 {
		n1.exec("insert into big select repeat('x', 1000) from generate_series(1, 16000)", "checkpoint")
	}
	n1.eventuallyHas("select wal_status from pg_replication_slots where slot_name = 'hung'", "lost")
	n1.eventuallyHas("select sum(size) < 128e6 from pg_ls_waldir()", "t")
	return g, n1, n2
}

// TestClientStorm: clients who have all slots of a new master, and wait for a standby
// to acknowledge what they wrote, must not keep the standbys from it.
func TestClientStorm(t *testing.T) {
	g, n1, n2, n3 := three(t, fewConnections(t))
	n1.exec("create role client login", "grant insert on r to client")
	n1.followedBy(n2, n3)
	n1.stopSenders(n2, n3)
	n1.exec("set synchronous_commit = local; insert into r select 'lost' from generate_series(1, 999)")
	n1.kill()
	g.vacate()
	n2.vote()
	n3.vote()
	g.claim(n2)
	n2.mustHook("master")
	written := n2.storm()
	g.followed()
	n2.followedBy(n3)
	for range cap(written) {
		must(t, <-written)
	}
	n1.join() // by rewind, or where clients keep pg_rewind out, by clone
	n1.serve()
	n2.followedBy(n1, n3)
}

// fewConnections is a setting with which clients have 7 slots.
func fewConnections(t *testing.T) string {
	t.Helper()
	dir := readableDir(t)
	settings := "shared_buffers = 16MB\nmax_connections = 10\n"
	must(t, os.WriteFile(filepath.Join(dir, "few.conf"), []byte(settings), 0o644))
	return "MSDHA_PG_CONF=" + filepath.Join(dir, "few.conf")
}

// readableDir is a directory that user postgres can read.
func readableDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, os.Chmod(dir, 0o755))
	return dir
}

// storm takes all slots that clients can have, each with a write, and keeps them until
// the test ends. It returns the outcomes.
func (n *node) storm() chan error {
	t := n.g.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	var conns []*pgx.Conn
	for {
		conn, err := n.connect("client")
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	if len(conns) != 7 { // 10 less the 3 of superusers
		t.Fatalf("%d clients found a slot, want 7", len(conns))
	}
	written := make(chan error, len(conns))
	for i, conn := range conns {
		go func() {
			_, err := conn.Exec(ctx, fmt.Sprintf("insert into r values ('%d')", i))
			written <- err
		}()
	}
	return written
}

// connect opens a session that stays until the test ends.
func (n *node) connect(user string) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, strings.Replace(n.dsn(), "user=postgres", "user="+user, 1))
	if err == nil {
		n.g.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	}
	return conn, err
}

// receivesNothing proves that no receiver runs on n, nor is there one a little later.
func (n *node) receivesNothing() {
	n.g.t.Helper()
	for range 15 {
		for _, pid := range childrenOf(n.server.Process.Pid) {
			if title := titleOf(pid); strings.Contains(title, "walreceiver") {
				n.g.t.Fatalf("%s receives: process %d is %q", n.name, pid, title)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// titleOf is what PostgreSQL calls a process of its own.
func titleOf(pid int) string {
	title, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(title)
}

// detached is a group of two whose second node is a standby of nobody.
func detached(t *testing.T) (g *group, n1, n2 *node) {
	t.Helper()
	g = newGroup(t, 2)
	n1, n2 = g.nodes[0], g.nodes[1]
	n1.create()
	n1.serve()
	g.reign(n1)
	n2.join()
	g.vacate()
	n2.serve()
	n2.receivesNothing()
	return g, n1, n2
}
