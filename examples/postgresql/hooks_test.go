// Package postgresql_test runs the hooks of the PostgreSQL example against a
// real PostgreSQL, and stands in for the agent while doing so.
package postgresql_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFailover is the story of SPEC P1: three nodes, their master is killed with
// writes that nobody else has, and comes back as a standby without them.
func TestFailover(t *testing.T) {
	g := newGroup(t, 3)
	n1, n2, n3 := g.nodes[0], g.nodes[1], g.nodes[2]
	if id := n1.id(); id != "" {
		t.Fatalf("data prints %q on an empty node", id)
	}
	n1.create()
	n1.serve()
	n1.refusesWrites()
	g.reign(n1)
	for _, n := range []*node{n2, n3} {
		n.join()
		n.serve()
	}
	n1.followedBy(n2, n3)
	if n2.id() != n1.id() || n3.id() != n1.id() {
		t.Errorf("the id did not travel with the clones: %s, %s, %s", n1.id(), n2.id(), n3.id())
	}
	n1.exec("create table r (v text)", "insert into r values ('kept')")

	n1.stopSenders(n2, n3)
	n1.exec("set synchronous_commit = local; insert into r select 'lost' from generate_series(1, 999)")
	n1.kill()
	g.vacate()
	g.reign(n2)
	began := time.Now()
	n2.exec("insert into r values ('second')") // returns, so n3 has flushed it
	t.Logf("first acknowledged write %v after publication", time.Since(began))
	n2.followedBy(n3)

	if said := n1.join(); !strings.Contains(said, "rewind to") {
		t.Errorf("the diverged master was not rewound; pre_start said:\n%s", said)
	}
	if kept := n1.aside(); len(kept) != 0 {
		t.Errorf("the diverged master was cloned, not rewound: %q is aside", kept)
	}
	n1.serve()
	n2.followedBy(n1, n3)
	n1.eventuallyHas("select string_agg(v, ' ' order by v) from r", "kept second")
	n1.refusesWrites()

	n2.stop() // everything it wrote has arrived: nothing diverges
	g.vacate()
	g.reign(n1)
	if said := n2.join(); !strings.Contains(said, ": keep") {
		t.Errorf("an undiverged node was not kept as it is; pre_start said:\n%s", said)
	}
	n2.serve()
	n1.followedBy(n2, n3)
	n1.exec("insert into r values ('third')")
	for _, n := range g.nodes {
		n.eventuallyHas("select string_agg(v, ' ' order by v) from r", "kept second third")
		n.eventuallyHas("select string_agg(epoch || node, ' ' order by epoch) from msdha.epoch",
			"1n1 2n2 3n1")
	}
	for n, others := range map[*node]string{n1: `"n2", "n3"`, n2: `"n1", "n3"`, n3: `"n1", "n2"`} {
		n.eventuallyHas("show synchronous_standby_names", "ANY 1 ("+others+")")
	}
}

// TestStandbyAhead: a standby that has more than the new master cannot follow it.
// It must not stay, ready to be promoted next with what nobody else has: it ends,
// and its node comes back rewound.
func TestStandbyAhead(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.stopSenders(n2)
	n1.exec("insert into r values ('ahead')") // n3 has flushed it
	n3.eventuallyHas("select v from r", "ahead")
	n1.kill()
	g.vacate()
	g.reign(n2)
	if n3.server != nil {
		t.Fatal("follow attached a standby that has more than the master")
	}
	if said := n3.join(); !strings.Contains(said, "rewind to") {
		t.Errorf("the standby was not rewound; pre_start said:\n%s", said)
	}
	if kept := n3.aside(); len(kept) != 0 {
		t.Errorf("the standby was cloned, not rewound: %q is aside", kept)
	}
	n3.serve()
	n2.exec("insert into r values ('kept')")
	n3.eventuallyHas("select string_agg(v, ' ') from r", "kept")
	n2.followedBy(n3)
}

// TestTimelinesThatRepeat: two nodes promoted from the same point have the same
// timeline number, and pg_rewind sees no difference between them.
func TestTimelinesThatRepeat(t *testing.T) {
	g, n1, n2, n3 := three(t, "MSDHA_MEMBERS_K=0")
	n1.stop()
	g.vacate()

	g.claim(n2)
	n2.mustHook("master") // and nobody hears of it
	n2.exec("insert into r select 'lost' from generate_series(1, 999)")
	n2.kill()
	g.vacate()
	g.reign(n3)
	n3.exec("insert into r values ('kept')")
	if a, b := n2.timeline(), n3.timeline(); a != b {
		t.Fatalf("the timelines are %s and %s, and this test is about equal ones", a, b)
	}

	// At an election the shorter log wins, since it was written under the later epoch.
	n3.stop()
	g.vacate()
	for _, n := range []*node{n2, n3} {
		n.join()
		n.serve()
	}
	if a, b := place(t, n2.vote()), place(t, n3.vote()); a[0] != 2 || b[0] != 3 || a[1] < b[1] {
		t.Errorf("the positions are %d and %d, want the log of epoch 2 longer than that of 3", a, b)
	}
	n2.stop()
	g.reign(n3)

	if said := n2.join(); !strings.Contains(said, "clone, since our last epoch is unknown there") {
		t.Errorf("the other branch was not seen; pre_start said:\n%s", said)
	}
	n2.serve()
	n3.followedBy(n2)
	n2.eventuallyHas("select string_agg(v, ' ') from r", "kept")
}

// TestPromotionCutShort: a promotion that dies before it recorded its epoch
// leaves a branch that only its timeline's history tells from the others.
func TestPromotionCutShort(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.stopSenders(n2)
	n1.exec("insert into r select 'kept' from generate_series(1, 999)") // n3 has flushed it
	n1.kill()
	g.vacate()
	g.claim(n2)
	n2.exec("select pg_promote()")
	n2.kill()
	g.vacate()
	g.reign(n3)
	if a, b := n2.timeline(), n3.timeline(); a != b {
		t.Fatalf("the timelines are %s and %s, and this test is about equal ones", a, b)
	}

	if said := n2.join(); !strings.Contains(said, "clone, since our timeline is unknown there") {
		t.Errorf("the other branch was not seen; pre_start said:\n%s", said)
	}
	n2.serve()
	n3.followedBy(n2)
	n2.eventuallyHas("select count(*) from r", "999")
}

// TestStandbyOnAnotherBranch: two nodes were promoted, and have timelines of the
// same number. One is back as a standby when the other one reigns, with less log,
// so that its end does not tell. It must not stream: the other's log would be written
// over its own, and no standby on such data ever becomes consistent.
func TestStandbyOnAnotherBranch(t *testing.T) {
	for _, c := range []struct {
		name    string
		promote func(*node)
	}{
		{"recorded", func(n *node) { n.mustHook("master") }},
		{"cut short", func(n *node) { n.exec("select pg_promote()") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, n1, n2, n3 := three(t)
			n1.stopSenders(n2)
			n1.exec("insert into r select 'kept' from generate_series(1, 999)") // n3 has flushed it
			n1.kill()
			g.vacate()
			g.claim(n2)
			c.promote(n2)
			n2.kill()
			g.vacate()
			n2.join() // nobody reigns, so nobody compares
			n2.serve()
			g.reign(n3)
			if n2.server != nil {
				t.Fatal("follow attached a standby to another branch than its own")
			}
			if said := n2.join(); !strings.Contains(said, "clone, since ") {
				t.Errorf("the other branch was not seen; pre_start said:\n%s", said)
			}
			n2.serve()
			n3.followedBy(n2)
			n2.eventuallyHas("select count(*) from r", "999")
		})
	}
}

// TestReadyWithoutMaster: a group that lost power comes back (SPEC N1), and its
// killed master comes back as a standby.
func TestReadyWithoutMaster(t *testing.T) {
	g := newGroup(t, 1)
	n1 := g.nodes[0]
	n1.create()
	n1.serve()
	g.reign(n1)
	n1.exec("set synchronous_commit = local; create table r (v text)")
	n1.kill()
	g.vacate()
	other := n1.command("../sleep") // has the number of the killed server now
	other.Path, other.Args = "/bin/sleep", []string{"sleep", "600"}
	must(t, other.Start())
	socket := n1.home + "/.s.PGSQL." + n1.port + ".lock"
	for _, file := range []string{n1.pgdata + "/postmaster.pid", socket} {
		text, err := os.ReadFile(file)
		must(t, err)
		_, rest, _ := strings.Cut(string(text), "\n")
		must(t, os.WriteFile(file, fmt.Appendf(nil, "%d\n%s", other.Process.Pid, rest), 0o600))
	}
	n1.join()
	n1.serve()
	n1.refusesWrites()
	must(t, other.Process.Kill())
	_ = other.Wait()
	g.reign(n1)
	n1.exec("set synchronous_commit = local; insert into r values ('x')")

	// Everything may be run again without harm.
	n1.mustHook("master")
	n1.eventuallyHas("select string_agg(epoch::text, ' ' order by epoch) from msdha.epoch", "1 2")
	if _, err := n1.hook("pre_start"); err == nil {
		t.Error("pre_start accepted data on which PostgreSQL runs")
	}
	n1.stop()
	g.vacate()
	id := n1.id()
	n1.create()
	if n1.id() != id {
		t.Error("pre_start created data over data")
	}
}

// TestInterrupted: whatever ended pre_start, half-made data has no id, and the
// next run begins anew.
func TestInterrupted(t *testing.T) {
	g := newGroup(t, 2, "MSDHA_MEMBERS_K=0")
	n1, n2 := g.nodes[0], g.nodes[1]
	n1.interrupt(n1.pgdata+".new/global", "MSDHA_BOOTSTRAP=1")
	n1.create()
	n1.serve()
	g.reign(n1)
	n1.exec("create table big as select i, repeat('x', 500) from generate_series(1, 100000) i")
	n1.exec("create table small (v text)")

	n2.interrupt(n2.pgdata + ".new/msdha.id")
	n2.join()
	n2.serve()
	n1.followedBy(n2)
	n2.eventuallyHas("select count(*) from big", "100000")

	// The remains of a broken rewind have the id, and are no data.
	n2.kill()
	must(t, os.Rename(n2.pgdata, n2.pgdata+".rewind"))
	if id := n2.id(); id != "" {
		t.Fatalf("data prints %q, although its rewind did not end", id)
	}
	n2.join()
	if kept := n2.aside(); len(kept) != 1 {
		t.Errorf("of the broken rewind %q is kept, want one directory", kept)
	}
	n2.serve()
	n1.followedBy(n2)
}

// TestPlannedStop: what a master wrote until its planned stop has arrived at its
// standbys when it ends, its last record included (SPEC E5 follows at once).
func TestPlannedStop(t *testing.T) {
	g, n1, n2, n3 := three(t)
	n1.exec("set synchronous_commit = local; insert into r select repeat('x', 1000) from generate_series(1, 50000)")
	n1.stop()
	g.vacate()
	control, err := exec.Command("/bin/sh", "-c", "PGDATA="+n1.pgdata+
		" /usr/lib/postgresql/*/bin/pg_controldata | sed -n 's/^Latest checkpoint location: *//p'").Output()
	must(t, err)
	for _, n := range []*node{n2, n3} {
		at := n.vote()
		n.eventuallyHas("select pg_last_wal_replay_lsn() > '"+strings.TrimSpace(string(control))+"'", "t")
		n1.join()
		n1.serve()
		if former := n1.vote(); lower(t, at, former) {
			t.Errorf("%s is at %s, and the former master at %s", n.name, at, former)
		}
		n1.stop()
	}
}

// TestForeignData: data of another group is kept until there is something to
// replace it, moved aside then, and only so much of it is kept (SPEC P2).
func TestForeignData(t *testing.T) {
	g := newGroup(t, 2, "MSDHA_MEMBERS_K=0")
	n1, n2 := g.nodes[0], g.nodes[1]
	n1.create()
	n1.serve()
	n2.create()
	foreign := n2.id()
	g.data = n1.id()

	c := n2.command("pre_start")
	done := make(chan error, 1)
	go func() {
		_, err := n2.finish(c)
		done <- err
	}()
	eventually(t, "pre_start to wait for a master", func() error {
		if !strings.Contains(n2.log.String(), "waiting for a master") {
			return errNone
		}
		return nil
	})
	if id := n2.id(); id != foreign {
		t.Errorf("with nothing to replace it the foreign data became %q", id)
	}
	g.reign(n1)
	must(t, <-done)
	if id := n2.id(); id != g.data {
		t.Errorf("the data is %q after the clone, want %q", id, g.data)
	}
	kept := n2.aside()
	if len(kept) != 1 {
		t.Fatalf("aside are %q, want one directory", kept)
	}
	id, err := os.ReadFile(filepath.Join(kept[0], "msdha.id"))
	must(t, err)
	if strings.TrimSpace(string(id)) != foreign {
		t.Errorf("moved aside was %s, want %s", id, foreign)
	}

	must(t, os.WriteFile(filepath.Join(n2.pgdata, "msdha.id"), []byte("7\n"), 0o600))
	n2.join()
	id, err = os.ReadFile(filepath.Join(n2.aside()[0], "msdha.id"))
	must(t, err)
	if again := n2.aside(); len(again) != 1 || string(id) != "7\n" {
		t.Errorf("aside are %q, the first with id %s; want only the later one", again, id)
	}
}
