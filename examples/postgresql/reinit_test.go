package postgresql_test

import (
	"os"
	"strings"
	"testing"
)

// reinit is pre_start on a node whose operator wants its data replaced.
func (n *node) reinit() (string, error) {
	before := len(n.log.String())
	c := n.command("pre_start")
	c.Env = append(c.Env, "MSDHA_REINIT=1")
	_, err := n.finish(c)
	return n.log.String()[before:], err
}

// TestReinit: data that fits is replaced all the same, and moved aside once.
func TestReinit(t *testing.T) {
	_, n1, n2, n3 := three(t)
	n2.stop()
	said, err := n2.reinit()
	must(t, err)
	if !strings.Contains(said, "our data at no position: clone") {
		t.Errorf("pre_start said:\n%s", said)
	}
	if kept := n2.aside(); len(kept) != 1 {
		t.Errorf("aside are %q, want one directory", kept)
	}
	n2.serve()
	n1.followedBy(n2, n3)
}

// TestReinitWithoutMaster: with nobody to clone from, data that fits may be what the
// next election needs. It stays in service.
func TestReinitWithoutMaster(t *testing.T) {
	g, _, n2, _ := three(t)
	id := n2.id()
	n2.stop()
	g.vacate()
	said, err := n2.reinit()
	must(t, err)
	if got, kept := n2.id(), n2.aside(); got != id || len(kept) != 0 {
		t.Errorf("the data has id %q, want %q, and %q is aside", got, id, kept)
	}
	if !strings.Contains(said, "keeping the data") {
		t.Errorf("pre_start said:\n%s", said)
	}
	n2.serve()
	n2.vote()
}

// TestReinitCutShort: the data stays until its clone is whole, whatever ends pre_start.
func TestReinitCutShort(t *testing.T) {
	g, n1, n2, _ := three(t)
	id := n2.id()
	n2.stop()
	rules, err := os.ReadFile(n2.pgdata + "/msdha_hba.conf")
	must(t, err)
	// Who asks as a walsender of a database is let in, who streams a copy is not.
	g.write(n1.pgdata+"/msdha_hba.conf", "host replication all all reject\n"+string(rules))
	n1.exec("select pg_reload_conf()")
	c := n2.command("pre_start")
	c.Env = append(c.Env, "MSDHA_REINIT=1")
	done := make(chan error, 1)
	go func() {
		_, err := n2.finish(c)
		done <- err
	}()
	eventually(t, "the clone to fail", func() error {
		if !strings.Contains(n2.log.String(), "pg_basebackup: error") {
			return errNone
		}
		return nil
	})
	if got, kept := n2.id(), n2.aside(); got != id || len(kept) != 0 {
		t.Errorf("without a clone the data has id %q, want %q, and %q is aside", got, id, kept)
	}
	g.vacate() // and the master is gone
	must(t, <-done)
	if got, kept := n2.id(), n2.aside(); got != id || len(kept) != 0 {
		t.Errorf("without a clone the data has id %q, want %q, and %q is aside", got, id, kept)
	}
}
