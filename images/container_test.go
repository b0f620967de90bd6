//go:build docker

package images_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"msdha/internal/runtime/etcdtest"
)

// grace is what `docker stop` leaves by default; the stop timeout is below it.
const grace = 10 * time.Second

// container is one that this run started; its name is its host name, too.
type container struct {
	t    *testing.T
	name string
}

// start runs an image in the background. The options are docker run's; what
// follows "--" are the image's arguments.
func start(t *testing.T, what, image string, options ...string) *container {
	t.Helper()
	c := &container{t, unique(what)}
	var command []string
	if i := slices.Index(options, "--"); i >= 0 {
		options, command = options[:i], options[i+1:]
	}
	args := slices.Concat([]string{
		"run", "-d", "--label", run, "--network", run, "--name", c.name, "--hostname", c.name,
	}, options, []string{image}, command)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", c.name, c.logs())
		}
		if _, err := engine("rm", "-fv", c.name); err != nil {
			t.Error(err)
		}
	})
	docker(t, args...)
	return c
}

func (c *container) inspect(format string) string {
	c.t.Helper()
	return docker(c.t, "inspect", "-f", format, c.name)
}

func (c *container) ip() string {
	c.t.Helper()
	return c.inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
}

// logs are what its programs wrote.
func (c *container) logs() string {
	text, err := exec.Command("docker", "logs", c.name).CombinedOutput()
	if err != nil {
		c.t.Errorf("cannot read the logs of %s: %v", c.name, err)
	}
	return string(text)
}

// process is a row of ps.
type process struct{ pid, stat, name string }

// processes are those of the container, as the host sees them.
func (c *container) processes() []process {
	c.t.Helper()
	rows := strings.Split(docker(c.t, "top", c.name, "-eo", "pid,stat,args"), "\n")[1:]
	var all []process
	for _, row := range rows {
		if f := strings.Fields(row); len(f) >= 3 {
			all = append(all, process{f[0], f[1], filepath.Base(f[2])})
		}
	}
	return all
}

// expectStop is a planned stop: within the grace, exit code 0.
func (c *container) expectStop() {
	c.t.Helper()
	before := time.Now()
	docker(c.t, "stop", "-t", strconv.Itoa(int(grace.Seconds())), c.name)
	if took := time.Since(before); took >= grace {
		c.t.Errorf("%s took %v to stop", c.name, took)
	}
	c.expectExit(0)
}

func (c *container) expectExit(want int) {
	c.t.Helper()
	if code := docker(c.t, "wait", c.name); code != strconv.Itoa(want) {
		c.t.Errorf("%s ended with exit code %s, want %d", c.name, code, want)
	}
}

func (c *container) awaitHealth(want string) {
	c.t.Helper()
	eventually(c.t, c.name+" to be "+want, func() error {
		health := c.inspect("{{.State.Health.Status}}")
		if health != want {
			return fmt.Errorf("it is %s: %s", health, c.inspect("{{json .State.Health.Log}}"))
		}
		return nil
	})
}

// etcd is a container with one member, and a client.
type etcd struct {
	name   string
	client *clientv3.Client
}

// startEtcd also waits until it answers. With a password it demands it of the user
// root.
func startEtcd(t *testing.T, password string) *etcd {
	t.Helper()
	c := start(t, "etcd", image("etcd"), "--", "etcd", "--data-dir=/data", "--log-level=error",
		"--unsafe-no-fsync", "--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=http://0.0.0.0:2379")
	config := clientv3.Config{
		Endpoints: []string{"http://" + c.ip() + ":2379"}, Logger: zap.NewNop(), DialTimeout: patience,
	}
	connect := func() *clientv3.Client {
		client, err := clientv3.New(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
	e := &etcd{c.name, connect()}
	if password == "" {
		return e
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := etcdtest.EnableAuth(ctx, e.client, password, "msdha", password, "/msdha/"); err != nil {
		t.Fatal(err)
	}
	config.Username, config.Password = "msdha", password
	e.client = connect()
	return e
}

// endpoint is the option that leads a container to it.
func (e *etcd) endpoint() string { return "ETCDCTL_ENDPOINTS=http://" + e.name + ":2379" }

// state is a node's key; empty if there is none.
func (e *etcd) state(t *testing.T, group, node string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := e.client.Get(ctx, "/msdha/"+group+"/"+node)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Kvs) == 0 {
		return ""
	}
	return string(r.Kvs[0].Value)
}

// await waits until the node is published in a state, while its container runs.
func (e *etcd) await(group string, node *container, state string) {
	node.t.Helper()
	eventually(node.t, node.name+" to be "+state, func() error {
		got := e.state(node.t, group, node.name)
		if got == state {
			return nil
		}
		if node.inspect("{{.State.Running}}") != "true" {
			node.t.Fatalf("%s ended, exit code %s", node.name, node.inspect("{{.State.ExitCode}}"))
		}
		return fmt.Errorf("it is %q", got)
	})
}

// build makes an image out of files by their name in the context, and the
// Dockerfile among them.
func build(t *testing.T, what string, files map[string]string, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return buildDir(t, what, dir, options...)
}

func buildDir(t *testing.T, what, dir string, options ...string) string {
	t.Helper()
	name := unique(what)
	docker(t, slices.Concat([]string{"build", "-t", name}, options, []string{dir})...)
	return name
}
