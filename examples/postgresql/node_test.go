package postgresql_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"msdha/internal/testkit"
)

// node is one backend: its hooks and its PostgreSQL.
type node struct {
	g                 *group
	name, port        string
	home, run, pgdata string
	env               []string
	log               *testkit.Output
	server            *exec.Cmd
	ended             chan struct{} // closed when the server's own process was waited for
}

// command prepares a hook as the agent runs it: a session of its own, and
// nothing to read.
func (n *node) command(hook string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(n.g.hooks, hook), args...)
	c.Dir = n.home
	c.Env = append(slices.Clone(n.env), "MSDHA_STATE="+hook, "MSDHA_GROUP_DATA="+n.g.data,
		fmt.Sprintf("MSDHA_EPOCH=%d", n.g.epoch))
	c.Stderr = n.log
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: n.g.cred}
	c.WaitDelay = patience
	return c
}

// hook runs one to its end and returns what it printed.
func (n *node) hook(hook string, args ...string) (string, error) {
	c := n.command(hook, args...)
	return n.finish(c)
}

func (n *node) finish(c *exec.Cmd) (string, error) {
	var out bytes.Buffer
	c.Stdout = io.MultiWriter(&out, n.log)
	if err := c.Start(); err != nil {
		return "", err
	}
	overdue := time.AfterFunc(patience, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	defer overdue.Stop()
	err := c.Wait()
	return strings.TrimSpace(out.String()), err
}

func (n *node) mustHook(hook string, args ...string) string {
	n.g.t.Helper()
	out, err := n.hook(hook, args...)
	if err != nil {
		n.g.t.Fatalf("%s: %s %v: %v", n.name, hook, args, err)
	}
	return out
}

func (n *node) id() string {
	n.g.t.Helper()
	return n.mustHook("data")
}

// create is pre_start on the node that was chosen to create the data.
func (n *node) create() {
	n.g.t.Helper()
	c := n.command("pre_start")
	c.Env = append(c.Env, "MSDHA_BOOTSTRAP=1")
	if _, err := n.finish(c); err != nil {
		n.g.t.Fatalf("%s: pre_start: %v", n.name, err)
	}
}

// join is pre_start on a node that was not chosen. It returns what it said.
func (n *node) join() string {
	n.g.t.Helper()
	before := len(n.log.String())
	n.mustHook("pre_start")
	if id := n.id(); id == "" || n.g.data != "" && id != n.g.data {
		n.g.t.Fatalf("%s: after pre_start the data is %q, want %q", n.name, id, n.g.data)
	}
	return n.log.String()[before:]
}

// serve starts, and follows the master where there is one.
func (n *node) serve() {
	n.g.t.Helper()
	n.start()
	n.mustHook("running_not_ready")
	if n.g.master != nil {
		n.mustFollow()
	}
}

// follow attaches to the present master.
func (n *node) follow() (string, error) {
	return n.finish(n.following())
}

func (n *node) following() *exec.Cmd {
	m := n.g.master
	return n.command("follow", m.name, "127.0.0.1:"+m.port, strconv.Itoa(n.g.epoch))
}

func (n *node) mustFollow() {
	n.g.t.Helper()
	if _, err := n.follow(); err != nil {
		n.g.t.Fatalf("%s: follow: %v", n.name, err)
	}
}

// vote is what the agent does in a vacancy. It returns the position.
func (n *node) vote() string {
	n.g.t.Helper()
	n.mustHook("detach")
	position := n.mustHook("position")
	if !position4.MatchString(position) {
		n.g.t.Fatalf("%s: position prints %q, want 1 to 4 integers", n.name, position)
	}
	return position
}

var position4 = regexp.MustCompile(`^\d+( \d+){0,3}$`)

// members has the master put the list in force and wait for it.
func (n *node) members(k int, names ...string) error {
	_, err := n.hook("members", append([]string{strconv.Itoa(k)}, names...)...)
	return err
}

func (n *node) start() {
	n.g.t.Helper()
	n.server = n.command("start")
	n.server.Stdout = n.log
	must(n.g.t, n.server.Start())
	n.ended = make(chan struct{})
	go func(c *exec.Cmd, ended chan struct{}) {
		_ = c.Wait()
		close(ended)
	}(n.server, n.ended)
}

// stop is a planned stop with the signal that the README recommends.
func (n *node) stop() {
	n.g.t.Helper()
	must(n.g.t, n.server.Process.Signal(syscall.SIGINT))
	n.wait()
}

// wait for the server's end.
func (n *node) wait() {
	n.g.t.Helper()
	select {
	case <-n.ended:
		n.server = nil
	case <-time.After(patience):
		n.g.t.Fatalf("%s: PostgreSQL does not end", n.name)
	}
}

// kill is SIGKILL to the whole tree, as the agent's guard does it.
func (n *node) kill() {
	if n.server == nil {
		return
	}
	pid := n.server.Process.Pid
	_ = syscall.Kill(pid, syscall.SIGSTOP) // it shall fork no more
	tree := append(childrenOf(pid), pid)
	for _, p := range tree {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
	n.wait()
	eventually(n.g.t, "the processes of "+n.name+" to end", func() error {
		if left := processesAt(n.home); len(left) > 0 {
			return fmt.Errorf("%v live", left)
		}
		return nil
	})
}

func childrenOf(pid int) []int {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	var pids []int
	for _, f := range strings.Fields(string(text)) {
		p, _ := strconv.Atoi(f)
		pids = append(pids, p)
	}
	return pids
}

// interrupt kills pre_start's whole tree as soon as a path exists.
func (n *node) interrupt(path string, env ...string) {
	t := n.g.t
	t.Helper()
	c := n.command("pre_start")
	c.Env = append(c.Env, env...)
	c.Stdout = n.log
	must(t, c.Start())
	eventually(t, path, func() error {
		_, err := os.Stat(path)
		return err
	})
	must(t, syscall.Kill(-c.Process.Pid, syscall.SIGKILL))
	if err := c.Wait(); err == nil {
		t.Fatalf("%s: pre_start was done before it was killed", n.name)
	}
	if id := n.id(); id != "" {
		t.Fatalf("%s: data prints %q, although pre_start was killed", n.name, id)
	}
}

func (n *node) aside() []string {
	kept, err := filepath.Glob(n.pgdata + ".aside.*")
	must(n.g.t, err)
	return kept
}

func (n *node) dsn() string {
	return fmt.Sprintf("host=127.0.0.1 port=%s user=postgres dbname=postgres sslmode=disable", n.port)
}

// query returns one value as text. Extra statements may come before it.
func (n *node) query(sql string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	dsn := n.dsn()
	if strings.Contains(strings.Join(n.env, " "), "PASSWORD_FILE") {
		dsn = strings.Replace(dsn, "127.0.0.1", n.home, 1)
	}
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing depends on it
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if rows := results[len(results)-1].Rows; len(rows) > 0 {
		return string(rows[0][0]), nil
	}
	return "", nil
}

func (n *node) exec(statements ...string) {
	n.g.t.Helper()
	for _, s := range statements {
		if _, err := n.query(s); err != nil {
			n.g.t.Fatalf("%s: %s: %v", n.name, s, err)
		}
	}
}

func (n *node) eventuallyHas(sql, want string) {
	n.g.t.Helper()
	eventually(n.g.t, fmt.Sprintf("%s on %s to be %q", sql, n.name, want), func() error {
		got, err := n.query(sql)
		if err == nil && got != want {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
}

// followedBy waits until exactly these stream from n, under their names, and
// have all it wrote.
func (n *node) followedBy(standbys ...*node) {
	n.g.t.Helper()
	var names []string
	for _, s := range standbys {
		names = append(names, s.name)
	}
	lsn, err := n.query("select pg_current_wal_flush_lsn()")
	must(n.g.t, err)
	n.eventuallyHas("select string_agg(application_name, ' ' order by application_name) "+
		"from pg_stat_replication where state = 'streaming' and replay_lsn >= '"+lsn+"'",
		strings.Join(names, " "))
}

func (n *node) refusesWrites() {
	n.g.t.Helper()
	if _, err := n.query("create table forbidden ()"); err == nil {
		n.g.t.Fatalf("%s writes, and is to be a standby", n.name)
	}
}

// stopSenders freezes what streams from n to the others: they get no byte more.
func (n *node) stopSenders(others ...*node) {
	n.g.t.Helper()
	for _, o := range others {
		text, err := n.query(
			"select pid from pg_stat_replication where application_name = '" + o.name + "'")
		must(n.g.t, err)
		pid, err := strconv.Atoi(text)
		must(n.g.t, err)
		must(n.g.t, syscall.Kill(pid, syscall.SIGSTOP))
	}
}

// timeline is the newest that the data at rest knows of.
func (n *node) timeline() string {
	n.g.t.Helper()
	files, err := filepath.Glob(n.pgdata + "/pg_wal/*.history")
	must(n.g.t, err)
	return filepath.Base(files[len(files)-1])
}
