package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"msdha/internal/runtime/etcdtest"
	"msdha/internal/runtime/proc"
)

// node is one backend with its PostgreSQL. It talks to etcd through a relay
// that can fall silent.
type node struct {
	name    string
	port    int
	data    string
	relay   *etcdtest.Relay
	process *process
	frozen  []proc.Entry
}

const postgresSettings = `
shared_buffers = 32MB
max_connections = 40
max_wal_size = 256MB
log_min_error_statement = panic
`

func (d *demo) newNode(name string) (*node, error) {
	w := d.work
	dir, err := w.own("nodes", name)
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(w.dir, "postgresql.conf")
	if err := os.WriteFile(conf, []byte(postgresSettings), 0o644); err != nil {
		return nil, err
	}
	n := &node{name: name, data: filepath.Join(dir, "data", "pgdata")}
	if n.port, err = etcdtest.FreePort(); err != nil {
		return nil, err
	}
	if n.relay, err = etcdtest.NewRelay(d.etcd.Addr()); err != nil {
		return nil, err
	}
	env := environ(
		"ETCDCTL_ENDPOINTS=http://"+n.relay.Addr(), "MSDHA_GROUP=demo", "MSDHA_NAME="+name,
		"MSDHA_TTL="+strconv.Itoa(int(d.opts.TTL/time.Second)),
		"MSDHA_ADDRESS=127.0.0.1:"+strconv.Itoa(n.port), "MSDHA_HOOKS_DIR="+w.path("hooks"),
		"MSDHA_RUN_DIR="+filepath.Join(dir, "run"), "MSDHA_PUBLISH=after", "MSDHA_STOP_SIGNAL=INT",
		"MSDHA_FENCE_SIGNAL=QUIT", "MSDHA_HTTP_LISTEN=off", "MSDHA_LOG_FORMAT=json",
		"PGDATA="+n.data, "PGPORT="+strconv.Itoa(n.port), "PGSOCKET="+filepath.Join(dir, "s"),
		"MSDHA_PG_LISTEN=127.0.0.1", "MSDHA_PG_BIN="+w.bin, "MSDHA_PG_CONF="+conf,
	)
	n.process, err = newProcess(name, w.path("logs", name+".log"), func() *exec.Cmd {
		cmd := exec.Command(w.path("bin", "backend"))
		cmd.Env, cmd.Dir, cmd.SysProcAttr = env, dir, w.attr()
		return cmd
	})
	if err != nil {
		return nil, err
	}
	n.process.line = func(line string) { d.showLog(name, line) }
	n.process.ended = d.showEnd(name)
	return n, nil
}

func (d *demo) startFrontend() (err error) {
	if d.port, err = etcdtest.FreePort(); err != nil {
		return err
	}
	w := d.work
	env := environ(
		"ETCDCTL_ENDPOINTS="+d.etcd.Endpoint(), "MSDHA_GROUP=demo", "MSDHA_NAME=f1",
		"MSDHA_PORT="+strconv.Itoa(d.port), "MSDHA_TTL="+strconv.Itoa(int(d.opts.TTL/time.Second)),
		"MSDHA_HTTP_LISTEN=off", "MSDHA_LOG_FORMAT=json",
	)
	d.front, err = newProcess("f1", w.path("logs", "f1.log"), func() *exec.Cmd {
		cmd := exec.Command(w.path("bin", "frontend"))
		cmd.Env, cmd.Dir, cmd.SysProcAttr = env, w.dir, w.attr()
		return cmd
	})
	if err != nil {
		return err
	}
	d.front.line = func(line string) { d.showLog("f1", line) }
	d.front.ended = d.showEnd("f1")
	d.front.start()
	return nil
}

func (d *demo) showEnd(name string) func(code int, again bool) {
	return func(code int, again bool) {
		if again {
			d.timeline.Say("    %s ended with exit code %d; it is started again", name, code)
		}
	}
}

func dsn(port int) string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable "+
		"connect_timeout=2 application_name=demo", port)
}

func (n *node) dsn() string { return dsn(n.port) }

// streaming is how many slaves stream from this node; 0 if it does not say.
func (n *node) streaming(ctx context.Context) (count int) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, n.dsn())
	if err != nil {
		return 0
	}
	defer c.Close(ctx) //nolint:errcheck // only read
	row := c.QueryRow(ctx, `select count(*) from pg_stat_replication
		where state = 'streaming' and application_name in ('n1', 'n2', 'n3')`)
	if row.Scan(&count) != nil {
		return 0
	}
	return count
}

// agentPID is the one descendant of the guard that runs the same program.
func (n *node) agentPID() (int, error) {
	guard := n.process.pid()
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", guard))
	if err != nil {
		return 0, err
	}
	tree, err := proc.Descendants(guard)
	if err != nil {
		return 0, err
	}
	for _, e := range tree {
		if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", e.PID)); err == nil && exe == program {
			return e.PID, nil
		}
	}
	return 0, fmt.Errorf("%s has no agent", n.name)
}

func (n *node) postmasterPID() (int, error) {
	text, err := os.ReadFile(filepath.Join(n.data, "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return strconv.Atoi(first)
}

// freeze is SIGSTOP to the guard, the agent, PostgreSQL and all the rest.
func (n *node) freeze() error {
	pid := n.process.pid()
	self, err := proc.Identify(pid)
	if err != nil {
		return err
	}
	n.frozen = []proc.Entry{{ID: self}}
	if err := proc.SignalID(self, syscall.SIGSTOP); err != nil {
		return err
	}
	for range 3 { // what was forked meanwhile is stopped in the next pass
		tree, err := proc.Descendants(pid)
		if err != nil {
			return err
		}
		for _, e := range tree {
			if proc.SignalID(e.ID, syscall.SIGSTOP) == nil {
				n.frozen = append(n.frozen, e)
			}
		}
	}
	return nil
}

// thaw is SIGCONT, the deepest descendants first: what they do before anybody
// stops them is what the demo wants to see.
func (n *node) thaw() {
	for i := len(n.frozen) - 1; i >= 0; i-- {
		_ = proc.SignalID(n.frozen[i].ID, syscall.SIGCONT)
	}
	n.frozen = nil
}

// logLine is what the timeline reads of an agent's JSON log.
type logLine struct {
	Level, Msg                string
	From, On, To, Why, Cause  string
	Hook, Outcome, Error      string
	Warning, Fault, LastError string
}

func parseLog(line string) (l logLine, ok bool) {
	return l, json.Unmarshal([]byte(line), &l) == nil
}
