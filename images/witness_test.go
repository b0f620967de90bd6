//go:build docker

package images_test

import (
	"context"
	"fmt"
	"testing"

	"msdha/internal/fsm/kv"
)

// startEngineProxy is the one process that has the engine's socket, as README starts
// it; the volume that it returns has its own.
func startEngineProxy(t *testing.T) (volume string) {
	t.Helper()
	volume = unique("engine")
	docker(t, "volume", "create", "--label", run, volume)
	name := unique("proxy")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s said:\n%s", name, (&container{t, name}).logs())
		}
		if _, err := engine("rm", "-fv", name); err != nil {
			t.Error(err)
		}
	})
	docker(t, "run", "-d", "--label", run, "--name", name, "--network", "none", "--user", "0:0",
		"--cap-drop", "ALL", "--read-only", "--no-healthcheck",
		"-v", "/var/run/docker.sock:/var/run/docker.sock", "-v", volume+":/run/msdha",
		image("witness"), "proxy")
	return volume
}

// epoch is a group's last reign.
func (e *etcd) epoch(t *testing.T, group string) kv.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := e.client.Get(ctx, kv.Prefix("/msdha", group)+kv.EpochKey.Path())
	if err != nil || len(r.Kvs) == 0 {
		t.Fatalf("there is no _epoch: %v", err)
	}
	return kv.Decode(kv.EpochKey, r.Kvs[0].Value)
}

// TestWitness: as README starts it, the witness is healthy, with an engine and without
// one, and attests the death of a container that was killed; the lease of that lasts
// longer than this test is patient.
func TestWitness(t *testing.T) {
	t.Parallel()
	e := startEtcd(t, "")
	e.put(t, "/msdha/seen/_epoch", `{"epoch":1,"released":true}`) // there was a group, and nobody has to wait
	witness := func(what, volume string) *container {
		return start(t, what, image("witness"), "--cap-drop", "ALL", "--read-only", "--health-interval=1s",
			"--health-retries=1", "--health-start-period=0s", "-v", volume+":/run/msdha:ro", "-e", e.endpoint(),
			"-e", "MSDHA_NAME="+what, "-e", "MSDHA_ENGINE=unix:///run/msdha/engine.sock")
	}
	empty := unique("nothing")
	docker(t, "volume", "create", "--label", run, empty)
	blind, w := witness("blind", empty), witness("host1", startEngineProxy(t))
	n := start(t, "node", derived(t), "-e", e.endpoint(), "-e", "MSDHA_GROUP=seen", "-e", "MSDHA_TTL=600")
	e.await("seen", n, "master")
	blind.awaitHealth("healthy")
	w.awaitHealth("healthy")
	docker(t, "kill", n.name)
	eventually(t, "the witness to attest", func() error {
		if r := e.epoch(t, "seen"); !r.Released || r.Node != n.name || r.By != "host1" || r.How != kv.ByWitness {
			return fmt.Errorf("_epoch is %+v", r)
		}
		return nil
	})
	if state := e.state(t, "seen", n.name); state != "" {
		t.Errorf("it is still %q", state)
	}
	blind.expectStop()
	w.expectStop()
}
