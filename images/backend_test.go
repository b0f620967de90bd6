//go:build docker

package images_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// startHook leaves orphans for process 1 to reap, and becomes the main process.
const startHook = `#!/bin/sh
echo $$ >"$MSDHA_RUN_DIR/main.pid"
(sleep 0.1 & sleep 0.1 &)
exec sleep 1000
`

// replaced is README's first way: the context of `make images` with another start
// hook, built on another base.
func replaced(t *testing.T, base, hook string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backend")
	if out, err := exec.Command("cp", "-a", "../bin/images/backend", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := exec.Command("cp", hook, filepath.Join(dir, "start_hook")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return buildDir(t, "argument", dir, "--build-arg", "BASE_IMAGE="+base)
}

var (
	derivedOnce  sync.Once
	derivedImage string
)

// derived is the second way: FROM msdha-backend.
func derived(t *testing.T) string {
	derivedOnce.Do(func() {
		derivedImage = build(t, "from", map[string]string{
			"Dockerfile": "FROM " + image("backend") + "\nCOPY start /etc/msdha/hooks/\n", "start": startHook,
		})
	})
	return derivedImage
}

// copied is the third way: one program goes into an image that knows nothing of us.
func copied(t *testing.T) string {
	return build(t, "copy", map[string]string{
		"Dockerfile": "FROM " + base + "\n" +
			"COPY --from=" + image("backend") + " /usr/local/bin/msdha-backend /usr/local/bin/\n" +
			"COPY start /etc/msdha/hooks/\nENTRYPOINT [\"msdha-backend\"]\n",
		"start": startHook,
	})
}

func shellHook(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte(startHook), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// staticHook is a program that needs nothing of its base.
func staticHook(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "program")
	c := exec.Command("go", "build", "-o", path, "./testdata/program/main.go")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestBases: on any base, in each way and under each restriction, a node becomes
// master, reaps what its main process leaves behind, and stops when asked to.
func TestBases(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	argument, from, byCopy := replaced(t, base, shellHook(t)), derived(t), copied(t)
	static := replaced(t, "scratch", staticHook(t))
	tight := []string{"--read-only", "--tmpfs", "/run", "--cap-drop", "ALL"}
	user := []string{"--user", "4711:4711"}
	t.Run("each", func(t *testing.T) { // etcd outlives them all
		for name, c := range map[string]struct {
			image   string
			main    string
			options []string
		}{
			"argument":             {argument, "sleep", nil},
			"argument, tight":      {argument, "sleep", tight},
			"argument, tight user": {argument, "sleep", slices.Concat(tight, user, []string{"--init"})},
			"from":                 {from, "sleep", []string{"--init"}},
			"from, user":           {from, "sleep", user},
			"copy":                 {byCopy, "sleep", []string{"--cap-drop", "ALL"}},
			"copy, user": {byCopy, "sleep", slices.Concat(user, []string{
				"--read-only", "--tmpfs", "/run/msdha", // its /run is as the base has it: root's
			})},
			"scratch": {static, "start", slices.Concat(tight, user)},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				group := strings.ReplaceAll(strings.ReplaceAll(name, " ", ""), ",", "-")
				n := start(t, "node", c.image, slices.Concat(c.options, []string{
					"-e", e.endpoint(), "-e", "MSDHA_GROUP=" + group, "-e", "MSDHA_TTL=3",
				})...)
				e.await(group, n, "master")
				expectProcesses(n, slices.Contains(c.options, "--init"), c.main)
				n.expectStop()
				if state := e.state(t, group, n.name); state != "" {
					t.Errorf("its key is still there: %q", state)
				}
			})
		}
	})
}

// expectProcesses: guard, agent and the main process, and no zombie.
func expectProcesses(n *container, init bool, program string) {
	n.t.Helper()
	first, want := "msdha-backend", []string{"msdha-backend", "msdha-backend", program}
	if init {
		first, want = "docker-init", append(want, "docker-init")
	}
	slices.Sort(want)
	pid := n.inspect("{{.State.Pid}}")
	eventually(n.t, "the orphans to be reaped", func() error {
		var names []string
		for _, p := range n.processes() {
			names = append(names, p.name)
			if strings.HasPrefix(p.stat, "Z") {
				return fmt.Errorf("%s is a zombie", p.name)
			}
			if p.pid == pid && p.name != first {
				n.t.Fatalf("process 1 is %s, want %s", p.name, first)
			}
		}
		if slices.Sort(names); !slices.Equal(names, want) {
			return fmt.Errorf("there are %v, want %v", names, want)
		}
		return nil
	})
}

// TestExitCodes: the container's is the one that README gives, so that a restart
// policy can tell the cases apart.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	from := derived(t)
	env := []string{"-e", e.endpoint(), "-e", "MSDHA_TTL=3", "-e", "MSDHA_GROUP=g"}
	kill := func(n *container) {
		e.await("g", n, "ready")
		docker(t, "exec", n.name, "sh", "-c", "kill -9 $(cat /run/msdha/main.pid)")
	}
	for _, c := range []struct {
		name, image string
		options     []string
		does        func(*container)
		code        int
		said        string
	}{
		{"no program", image("backend"), env, nil, 1, "put an executable at /etc/msdha/hooks/start"},
		{"killed", from, env, kill, 128 + 9, "the main process ended"},
		{"killed under an init", from, append(env, "--init"), kill, 128 + 9, "the main process ended"},
		{"not configured", from, nil, nil, 78, "ETCDCTL_ENDPOINTS"},
		{"an argument", from, append(env, "--", "postgres"), nil, 78, "unknown argument"},
		{"no etcd", from, []string{
			"-e", "ETCDCTL_ENDPOINTS=http://127.0.0.1:1", "-e", "MSDHA_GROUP=g", "-e", "MSDHA_START_PATIENCE=1s",
		}, nil, 69, "etcd could not be reached"},
		{"read-only without a tmpfs", from, append(env, "--read-only"), nil, 78, "mount a tmpfs there"},
		{"frontend not configured", image("frontend"), nil, nil, 78, "MSDHA_PORT"},
	} {
		n := start(t, "exit", c.image, c.options...)
		if c.does != nil {
			c.does(n)
		}
		n.expectExit(c.code)
		if !strings.Contains(n.logs(), c.said) {
			t.Errorf("%s: no %q in\n%s", c.name, c.said, n.logs())
		}
	}
}

// TestSecrets: everything that is secret comes from files, and nowhere else does
// the password appear.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const password = "correct-horse:b@ttery/st4ple"
	e := startEtcd(t, password)
	secrets := t.TempDir()
	for name, text := range map[string]string{
		"password": password + "\n", "user": "msdha\n", "group": "g\n",
		"wrong": "guess", "endpoints": strings.TrimPrefix(e.endpoint(), "ETCDCTL_ENDPOINTS="),
	} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(secrets, 0o755); err != nil {
		t.Fatal(err)
	}
	options := func(password string) []string {
		return []string{
			"--read-only", "--tmpfs", "/run", "--cap-drop", "ALL", "--user", "4711:4711",
			"-v", secrets + ":/run/secrets:ro", "-e", "MSDHA_TTL=3", "-e", "MSDHA_PORT=80",
			"-e", "ETCDCTL_ENDPOINTS_FILE=/run/secrets/endpoints", "-e", "ETCDCTL_USER_FILE=/run/secrets/user",
			"-e", "ETCDCTL_PASSWORD_FILE=/run/secrets/" + password, "-e", "MSDHA_GROUP_FILE=/run/secrets/group",
		}
	}
	from := derived(t)
	n := start(t, "node", from, options("password")...)
	f := start(t, "front", image("frontend"), options("password")...)
	stranger := start(t, "node", from, options("wrong")...)
	e.await("g", n, "master")
	eventually(t, "the frontend to route", func() error {
		if !strings.Contains(f.logs(), "to=Routing") {
			return errors.New("it does not")
		}
		return nil
	})
	stranger.expectExit(78)
	n.expectStop()
	f.expectStop()
	for _, c := range []*container{n, f, stranger} {
		for what, text := range map[string]string{"log": c.logs(), "configuration": c.inspect("{{json .}}")} {
			if strings.Contains(text, "b@ttery") || strings.Contains(text, "b%40ttery") {
				t.Errorf("the password is in the %s of %s", what, c.name)
			}
		}
	}
}
