package postgresql_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestBadSettings: each is named, with its value and what to do.
func TestBadSettings(t *testing.T) {
	g := newGroup(t, 1)
	n := g.nodes[0]
	for _, c := range []struct{ env, hook, want string }{
		{"PGDATA=data", "data", "PGDATA=data"},
		{"PGSOCKET=/tmp/a b", "ready", "PGSOCKET=/tmp/a b"},
		{"PGDATA=/dev/shm", "pre_start", "mount its parent"},
		{"MSDHA_PG_SYNC=yes", "pre_start", "want on or off"},
		{"MSDHA_PG_SYNC_NAMES=*", "pre_start", "MSDHA_PG_SYNC_NAMES=*"},
		{"MSDHA_PG_SYNC_NAMES=n1,*", "pre_start", "MSDHA_PG_SYNC_NAMES=n1,*"},
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

// TestPasswords: with password files nobody gets in without one, and the nodes
// still reach each other.
func TestPasswords(t *testing.T) {
	secrets := t.TempDir()
	must(t, os.Chmod(filepath.Dir(secrets), 0o755))
	must(t, os.Chmod(secrets, 0o755))
	for name, text := range map[string]string{"own": "it's", "replication": `a:b\c'd`} {
		must(t, os.WriteFile(filepath.Join(secrets, name), []byte(text+"\n"), 0o644))
	}
	g := newGroup(t, 2, "MSDHA_PG_PASSWORD_FILE="+secrets+"/own",
		"MSDHA_PG_REPLICATION_PASSWORD_FILE="+secrets+"/replication")
	n1, n2 := g.nodes[0], g.nodes[1]
	n1.create()
	n1.serve()
	g.reign(n1)
	n2.join()
	n2.serve()
	n1.followedBy(n2)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, c := range []struct {
		user, password string
		want           bool
	}{
		{"postgres", "it's", true},
		{"postgres", "wrong", false},
		{"msdha", "it's", false},
		{"msdha_replication", `a:b\c'd`, true},
	} {
		config, err := pgx.ParseConfig(n1.dsn())
		must(t, err)
		config.User, config.Password = c.user, c.password
		conn, err := pgx.ConnectConfig(ctx, config)
		if (err == nil) != c.want {
			t.Errorf("login as %s with %q: %v", c.user, c.password, err)
		}
		if err == nil {
			must(t, conn.Close(ctx))
		}
	}
}
