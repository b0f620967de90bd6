package rig

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// Member is one container of a cluster. Its name is what the others call it.
type Member struct {
	Name string

	engine  *Engine
	id      string
	network string

	mu sync.Mutex
	ip string
}

// spec is what a container is made of.
type spec struct {
	name    string // within the cluster
	image   string
	env     map[string]string
	cmd     []string
	user    string // the image's where it is empty
	entry   []string
	volumes map[string]string // name to path
	tmpfs   []string
	ip      netip.Addr // its address for good; any other from the network where that is not valid
	restart bool       // whenever it ends, unless somebody stopped it
	frozen  bool       // its root is read-only and it has no capabilities
}

// run creates a container and starts it.
func (e *Engine) run(ctx context.Context, cluster string, s *spec) (*Member, error) {
	req := testcontainers.GenericContainerRequest{
		Started: true,
		ContainerRequest: testcontainers.ContainerRequest{
			Name: cluster + "-" + s.name, Image: s.image, Env: s.env, Cmd: s.cmd, Entrypoint: s.entry,
			Labels: e.labels(cluster), Networks: []string{cluster},
			NetworkAliases: map[string][]string{cluster: {s.name}},
			ConfigModifier: func(c *container.Config) { c.Hostname, c.User = s.name, cmp.Or(s.user, c.User) },
			HostConfigModifier: func(h *container.HostConfig) {
				h.ReadonlyRootfs = s.frozen
				if s.frozen {
					h.CapDrop = []string{"ALL"}
				}
				if s.restart {
					h.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyUnlessStopped}
				}
				for name, path := range s.volumes {
					h.Binds = append(h.Binds, name+":"+path)
				}
				h.LogConfig = container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "64m"}}
			},
		},
	}
	if s.ip.IsValid() {
		req.EndpointSettingsModifier = func(at map[string]*network.EndpointSettings) {
			at[cluster].IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: s.ip}
		}
	}
	req.Tmpfs = map[string]string{}
	for _, path := range s.tmpfs {
		req.Tmpfs[path] = "mode=1777,exec"
	}
	c, err := testcontainers.GenericContainer(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("cannot run %s of %s: %w", s.name, s.image, err)
	}
	m := &Member{Name: s.name, engine: e, id: c.GetContainerID(), network: cluster}
	return m, m.locate(ctx)
}

// locate learns the address, which a restart may change.
func (m *Member) locate(ctx context.Context) error {
	ip, err := m.engine.address(ctx, m.id, m.network)
	if err != nil {
		return fmt.Errorf("cannot find the address of %s: %w", m.Name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ip = ip
	return nil
}

// IP is the address at which a client outside reaches it, as far as is known;
// empty while it has none.
func (m *Member) IP() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ip
}

// Kill is `docker kill`: SIGKILL to everything in the container. The engine does
// not restart what was killed by its means.
func (m *Member) Kill(ctx context.Context) error {
	_, err := m.engine.docker.ContainerKill(ctx, m.id, client.ContainerKillOptions{Signal: "KILL"})
	return m.did("kill", err)
}

// Stop is `docker stop` with that grace.
func (m *Member) Stop(ctx context.Context, grace time.Duration) error {
	seconds := int(grace / time.Second)
	_, err := m.engine.docker.ContainerStop(ctx, m.id, client.ContainerStopOptions{Timeout: &seconds})
	return m.did("stop", err)
}

// Start is `docker start`.
func (m *Member) Start(ctx context.Context) error {
	if _, err := m.engine.docker.ContainerStart(ctx, m.id, client.ContainerStartOptions{}); err != nil {
		return m.did("start", err)
	}
	return m.locate(ctx)
}

// Restart is `docker restart` with that grace.
func (m *Member) Restart(ctx context.Context, grace time.Duration) error {
	seconds := int(grace / time.Second)
	opts := client.ContainerRestartOptions{Timeout: &seconds}
	if _, err := m.engine.docker.ContainerRestart(ctx, m.id, opts); err != nil {
		return m.did("restart", err)
	}
	return m.locate(ctx)
}

// Pause freezes all processes; they do not notice.
func (m *Member) Pause(ctx context.Context) error {
	_, err := m.engine.docker.ContainerPause(ctx, m.id, client.ContainerPauseOptions{})
	return m.did("pause", err)
}

// Unpause ends that.
func (m *Member) Unpause(ctx context.Context) error {
	_, err := m.engine.docker.ContainerUnpause(ctx, m.id, client.ContainerUnpauseOptions{})
	return m.did("unpause", err)
}

// Disconnect takes its interface away.
func (m *Member) Disconnect(ctx context.Context) error {
	_, err := m.engine.docker.NetworkDisconnect(ctx, m.network, client.NetworkDisconnectOptions{Container: m.id})
	return m.did("disconnect", err)
}

// Reconnect gives it one again, mostly with another address.
func (m *Member) Reconnect(ctx context.Context) error {
	_, err := m.engine.docker.NetworkConnect(ctx, m.network, client.NetworkConnectOptions{
		Container: m.id, EndpointConfig: &network.EndpointSettings{Aliases: []string{m.Name}},
	})
	if err != nil {
		return m.did("connect", err)
	}
	return m.locate(ctx)
}

// Remove removes the container.
func (m *Member) Remove(ctx context.Context) error {
	_, err := m.engine.docker.ContainerRemove(ctx, m.id, client.ContainerRemoveOptions{Force: true})
	return m.did("remove", err)
}

// State is the engine's word.
func (m *Member) State(ctx context.Context) (*container.State, error) {
	c, err := m.engine.docker.ContainerInspect(ctx, m.id, client.ContainerInspectOptions{})
	if err != nil {
		return nil, m.did("inspect", err)
	}
	return c.Container.State, nil
}

// Exec runs a command in the container and returns its output.
func (m *Member) Exec(ctx context.Context, user string, command ...string) (string, error) {
	x, err := m.engine.docker.ExecCreate(ctx, m.id, client.ExecCreateOptions{
		User: user, AttachStdout: true, AttachStderr: true, Cmd: command,
	})
	if err != nil {
		return "", m.did("exec in", err)
	}
	at, err := m.engine.docker.ExecAttach(ctx, x.ID, client.ExecAttachOptions{})
	if err != nil {
		return "", m.did("exec in", err)
	}
	defer at.Close()
	var out strings.Builder
	if _, err := stdcopy.StdCopy(&out, &out, at.Reader); err != nil {
		return out.String(), m.did("exec in", err)
	}
	end, err := m.engine.docker.ExecInspect(ctx, x.ID, client.ExecInspectOptions{})
	if err == nil && end.ExitCode != 0 {
		err = fmt.Errorf("%s ended with %d: %s", strings.Join(command, " "), end.ExitCode, quiet([]byte(out.String())))
	}
	return out.String(), m.did("exec in", err)
}

// Log is what the container has printed since then.
func (m *Member) Log(ctx context.Context, since time.Time) (string, error) {
	var text strings.Builder
	err := m.log(ctx, &text, since)
	return text.String(), err
}

// log copies what the container has printed, since the beginning if that is zero.
func (m *Member) log(ctx context.Context, w io.Writer, since time.Time) error {
	opts := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true}
	if !since.IsZero() {
		opts.Since = since.Format(time.RFC3339Nano)
	}
	r, err := m.engine.docker.ContainerLogs(ctx, m.id, opts)
	if err != nil {
		return m.did("read the log of", err)
	}
	defer r.Close() //nolint:errcheck // only read
	_, err = stdcopy.StdCopy(w, w, r)
	return m.did("read the log of", err)
}

func (m *Member) did(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot %s %s: %w", what, m.Name, err)
}
