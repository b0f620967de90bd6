//go:build docker

package images_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestHealth is about liveness alone: who waits is healthy, who hangs is not.
func TestHealth(t *testing.T) {
	t.Parallel()
	hooks := t.TempDir()
	for name, text := range map[string]string{"start": startHook, "pre_start": "#!/bin/sh\nexec sleep 1000\n"} {
		if err := os.WriteFile(filepath.Join(hooks, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	e := startEtcd(t, "")
	node := func(name, program string, options ...string) *container {
		return start(t, name, image(program), slices.Concat([]string{
			"--read-only", "--tmpfs", "/run", "--cap-drop", "ALL", "--health-interval=1s",
			"--health-retries=1", "--health-start-period=0s", "-v", hooks + ":/etc/msdha/hooks:ro",
			"-e", "MSDHA_GROUP=g", "-e", "MSDHA_TTL=3", "-e", "MSDHA_PORT=5432",
		}, options)...)
	}
	nobody := "ETCDCTL_ENDPOINTS=http://127.0.0.1:1"
	clone := node("clone", "backend", "-e", e.endpoint(), "--user", "4711:4711")
	e.await("g", clone, "pre_start")
	for _, c := range []*container{
		clone,
		node("vacant", "frontend", "-e", e.endpoint()),
		node("lost", "backend", "-e", nobody, "-e", "MSDHA_START_PATIENCE=forever"),
		node("off", "frontend", "-e", nobody, "-e", "MSDHA_HTTP_LISTEN=off"),
		node("moved", "frontend", "-e", nobody, "-e", "MSDHA_HTTP_LISTEN=127.0.0.1:80"),
	} {
		c.awaitHealth("healthy")
		c.expectStop()
	}
}

// TestHealthOfHanging: one that does not answer is unhealthy until it does.
func TestHealthOfHanging(t *testing.T) {
	t.Parallel()
	f := start(t, "front", image("frontend"), "--read-only", "--health-interval=1s", "--health-retries=1",
		"--health-start-period=0s", "-e", "ETCDCTL_ENDPOINTS=http://127.0.0.1:1",
		"-e", "MSDHA_GROUP=g", "-e", "MSDHA_PORT=5432")
	f.awaitHealth("healthy")
	docker(t, "kill", "-s", "STOP", f.name)
	f.awaitHealth("unhealthy")
	if log := f.inspect("{{json .State.Health.Log}}"); !strings.Contains(log, "not healthy: cannot ask :8404") {
		t.Errorf("the engine was told %s", log)
	}
	docker(t, "kill", "-s", "CONT", f.name)
	f.awaitHealth("healthy")
	f.expectStop()
}
