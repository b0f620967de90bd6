//go:build docker

package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime"
	"msdha/internal/runtime/engine"
	"msdha/internal/runtime/etcdtest"
)

const (
	image    = "msdha-base:local"
	realSock = "/var/run/docker.sock"
	prefix   = "/witnessed"
	// prompt is the target of issue 6 for a container that was killed.
	prompt = 2 * time.Second
	// never is how long nothing must have happened; patience is for what must.
	never    = 4 * time.Second
	patience = 60 * time.Second
)

// env is one witness, before a real engine behind our proxy, for all tests.
var env struct {
	etcd  *clientv3.Client
	boot  string
	proxy *proxyUnderTest
	tests atomic.Int64
	ended atomic.Bool // the witness
}

// proxyUnderTest can be ended and begun anew: a gap in the stream of events.
type proxyUnderTest struct {
	socket string
	cancel context.CancelFunc
	done   chan error
}

func (p *proxyUnderTest) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan error, 1)
	go func() { p.done <- engine.NewProxy(realSock, slog.New(slog.DiscardHandler)).Serve(ctx, p.socket) }()
}

func (p *proxyUnderTest) stop() error {
	p.cancel()
	return <-p.done
}

func TestMain(m *testing.M) {
	code, err := runWith(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runWith(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "witness-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a directory in /tmp
	server, err := etcdtest.Start(etcdtest.Options{})
	if err != nil {
		return 1, err
	}
	defer server.Close() //nolint:errcheck // the tests are over
	if env.etcd, err = server.Client(); err != nil {
		return 1, err
	}
	defer env.etcd.Close() //nolint:errcheck // the tests are over
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 1, err
	}
	env.boot = strings.TrimSpace(string(boot))
	env.proxy = &proxyUnderTest{socket: filepath.Join(dir, "engine.sock")}
	env.proxy.start()
	for name, value := range map[string]string{
		"ETCDCTL_ENDPOINTS": server.Endpoint(), "MSDHA_PREFIX": prefix, "MSDHA_NAME": "host1",
		"MSDHA_ENGINE": "unix://" + env.proxy.socket, "MSDHA_HTTP_LISTEN": "off",
	} {
		if err := os.Setenv(name, value); err != nil {
			return 1, err
		}
	}
	ended := make(chan int, 1)
	go func() {
		code := run(nil)
		env.ended.Store(true)
		ended <- code
	}()
	code := m.Run()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		return 1, err
	}
	if exit := <-ended; exit != 0 {
		return 1, fmt.Errorf("the witness ended with %d, want 0", exit)
	}
	return code, env.proxy.stop()
}

// life is a container, and an incarnation that is registered for it as master.
type life struct {
	t     *testing.T
	id    string
	group string
	root  string
	lease clientv3.LeaseID
}

// own stands for the root file system that a container has.
const own = "its own"

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func start(t *testing.T, options ...string) *life { return startIn(t, "", options...) }

// startIn starts one that registers a root file system: its own, if that is what root
// says, or another.
func startIn(t *testing.T, root string, options ...string) *life {
	t.Helper()
	n := env.tests.Add(1)
	name := fmt.Sprintf("witness-%d-%d", os.Getpid(), n)
	args := append([]string{"run", "-d", "--name", name, "--entrypoint", "sleep"}, options...)
	l := &life{t: t, id: docker(t, append(args, image, "600")...), group: fmt.Sprintf("g%d", n)}
	t.Cleanup(func() {
		out, err := exec.Command("docker", "rm", "-f", l.id).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "No such container") {
			t.Errorf("cannot remove %s: %v: %s", name, err, out)
		}
	})
	if l.root = root; root == own {
		upper := docker(t, "inspect", "-f", "{{.GraphDriver.Data.UpperDir}}", l.id)
		if !strings.HasPrefix(upper, "/") {
			t.Fatalf("the engine says that its layer is %q; this test needs overlay2 or fuse-overlayfs", upper)
		}
		l.root = runtime.RootName(upper)
	}
	l.register()
	return l
}

// register is what a backend in the container would have written as master.
func (l *life) register() {
	l.t.Helper()
	granted, err := env.etcd.Grant(l.t.Context(), 600)
	if err != nil {
		l.t.Fatal(err)
	}
	l.lease = granted.ID
	lease := kv.LeaseID(granted.ID)
	place := kv.Place{Container: l.id, Boot: env.boot, PIDNamespace: "pid:[1]", Root: l.root}
	r := kv.Record{
		Node: "n1", Incarnation: lease, Epoch: 7, TTL: 10 * time.Second, State: "master", Place: place,
	}
	for _, k := range []kv.Key{kv.NodeInfo("n1"), kv.NodeKey("n1"), kv.Master, kv.EpochKey} {
		var options []clientv3.OpOption
		if k != kv.EpochKey {
			options = append(options, clientv3.WithLease(granted.ID))
		}
		if _, err := env.etcd.Put(l.t.Context(), l.path(k), kv.Encode(k, r), options...); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *life) path(k kv.Key) string { return kv.Prefix(prefix, l.group) + k.Path() }

func (l *life) epoch() kv.Record {
	l.t.Helper()
	got, err := env.etcd.Get(l.t.Context(), l.path(kv.EpochKey))
	if err != nil || len(got.Kvs) != 1 {
		l.t.Fatalf("cannot read _epoch: %v", err)
	}
	return kv.Decode(kv.EpochKey, got.Kvs[0].Value)
}

// awaitAttested waits for the release, and says how long it took since the moment.
func (l *life) awaitAttested(since time.Time) time.Duration {
	l.t.Helper()
	for time.Since(since) < patience && !env.ended.Load() {
		if e := l.epoch(); e.Released {
			took := time.Since(since)
			if e.By != "host1" || e.How != kv.ByWitness {
				l.t.Errorf("released by %q, %q", e.By, e.How)
			}
			l.awaitGone(since)
			return took
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.t.Fatal("it is not attested")
	return 0
}

// awaitGone: the lease and all on it are gone soon after.
func (l *life) awaitGone(since time.Time) {
	l.t.Helper()
	for {
		left, err := env.etcd.TimeToLive(l.t.Context(), l.lease)
		if err == nil && left.TTL <= 0 {
			return
		}
		if time.Since(since) > patience {
			l.t.Fatalf("its lease is still there: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// mustLive: nothing is attested for a while.
func (l *life) mustLive(why string) {
	l.t.Helper()
	for start := time.Now(); time.Since(start) < never; time.Sleep(50 * time.Millisecond) {
		left, err := env.etcd.TimeToLive(l.t.Context(), l.lease)
		if e := l.epoch(); e.Released || err != nil || left.TTL <= 0 {
			l.t.Fatalf("%s: attested %+v, lease %+v, %v", why, e, left, err)
		}
	}
}

// TestKilledContainerIsAttested: `docker kill` without a restart policy.
func TestKilledContainerIsAttested(t *testing.T) {
	l := start(t)
	docker(t, "kill", l.id)
	took := l.awaitAttested(time.Now())
	t.Logf("attested %v after docker kill returned", took)
	if took > prompt {
		t.Errorf("attested after %v, want at most %v", took, prompt)
	}
}

// TestPausedContainerIsNot: neither while it is paused, nor when it goes on, nor when
// a signal was sent that did not end it.
func TestPausedContainerIsNot(t *testing.T) {
	l := start(t)
	docker(t, "pause", l.id)
	l.mustLive("paused")
	docker(t, "unpause", l.id)
	docker(t, "kill", "--signal", "CONT", l.id)
	l.mustLive("running")
	docker(t, "kill", l.id)
	l.awaitAttested(time.Now())
}

// TestRestartedContainerIsNot: what registers in the new life is not what died.
func TestRestartedContainerIsNot(t *testing.T) {
	l := start(t)
	docker(t, "restart", "-t", "0", l.id)
	l.register()
	docker(t, "kill", "--signal", "CONT", l.id)
	l.mustLive("restarted")
}

// TestRemovedContainersAreAttested: though the engine knows nothing of them any more.
func TestRemovedContainersAreAttested(t *testing.T) {
	forced := start(t)
	docker(t, "rm", "-f", forced.id)
	t.Logf("attested %v after docker rm -f returned", forced.awaitAttested(time.Now()))
	removed := start(t, "--rm")
	docker(t, "kill", removed.id)
	t.Logf("attested %v after docker kill returned, with --rm", removed.awaitAttested(time.Now()))
}

// TestGapIsCompared: a container that dies while no events flow.
func TestGapIsCompared(t *testing.T) {
	l := start(t)
	other := start(t)
	if err := env.proxy.stop(); err != nil {
		t.Fatal(err)
	}
	docker(t, "kill", l.id)
	l.mustLive("the engine cannot be reached")
	env.proxy.start()
	t.Logf("attested %v after the engine could be reached", l.awaitAttested(time.Now()))
	other.mustLive("running")
}

// TestAnothersRootIsNot: the container that was killed is one whose network, and so
// whose files, the node has. Its own is, though it was removed at once.
func TestAnothersRootIsNot(t *testing.T) {
	joined := startIn(t, "another", "--network", "none")
	docker(t, "kill", joined.id)
	joined.mustLive("it lives elsewhere")
	killed := startIn(t, own)
	docker(t, "kill", killed.id)
	t.Logf("attested %v after docker kill returned", killed.awaitAttested(time.Now()))
	removed := startIn(t, own)
	docker(t, "kill", "--signal", "CONT", removed.id) // so that it is looked at
	removed.mustLive("running")
	docker(t, "rm", "-f", removed.id)
	t.Logf("attested %v after docker rm -f returned", removed.awaitAttested(time.Now()))
}
