package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

// label marks all that a session makes; its value is the process id of the
// session, by which another one can tell that nobody will clean up any more.
const label = "msdha.chaos"

// Engine is the Docker engine.
type Engine struct {
	docker  *testcontainers.DockerClient
	session string

	hanging sync.Mutex
	hangs   []*hang
}

// Connect reaches the engine that the environment names (DOCKER_HOST), or fails
// within some seconds.
func Connect(ctx context.Context) (*Engine, error) {
	// Its reaper is an image from a registry; Close and Sweep do that work.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return nil, err
	}
	log.SetDefault(log.NewNoopLogger())
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return nil, fmt.Errorf("cannot reach a Docker engine: %w", err)
	}
	return &Engine{docker: d, session: strconv.Itoa(os.Getpid())}, nil
}

func (e *Engine) labels(cluster string) map[string]string {
	return map[string]string{label: e.session, clusterLabel: cluster}
}

// HasImage says whether an image is here.
func (e *Engine) HasImage(ctx context.Context, image string) bool {
	_, err := e.docker.ImageInspect(ctx, image)
	return err == nil
}

// Version is the engine's.
func (e *Engine) Version(ctx context.Context) (string, error) {
	v, err := e.docker.ServerVersion(ctx, client.ServerVersionOptions{})
	return v.Version, err
}

// Sweep removes what this session made and what those left behind that ended
// without removing it.
func (e *Engine) Sweep(ctx context.Context) error {
	return e.remove(ctx, client.Filters{}.Add("label", label), func(session string) bool {
		if session == e.session {
			return true
		}
		pid, err := strconv.Atoi(session)
		return err != nil || errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

// clusterLabel names the cluster that something belongs to.
const clusterLabel = "msdha.chaos.cluster"

// removeCluster removes what belongs to one cluster of this session.
func (e *Engine) removeCluster(ctx context.Context, name string) error {
	return e.remove(ctx, client.Filters{}.Add("label", clusterLabel+"="+name),
		func(session string) bool { return session == e.session })
}

// remove removes containers, then networks and volumes of the sessions.
func (e *Engine) remove(ctx context.Context, filter client.Filters, of func(session string) bool) error {
	errs := []error{e.endHangs()} // whoever hangs with a disk cannot be removed
	note := func(session string, err error) {
		// Another run may be removing what a dead one has left.
		another := session != e.session && errdefs.IsConflict(err)
		if err != nil && !another && !errdefs.IsNotFound(err) {
			errs = append(errs, err)
		}
	}
	containers, err := e.docker.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filter})
	note(e.session, err)
	for i := range containers.Items {
		if c := &containers.Items[i]; of(c.Labels[label]) {
			all := client.ContainerRemoveOptions{Force: true, RemoveVolumes: true}
			_, err := e.docker.ContainerRemove(ctx, c.ID, all)
			note(c.Labels[label], err)
		}
	}
	networks, err := e.docker.NetworkList(ctx, client.NetworkListOptions{Filters: filter})
	note(e.session, err)
	for i := range networks.Items {
		if n := &networks.Items[i]; of(n.Labels[label]) {
			_, err := e.docker.NetworkRemove(ctx, n.ID, client.NetworkRemoveOptions{})
			note(n.Labels[label], err)
		}
	}
	volumes, err := e.docker.VolumeList(ctx, client.VolumeListOptions{Filters: filter})
	note(e.session, err)
	for i := range volumes.Items {
		if v := &volumes.Items[i]; of(v.Labels[label]) {
			_, err := e.docker.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{Force: true})
			note(v.Labels[label], err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("cannot remove everything that is labelled %s: %w", label, err)
	}
	return nil
}

// volume makes a volume in memory: it is as large as is said, so that it can be
// filled, and quick, so that no scenario measures this machine's disk.
func (e *Engine) volume(ctx context.Context, cluster, name string, megabytes int) error {
	_, err := e.docker.VolumeCreate(ctx, client.VolumeCreateOptions{
		Name: name, Driver: "local", Labels: e.labels(cluster), DriverOpts: map[string]string{
			"type": "tmpfs", "device": "tmpfs", "o": fmt.Sprintf("size=%dm,mode=1777", megabytes),
		},
	})
	if err != nil {
		return fmt.Errorf("cannot create the volume %s: %w", name, err)
	}
	return nil
}

// address is a container's in that network, empty while it has none.
func (e *Engine) address(ctx context.Context, container, netName string) (string, error) {
	c, err := e.docker.ContainerInspect(ctx, container, client.ContainerInspectOptions{})
	if err != nil {
		return "", err
	}
	if c.Container.NetworkSettings == nil {
		return "", nil
	}
	var at *network.EndpointSettings
	if at = c.Container.NetworkSettings.Networks[netName]; at == nil || !at.IPAddress.IsValid() {
		return "", nil
	}
	return at.IPAddress.String(), nil
}

// quiet says what a command's output said, on one line, for an error.
func quiet(out []byte) string { return strings.Join(strings.Fields(string(out)), " ") }
