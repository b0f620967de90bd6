package postgresql_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// monitor runs the hook as it is run in a state.
func (n *node) monitor(state string) (said string, err error) {
	before := len(n.log.String())
	c := n.command("monitor")
	c.Env = append(c.Env, "MSDHA_STATE="+state)
	_, err = n.finish(c)
	return n.log.String()[before:], err
}

// TestMonitor: it fails where a node cannot do its work, and only there: not while
// nobody acknowledges, nor while PostgreSQL still recovers.
func TestMonitor(t *testing.T) {
	_, n1, n2, n3 := three(t)
	well := func(n *node, state string) {
		t.Helper()
		if said, err := n.monitor(state); err != nil {
			t.Errorf("monitor of %s as %s: %v, it said:\n%s", n.name, state, err, said)
		}
	}
	ill := func(n *node, state, why string) {
		t.Helper()
		began := time.Now()
		if said, err := n.monitor(state); err == nil || !strings.Contains(said, why) {
			t.Errorf("monitor of %s as %s: %v, want it to fail with %q; it said:\n%s",
				n.name, state, err, why, said)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("monitor took %v, and is killed after 30 s", took)
		}
	}
	well(n1, "master")
	well(n1, "master")
	well(n2, "ready")
	n1.exec("insert into r values ('x')") // n2 and n3 are there
	n2.eventuallyHas("select node from msdha.monitor", "n1")

	n1.stopSenders(n2, n3)
	well(n1, "master")
	n1.wakeChildren()

	must(t, os.Symlink("/dev/full", n2.pgdata+".monitor.tmp"))
	ill(n2, "ready", "No space left on device")
	ill(n2, "running_not_ready", "No space left on device")
	must(t, os.Remove(n2.pgdata+".monitor.tmp"))
	well(n2, "ready")

	for _, n := range []*node{n1, n2} {
		must(t, n.server.Process.Signal(syscall.SIGSTOP))
		ill(n, map[*node]string{n1: "master", n2: "ready"}[n], "timeout expired")
		must(t, n.server.Process.Signal(syscall.SIGCONT))
	}
	n3.stop()
	ill(n3, "ready", "No such file or directory")
	well(n3, "running_not_ready")
}

// TestMonitorWithoutSlots: clients who have all connections are no illness.
func TestMonitorWithoutSlots(t *testing.T) {
	g := newGroup(t, 1, fewConnections(t))
	n := g.nodes[0]
	n.create()
	n.serve()
	g.reign(n)
	n.exec("create role client login", "create table r (v text)", "grant insert on r to client")
	written := n.storm()
	for range cap(written) {
		must(t, <-written)
	}
	for range 3 {
		_, err := n.connect("postgres")
		must(t, err)
	}
	if said, err := n.monitor("master"); err != nil {
		t.Errorf("monitor: %v, it said:\n%s", err, said)
	}
}

// TestMonitorOfTheForsaken: a standby that cannot get what it misses any more is ill:
// by itself it would ask for it for ever.
func TestMonitorOfTheForsaken(t *testing.T) {
	g, n1, n2 := outrun(t)
	n2.mustHook("detach")
	if said, err := n2.monitor("ready"); err != nil {
		t.Errorf("a detached standby is ill: %v, it said:\n%s", err, said)
	}
	conf := n2.pgdata + "/msdha_upstream.conf"
	g.write(conf, "primary_conninfo = 'host=127.0.0.1 port="+n1.port+" user=msdha_replication'\n")
	n2.exec("select pg_reload_conf()")
	eventually(t, "monitor to fail", func() error {
		said, err := n2.monitor("ready")
		if err != nil && strings.Contains(said, "cannot get the log we miss from n1") {
			return nil
		}
		return errNone
	})
}
