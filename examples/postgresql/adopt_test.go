package postgresql_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stray is data that a plain PostgreSQL wrote, before there was a group.
type stray struct {
	n   *node // whose user, port and socket it borrows while it runs
	dir string
}

// newStray makes it with an owner, settings and rules that msdha would not have.
func newStray(n *node) *stray {
	t := n.g.t
	t.Helper()
	s := &stray{n: n, dir: filepath.Join(n.home, "old")}
	s.run("initdb", "-D", s.dir, "-U", "owner", "-A", "trust", "--locale=C.UTF-8")
	s.start()
	s.sql("create table kept (v text primary key)")
	s.sql("insert into kept values ('a'), ('b')")
	s.sql("create database odd")
	s.sql("update pg_database set datcollversion = '0' where datname = 'odd'")
	s.sql("alter system set primary_conninfo = 'host=nowhere'")
	s.sql("alter system set archive_mode = on")
	s.sql("alter system set archive_command = 'false'")
	s.run("pg_ctl", "-D", s.dir, "-m", "fast", "-w", "stop")
	return s
}

func (s *stray) start() {
	s.n.g.t.Helper()
	s.run("pg_ctl", "-D", s.dir, "-w", "-l", s.dir+".log", "-o",
		"-c listen_addresses= -p "+s.n.port+" -k "+s.n.home, "start")
}

func (s *stray) sql(text string) string {
	s.n.g.t.Helper()
	return s.run("psql", "-XAtq", "-h", s.n.home, "-p", s.n.port, "-U", "owner", "-c", text, "postgres")
}

// run executes one of PostgreSQL's programs as the user who owns the data.
func (s *stray) run(program string, args ...string) string {
	t := s.n.g.t
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	must(t, err)
	if len(found) == 0 {
		t.Fatalf("cannot find %s below /usr/lib/postgresql", program)
	}
	c := exec.Command(found[len(found)-1], args...)
	c.Dir, c.Stderr = s.n.home, s.n.log
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.n.g.cred}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %q: %v", program, args, err)
	}
	return strings.TrimSpace(string(out))
}

// refused runs adopt, which must fail, say want, and leave no data behind.
func (s *stray) refused(want string) {
	t := s.n.g.t
	t.Helper()
	before := len(s.n.log.String())
	_, err := s.n.hook("adopt", s.dir)
	if said := s.n.log.String()[before:]; err == nil || !strings.Contains(said, want) {
		t.Errorf("adopt: %v, want it to refuse with %q; it said:\n%s", err, want, said)
	}
	if id := s.n.id(); id != "" {
		t.Errorf("adopt refused and left data with id %s", id)
	}
}

// TestAdopt: data that existed before the group becomes the group's, with all
// its rows and roles, and the original still works afterwards: the way back.
func TestAdopt(t *testing.T) {
	g := newGroup(t, 2)
	n1, n2 := g.nodes[0], g.nodes[1]
	s := newStray(n1)
	n1.mustHook("adopt", s.dir)
	if !strings.Contains(n1.log.String(), "another C library sorted the text in odd:") {
		t.Errorf("adopt does not warn of text sorted by another C library; it said:\n%s", n1.log)
	}
	id := n1.id()
	if control := s.run("pg_controldata", "-D", s.dir); id == "" || !strings.Contains(control, id) {
		t.Fatalf("the id after adoption is %q, that of the original:\n%s", id, control)
	}
	n1.join()
	n1.serve()
	n1.refusesWrites() // nobody is a master without a claim
	g.reign(n1)
	n2.join()
	n2.serve()
	n1.followedBy(n2)
	n1.exec("insert into kept values ('c')") // returns, so n2 has flushed it
	for _, n := range g.nodes {
		n.eventuallyHas("select string_agg(v, ' ' order by v) from kept", "a b c")
		n.eventuallyHas("select string_agg(rolname, ' ' order by rolname) from pg_roles where rolcanlogin",
			"msdha msdha_replication owner postgres")
	}
	for setting, want := range map[string]string{
		"archive_mode": "off", "synchronous_standby_names": `ANY 1 ("n2")`,
	} {
		n1.eventuallyHas("show "+setting, want)
	}

	n1.kill()
	g.vacate()
	g.reign(n2)
	n1.join()
	n1.serve()
	n2.followedBy(n1)
	n1.stop()
	s.start()
	if got := s.sql("select string_agg(v, ' ' order by v) from kept"); got != "a b" {
		t.Errorf("the original has %q after its adoption, want what it had", got)
	}
	s.run("pg_ctl", "-D", s.dir, "-m", "fast", "-w", "stop")
}

// TestAdoptRefuses: what is not the last word of a primary that ended by itself.
func TestAdoptRefuses(t *testing.T) {
	g := newGroup(t, 1)
	n := g.nodes[0]
	s := newStray(n)

	s.start()
	s.refused("in production")
	s.run("pg_ctl", "-D", s.dir, "-m", "immediate", "-w", "stop")
	s.refused("in production")
	s.start()
	s.run("pg_ctl", "-D", s.dir, "-m", "fast", "-w", "stop")

	version := filepath.Join(s.dir, "PG_VERSION")
	text, err := os.ReadFile(version)
	must(t, err)
	g.write(version, "9\n")
	s.refused("pg_upgrade")
	g.write(version, string(text))

	link := filepath.Join(s.dir, "pg_tblspc", "16384")
	must(t, os.Symlink("/tmp", link))
	s.refused("leads out of it")
	must(t, os.Remove(link))

	g.mkdir(n.pgdata)
	g.write(filepath.Join(n.pgdata, "PG_VERSION"), "15\n")
	s.refused("something is there")
	must(t, os.RemoveAll(n.pgdata))

	n.mustHook("adopt", s.dir)
	id := n.id()
	if _, err := n.hook("adopt", s.dir); err == nil || n.id() != id {
		t.Errorf("a second adoption: %v, the id is %s, was %s", err, n.id(), id)
	}
}
