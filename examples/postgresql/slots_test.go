package postgresql_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"msdha/internal/testkit"
)

// cutOff freezes n with all its processes. Its sockets stay, so that nobody sees that it
// is gone, as with a host that lost its network.
func (n *node) cutOff() {
	n.g.t.Helper()
	pid := n.server.Process.Pid
	must(n.g.t, syscall.Kill(pid, syscall.SIGSTOP))
	for _, p := range childrenOf(pid) {
		must(n.g.t, syscall.Kill(p, syscall.SIGSTOP))
	}
}

// goOn ends that.
func (n *node) goOn() {
	n.g.t.Helper()
	n.wakeChildren()
	must(n.g.t, syscall.Kill(n.server.Process.Pid, syscall.SIGCONT))
}

// again is the node n with what its disk holds, elsewhere: as a host comes back whose
// connections still exist on the other side.
func (n *node) again() *node {
	t := n.g.t
	t.Helper()
	home := n.home + "-again"
	b := &node{
		g: n.g, name: n.name, port: freePorts(t, 1)[0], home: home, run: home + "/run", pgdata: home + "/data",
		log: &testkit.Output{},
	}
	for _, v := range n.env {
		v = strings.ReplaceAll(v, n.home, home)
		b.env = append(b.env, strings.Replace(v, "PGPORT="+n.port, "PGPORT="+b.port, 1))
	}
	n.g.mkdir(home)
	for _, dir := range []string{n.run, n.pgdata} {
		out, err := exec.Command("cp", "-a", dir, filepath.Join(home, filepath.Base(dir))).CombinedOutput()
		if err != nil {
			t.Fatalf("cp: %v: %s", err, out)
		}
	}
	must(t, os.Remove(b.pgdata+"/postmaster.pid"))
	n.g.nodes = append(n.g.nodes, b)
	return b
}

// insert is a commit in the making.
func (n *node) insert(v string) chan error {
	done := make(chan error, 1)
	go func() {
		_, err := n.query("insert into r values ('" + v + "')")
		done <- err
	}()
	return done
}

// TestCountedOnce: a node that comes back while the master still keeps its former
// connection is one of the K nodes that a commit waits for, not two (SPEC P3).
func TestCountedOnce(t *testing.T) {
	_, n1, n2, n3 := three(t, "MSDHA_MEMBERS_K=2")
	must(t, n1.members(2, "n1", "n2", "n3"))
	n1.followedBy(n2, n3)
	n1.stopSenders(n3)
	done := n1.insert("x")
	n2.eventuallyHas("select v from r", "x")
	n1.eventuallyHas("select flush_lsn >= pg_current_wal_flush_lsn() from pg_stat_replication "+
		"where application_name = 'n2'", "t")
	n2.cutOff()
	b := n2.again()
	b.start()
	b.mustHook("running_not_ready")
	had, err := n1.query("select string_agg(pid::text, ' ') from pg_stat_replication where application_name = 'n2'")
	if err != nil || had == "" {
		t.Errorf("n2's former sender is %q, %v: this test is about one that lingers", had, err)
	}
	began := time.Now()
	b.mustFollow()
	t.Logf("the place of a node that vanished was free after %v", time.Since(began))
	b.eventuallyHas("select v from r", "x")
	select {
	case err := <-done:
		t.Fatalf("a commit for which 2 have to wait was acknowledged (%v), and of the two only n2 has it", err)
	case <-time.After(2 * time.Second):
	}
	n1.wakeChildren()
	must(t, <-done)
}

// TestPausedStandby: one that was paused for longer than the master waits for it, as a
// virtual machine is, comes back by itself.
func TestPausedStandby(t *testing.T) {
	_, n1, n2, n3 := three(t)
	n2.cutOff()
	n1.exec("insert into r values ('x')")
	began := time.Now()
	n1.slots("msdha_n2 unused, msdha_n3")
	t.Logf("its place was free after %v", time.Since(began))
	began = time.Now()
	n2.goOn()
	n1.followedBy(n2, n3)
	t.Logf("it was back after %v", time.Since(began))
}

// TestSenderWithoutSlot: nothing else keeps two senders of a name apart, so one without
// the name's slot must not count unnoticed.
func TestSenderWithoutSlot(t *testing.T) {
	g, n1, n2, _ := three(t)
	must(t, n1.members(1, "n1", "n2", "n3"))
	n2.mustHook("detach")
	g.write(n2.pgdata+"/msdha_upstream.conf", "primary_conninfo = 'host=127.0.0.1 port="+n1.port+
		" user=msdha_replication application_name=n2'\n")
	n2.exec("select pg_reload_conf()")
	n1.eventuallyHas("select count(*) from pg_stat_replication where state = 'streaming'", "2")
	before := len(n1.log.String())
	if err := n1.members(1, "n1", "n2", "n3"); err == nil {
		t.Error("members counts a sender that has no slot")
	}
	if said := n1.log.String()[before:]; !strings.Contains(said, "without its slot msdha_n2") {
		t.Errorf("members said %q", said)
	}
	n2.mustFollow()
	must(t, n1.members(1, "n1", "n2", "n3"))
}

// slots are those on n.
func (n *node) slots(want string) {
	n.g.t.Helper()
	n.eventuallyHas("select string_agg(slot_name || case when active then '' else ' unused' end, ', ' "+
		"order by slot_name) from pg_replication_slots", want)
}

// TestSlots: each standby has one on the master; who does not reign any more, has left, or
// is no member keeps no log by one; and who is without comes to one again.
func TestSlots(t *testing.T) {
	g, n1, n2, n3, n4 := four(t)
	n1.slots("msdha_n2, msdha_n3, msdha_n4")
	n1.exec("select pg_create_physical_replication_slot('mine', true)")
	n3.stop()
	n4.stop()
	must(t, n1.members(1, "n1", "n2", "n3"))
	n1.slots("mine unused, msdha_n2, msdha_n3 unused")
	n4.serve()
	n1.slots("mine unused, msdha_n2, msdha_n3 unused, msdha_n4")

	n4.mustHook("detach") // it is away for a moment
	must(t, n1.members(0, "n1", "n2", "n3"))
	g.write(n4.pgdata+"/msdha_upstream.conf", "primary_conninfo = 'host=127.0.0.1 port="+n1.port+
		" user=msdha_replication application_name=n4'\nprimary_slot_name = 'msdha_n4'\n")
	n4.exec("select pg_reload_conf()")
	n1.slots("mine unused, msdha_n2, msdha_n3 unused")
	eventually(t, "the monitor to help", func() error {
		if said, err := n4.monitor("ready"); err != nil {
			t.Errorf("monitor: %v, it said:\n%s", err, said)
		}
		if got, _ := n1.query("select active from pg_replication_slots where slot_name = 'msdha_n4'"); got != "t" {
			return errNone
		}
		return nil
	})

	n1.stop()
	g.vacate()
	g.reign(n2)
	n1.join()
	n1.serve()
	n1.slots("mine unused")
	n2.slots("msdha_n1, msdha_n4")
}

// TestSlotNames: each node has its own, whatever it is called.
func TestSlotNames(t *testing.T) {
	long := strings.Repeat("x", 50)
	names := []string{
		"n1", "N1", "n-1", "n_1", "n.1", "n_2d1", "n__1", "_n1", long, long + "_", long + "-", long + "--",
		strings.Repeat("_", 19), strings.Repeat("_", 20),
	}
	g := newGroup(t, 1)
	n := g.nodes[0]
	script := `. "$0"; for n; do slot "$n"; echo "$slot"; done`
	c := n.command("lib.sh")
	c.Path = "/bin/sh"
	c.Args = append([]string{"sh", "-c", script, filepath.Join(g.hooks, "lib.sh")}, names...)
	out, err := n.finish(c)
	must(t, err)
	slots := strings.Fields(out)
	if len(slots) != len(names) || slots[0] != "msdha_n1" || slots[2] != "msdha_n_2d1" {
		t.Fatalf("the slots of %q are %q", names, slots)
	}
	for i, s := range slots {
		if len(s) > 63 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("the slot of %s is %s, which PostgreSQL refuses", names[i], s)
		}
		if slices.Contains(slots[:i], s) {
			t.Errorf("the slot of %s, %s, is another one's, too", names[i], s)
		}
	}
}

// TestAlteredSettings: what ALTER SYSTEM sets beats the hooks' files, and clones bring it
// along. A hook that relies on another value must not call that done.
func TestAlteredSettings(t *testing.T) {
	g, n1, n2, _ := three(t)
	must(t, n1.members(1, "n1", "n2", "n3"))
	fails := func(what string, err error, n *node, before int) {
		t.Helper()
		if said := n.log.String()[before:]; err == nil || !strings.Contains(said, "ALTER SYSTEM") {
			t.Errorf("%s: %v, and it said %q", what, err, said)
		}
	}
	n1.exec("alter system set synchronous_standby_names = ''", "select pg_reload_conf()")
	n1.eventuallyHas("show synchronous_standby_names", "")
	before := len(n1.log.String())
	fails("members", n1.members(1, "n1", "n2", "n3"), n1, before)
	n1.exec("alter system reset synchronous_standby_names", "select pg_reload_conf()")
	must(t, n1.members(1, "n1", "n2", "n3"))

	n2.exec("alter system set primary_slot_name = ''", "select pg_reload_conf()")
	n2.mustHook("detach")
	before = len(n2.log.String())
	_, err := n2.follow()
	fails("follow", err, n2, before)
	n2.receivesNothing()
	n2.exec("alter system reset primary_slot_name",
		"alter system set primary_conninfo = 'host=127.0.0.1 port="+n1.port+" user=msdha_replication'",
		"select pg_reload_conf()")
	before = len(n2.log.String())
	_, err = n2.hook("detach")
	fails("detach", err, n2, before)
	n2.exec("alter system reset primary_conninfo", "select pg_reload_conf()")
	n2.mustHook("detach")
	n2.mustFollow()

	n1.exec("alter system set synchronous_standby_names = ''")
	before = len(n1.log.String())
	_, err = n1.hook("master")
	fails("master", err, n1, before)
	g.vacate()
}
