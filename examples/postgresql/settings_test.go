package postgresql_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

// TestSlotWALKeep: by default slots keep what is a share of the volume, so that a
// standby that is away does not fill a small one; what the operator says is taken as it is.
func TestSlotWALKeep(t *testing.T) {
	g := newGroup(t, 1)
	n := g.nodes[0]
	n.create()
	bin := readableDir(t)
	df := "#!/bin/sh\necho 'Filesystem 1024-blocks Used Available Capacity Mounted on'\n" +
		"echo \"/dev/sda $SIZE 7 9 1% /\"\n"
	must(t, os.WriteFile(filepath.Join(bin, "df"), []byte(df), 0o755))
	for _, c := range []struct{ kilobytes, said, want string }{
		{"2097152", "", "512"}, // 2 GB
		{"33554431", "", "8191"},
		{"33554432", "", "8192"}, // 32 GB
		{"10737418240", "", "8192"},
		{"0", "", "8192"}, // nobody knows
		{"2097152", "3GB", "3072"},
		{"2097152", "-1", "-1"},
	} {
		script := `. "$0"; configure "$PGDATA"; "$MSDHA_PG_BIN/postgres" -D "$PGDATA" -C max_slot_wal_keep_size`
		cmd := n.command("lib.sh")
		cmd.Path, cmd.Args = "/bin/sh", []string{"sh", "-c", script, filepath.Join(g.hooks, "lib.sh")}
		cmd.Env = append(cmd.Env, "PATH="+bin+":"+os.Getenv("PATH"), "SIZE="+c.kilobytes)
		if c.said != "" {
			cmd.Env = append(cmd.Env, "MSDHA_PG_SLOT_WAL_KEEP="+c.said)
		}
		if got, err := n.finish(cmd); err != nil || got != c.want {
			t.Errorf("on %s KB and with %q slots keep %s MB, %v, want %s", c.kilobytes, c.said, got, err, c.want)
		}
	}
	own := n.command("lib.sh") // with this machine's df
	own.Path = "/bin/sh"
	own.Args = []string{"sh", "-c", `. "$0"; slot_wal_keep "$PGDATA"`, filepath.Join(g.hooks, "lib.sh")}
	got, err := n.finish(own)
	must(t, err)
	var volume syscall.Statfs_t
	must(t, syscall.Statfs(n.pgdata, &volume))
	want := min(int64(volume.Blocks)*volume.Frsize>>20/4, 8192)
	if mb, err := strconv.ParseInt(got, 10, 64); err != nil || mb < want-1 || mb > want+1 {
		t.Errorf("slots keep %s MB, %v, want %d", got, err, want)
	}
}
