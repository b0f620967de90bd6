package postgresql_test

import (
	"strings"
	"testing"
)

// TestBadSettings: each is named, with its value and what to do.
func TestBadSettings(t *testing.T) {
	g := newGroup(t, 1, "MSDHA_MEMBERS=n1 n2", "MSDHA_MEMBERS_K=1")
	n := g.nodes[0]
	for _, c := range []struct{ env, hook, want string }{
		{"PGDATA=data", "data", "PGDATA=data"},
		{"PGSOCKET=/tmp/a b", "detach", "PGSOCKET=/tmp/a b"},
		{"PGDATA=/dev/shm", "pre_start", "mount its parent"},
		{"MSDHA_PG_SYNC=off", "pre_start", "use `msdhactl members`"},
		{"MSDHA_PG_SYNC_NAMES=n1,n2", "pre_start", "use `msdhactl members`"},
		{"MSDHA_PG_WAL_KEPT=1GB", "pre_start", "cannot use MSDHA_PG_WAL_KEPT"},
		{"MSDHA_MEMBERS=n1 *", "pre_start", `cannot wait for node "*"`},
		{"MSDHA_MEMBERS=n1", "pre_start", "members n1 have only 0"},
		{"MSDHA_MEMBERS=N1 n2", "pre_start", `two nodes called "n1"`},
		{"MSDHA_MEMBERS=n1 " + strings.Repeat("x", 64), "pre_start", "after 63 characters"},
		{"MSDHA_PG_TLS_CA_FILE=/nowhere", "pre_start", "set all three, or none"},
		{"MSDHA_PG_KEEP_ASIDE=all", "pre_start", "want a number"},
		{"MSDHA_PG_PASSWORD_FILE=/nowhere", "pre_start", "MSDHA_PG_REPLICATION_PASSWORD_FILE"},
	} {
		cmd := n.command(c.hook)
		cmd.Env = append(cmd.Env, "MSDHA_BOOTSTRAP=1", c.env)
		before := len(n.log.String())
		if _, err := n.finish(cmd); err == nil {
			t.Errorf("%s: %s accepts it", c.env, c.hook)
		}
		if said := n.log.String()[before:]; !strings.Contains(said, c.want) {
			t.Errorf("%s: %s said %q, want it to name %q", c.env, c.hook, said, c.want)
		}
		if id := n.id(); id != "" {
			t.Errorf("%s: there is data all the same", c.env)
		}
	}
}
