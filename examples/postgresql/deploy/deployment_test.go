//go:build docker

package deploy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"msdha/internal/testkit"
)

// patience bounds every wait; it is used up only by what never comes.
const patience = 60 * time.Second

// deployment is a group under a name of its own, with secrets of its own.
type deployment struct {
	t        *testing.T
	name     string
	env      []string
	password string

	mu   sync.Mutex
	undo []func() // the last first, also when the test is interrupted
}

// newDeployment prepares what README.md wants: images, and secrets in files.
func newDeployment(t *testing.T, env ...string) *deployment {
	t.Helper()
	images := map[string]string{
		"ETCD_IMAGE":     "msdha-etcd",
		"BACKEND_IMAGE":  "msdha-backend-postgresql",
		"FRONTEND_IMAGE": "msdha-frontend",
	}
	d := &deployment{t: t, name: "msdha-" + strings.ToLower(rand.Text()[:10]), password: rand.Text()}
	secrets := t.TempDir()
	for name, text := range map[string]string{
		"postgres_password": d.password, "replication_password": rand.Text(),
	} {
		testkit.Must(t, os.WriteFile(filepath.Join(secrets, name), []byte(text+"\n"), 0o644))
	}
	d.env = append(os.Environ(), "SECRETS_DIR="+secrets, "MSDHA_TTL=3")
	d.env = append(d.env, env...)
	for variable, image := range images {
		if exec.Command("docker", "image", "inspect", image).Run() != nil {
			t.Fatalf("there is no image %s: run `make images` first", image)
		}
		d.env = append(d.env, variable+"="+image)
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		if _, asked := <-interrupted; asked {
			defer os.Exit(130)
			d.end()
		}
	}()
	t.Cleanup(func() {
		d.end()
		signal.Stop(interrupted)
		close(interrupted)
	})
	return d
}

func (d *deployment) cleanup(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.undo = append(d.undo, f)
}

// end undoes everything, whatever fails of it.
func (d *deployment) end() {
	d.mu.Lock()
	undo := d.undo
	d.undo = nil
	d.mu.Unlock()
	for _, f := range undo {
		defer f()
	}
}

// onEnd has the deployment taken down, and proves that nothing of it is left;
// label is how its parts are found. A failed test first shows what they said.
func (d *deployment) onEnd(label string, down func()) {
	d.cleanup(func() {
		if d.t.Failed() {
			for _, c := range d.listed("container", label) {
				d.t.Logf("%s:\n%s", d.run("docker", "inspect", "-f", "{{.Name}}", c), d.said(c))
			}
		}
		down()
		for _, kind := range []string{"container", "volume", "network"} {
			d.eventuallyGone(kind, label)
		}
	})
}

func (d *deployment) listed(kind, label string) []string {
	d.t.Helper()
	args := []string{kind, "ls", "-q", "--filter", "label=" + label + "=" + d.name}
	if kind == "container" {
		args = append(args, "-a")
	}
	return strings.Fields(d.run("docker", args...))
}

func (d *deployment) eventuallyGone(kind, label string) {
	d.t.Helper()
	d.eventually("every "+kind+" of "+d.name+" to be gone", func() error {
		if left := d.listed(kind, label); len(left) > 0 {
			return fmt.Errorf("%v are left", left)
		}
		return nil
	})
}

// run executes a program beside compose.yaml and returns what it printed.
func (d *deployment) run(program string, args ...string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	c.Dir, c.Env, c.Stderr = "..", d.env, &said
	out, err := c.Output()
	if err != nil {
		d.t.Fatalf("%s %q: %v:\n%s", program, args, err, said.String())
	}
	return strings.TrimSpace(string(out))
}

// said is what a container wrote to either output.
func (d *deployment) said(container string) string {
	out, err := exec.Command("docker", "logs", container).CombinedOutput()
	if err != nil {
		d.t.Errorf("cannot read the log of %s: %v", container, err)
	}
	return string(out)
}

// client comes through a frontend's published port, as user postgres.
type client struct {
	d   *deployment
	dsn string
}

func (d *deployment) client(port string) *client {
	return &client{d, fmt.Sprintf("host=127.0.0.1 port=%s user=postgres password=%s dbname=postgres "+
		"sslmode=disable connect_timeout=5", port, d.password)}
}

func (c *client) ask(sql string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.dsn)
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing depends on it
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", err
	}
	if rows := results[0].Rows; len(rows) > 0 {
		return string(rows[0][0]), nil
	}
	return "", nil
}

func (c *client) query(sql string) string {
	c.d.t.Helper()
	got, err := c.ask(sql)
	if err != nil {
		c.d.t.Fatalf("%s: %v", sql, err)
	}
	return got
}

func (c *client) eventuallyWrites(sql string) {
	c.d.t.Helper()
	began := time.Now()
	c.d.eventually(sql, func() error {
		_, err := c.ask(sql)
		return err
	})
	c.d.t.Logf("%s: after %.2f s", sql, time.Since(began).Seconds())
}

func (c *client) eventuallyReads(sql, want string) {
	c.d.t.Helper()
	c.d.eventually(fmt.Sprintf("%s to be %q", sql, want), func() error {
		got, err := c.ask(sql)
		if err == nil && got != want {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
}

// eventuallyFollowedBy waits until so many nodes stream from the master, and
// count for its commits. It returns the master's name.
func (c *client) eventuallyFollowedBy(standbys int) string {
	c.d.t.Helper()
	c.eventuallyReads("select count(*) from pg_stat_replication where state = 'streaming' "+
		"and sync_state = 'quorum'", fmt.Sprint(standbys))
	return c.query("select node from msdha.epoch order by epoch desc limit 1")
}

func (d *deployment) eventually(what string, check func() error) {
	d.t.Helper()
	testkit.Eventually(d.t, patience, 50*time.Millisecond, what, check)
}
