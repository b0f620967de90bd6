package rig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"msdha/internal/evidence"
	"msdha/internal/runtime/etcdtest"
)

// The images are those that `make images` builds, by the tag that the environment
// names in MSDHA_CHAOS_TAG.
var (
	tag           = cmp.Or(os.Getenv("MSDHA_CHAOS_TAG"), "latest")
	etcdImage     = "msdha-etcd:" + tag
	backendImage  = "msdha-backend-postgresql:" + tag
	frontendImage = "msdha-frontend:" + tag
)

// Options say what a cluster is like. The zero value of a field means its default.
type Options struct {
	Name string // of the cluster, in container names; "a"
	Out  io.Writer
	TTL  time.Duration     // whole seconds; 3 s
	Env  map[string]string // further variables of every backend
	// Backend is a program on the engine's machine that takes the place of the
	// image's, empty for the image's own.
	Backend string
	Secure  *Security // etcd with TLS and logins; nil without
	Async   bool      // no member list: nobody waits for standbys
	Witness bool      // a witness follows the engine
	Quiet   bool      // one writer for each way in: the cluster shares the machine with another
}

// password is that of both PostgreSQL roles; the network is our own.
const password = "chaos"

// settings keep three servers small that share a machine with everything else.
const settings = `
shared_buffers = 32MB
max_connections = 60
max_wal_size = 96MB
min_wal_size = 32MB
log_min_error_statement = panic
log_checkpoints = off
`

// Sizes of the volumes in megabytes: the log that a standby may have missed is
// limited to what fits beside two copies of the data.
const (
	dataSize   = 1024
	walKeep    = "64MB"
	slotKeep   = "128MB"
	etcdSize   = 400
	recordSize = 1024
)

// Cluster is three etcd members, three backends and two frontends, under load.
type Cluster struct {
	Opts   Options
	Engine *Engine

	Etcds  []*Member
	Nodes  []*Member
	Fronts []*Member
	// Witness and Proxy, which stands before the engine, are there with Options.Witness.
	Witness, Proxy *Member
	holder         *Member // keeps the volumes, which live in memory, whoever else ends

	Observer *evidence.Observer
	Clients  *Clients

	name      string // its network's, too
	registers int    // that there have been
	// Rows that were acknowledged, and of these lost, when it was judged last.
	acked, lost int
	ca          *etcdtest.CA
	logins      bool // etcd demands them by now
	lines       *evidence.Timeline
	lives       *lives
	judged      time.Time // up to when the logs have been read
}

// Start runs a cluster and waits until it is steady. If it fails, nothing is
// left but the logs that the error names.
func Start(ctx context.Context, e *Engine, opts Options) (c *Cluster, err error) {
	if opts.TTL == 0 {
		opts.TTL = 3 * time.Second
	}
	if opts.Name == "" {
		opts.Name = "a"
	}
	c = &Cluster{
		Opts: opts, Engine: e, name: "chaos-" + e.session + "-" + opts.Name,
		lines: evidence.NewTimeline(opts.Out),
	}
	defer func() {
		if err != nil {
			dir, kept := c.Keep(context.WithoutCancel(ctx))
			err = errors.Join(fmt.Errorf("%w; logs are in %s", err, dir), kept, c.Close(context.WithoutCancel(ctx)))
		}
	}()
	for _, image := range []string{etcdImage, backendImage, frontendImage} {
		if !e.HasImage(ctx, image) {
			return c, fmt.Errorf("cannot start a cluster without the image %s: run make images", image)
		}
	}
	begin := time.Now()
	if err := c.startMembers(ctx); err != nil {
		return c, err
	}
	if err := c.Reobserve(); err != nil {
		return c, err
	}
	master, err := c.Observer.AwaitMaster(ctx, steadyLimit)
	if err != nil {
		return c, err
	}
	if c.Clients, err = startClients(ctx, c, c.Node(master.Node)); err != nil {
		return c, err
	}
	if err := c.Steady(ctx, steadyLimit); err != nil {
		return c, err
	}
	c.Say("a cluster %s is steady after %.1f s", opts.Name, time.Since(begin).Seconds())
	return c, nil
}

func (c *Cluster) startMembers(ctx context.Context) (err error) {
	e := c.Engine
	c.lives = e.lives(c.name)
	subnet, err := e.network(ctx, c.name)
	if err != nil {
		return err
	}
	if err := c.startHolder(ctx); err != nil {
		return err
	}
	for i := range 3 {
		s := c.etcdSpec(fmt.Sprintf("e%d", i+1))
		s.ip = reserved(subnet, i)
		m, err := e.run(ctx, c.name, s)
		if err != nil {
			return err
		}
		c.Etcds = append(c.Etcds, m)
	}
	if err := c.enableLogin(ctx); err != nil {
		return err
	}
	if err := c.listMembers(ctx); err != nil {
		return err
	}
	for i := range 3 {
		m, err := e.run(ctx, c.name, c.nodeSpec(fmt.Sprintf("n%d", i+1)))
		if err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, m)
	}
	for i := range 2 {
		m, err := e.run(ctx, c.name, c.frontSpec(fmt.Sprintf("f%d", i+1)))
		if err != nil {
			return err
		}
		c.Fronts = append(c.Fronts, m)
	}
	return c.startWitness(ctx)
}

func (c *Cluster) volumeName(of string) string { return c.name + "-" + of }

func (c *Cluster) startHolder(ctx context.Context) (err error) {
	s := &spec{name: "holder", image: backendImage, entry: []string{"sleep", "infinity"}, volumes: map[string]string{}}
	sizes := map[string]int{"record": recordSize, "config": 1, "engine": 1}
	for i := 1; i <= 3; i++ {
		sizes[fmt.Sprintf("e%d", i)] = etcdSize
	}
	for i := 1; i <= maxNodes; i++ { // those that hold nothing cost nothing
		sizes[fmt.Sprintf("n%d", i)] = dataSize
	}
	for _, of := range slices.Sorted(maps.Keys(sizes)) {
		if err := c.Engine.volume(ctx, c.name, c.volumeName(of), sizes[of]); err != nil {
			return err
		}
		s.volumes[c.volumeName(of)] = "/volumes/" + of
	}
	if c.holder, err = c.Engine.run(ctx, c.name, s); err != nil {
		return err
	}
	for file, content := range map[string]string{"password": password + "\n", "postgresql.conf": settings} {
		if err := c.configure(ctx, file, content); err != nil {
			return err
		}
	}
	return c.issue(ctx)
}

// configure writes a file to the volume that everybody reads below /etc/chaos: a
// read-only root takes no files from outside.
func (c *Cluster) configure(ctx context.Context, file, content string) error {
	_, err := c.holder.Exec(ctx, "root", "sh", "-c", `printf %s "$1" >/volumes/config/"$2"`, "sh", content, file)
	return err
}

func (c *Cluster) agentEnv(name string) map[string]string {
	env := map[string]string{
		"ETCDCTL_ENDPOINTS": c.url("e1") + "," + c.url("e2") + "," + c.url("e3"),
		"MSDHA_GROUP":       "chaos", "MSDHA_NAME": name, "MSDHA_TTL": strconv.Itoa(int(c.Opts.TTL / time.Second)),
		"MSDHA_LOG_FORMAT": "json", "MSDHA_RECORD": "/record/",
	}
	if c.Opts.Secure != nil {
		maps.Copy(env, map[string]string{
			"ETCDCTL_CACERT": configPath + caFile, "ETCDCTL_USER": etcdUser,
			"ETCDCTL_PASSWORD_FILE": configPath + "password",
		})
	}
	return env
}

// configPath is where containers find the volume with the configuration.
const configPath = "/etc/chaos/"

func (c *Cluster) nodeSpec(name string) *spec {
	env := c.agentEnv(name)
	maps.Copy(env, map[string]string{
		"MSDHA_PG_WAL_KEEP":      walKeep,
		"MSDHA_PG_SLOT_WAL_KEEP": slotKeep,
		// Each promotion begins a segment of its own, and a soak has one every few rounds.
		"MSDHA_PG_INITDB_ARGS":               "--encoding=UTF8 --locale=C.UTF-8 --wal-segsize=4",
		"MSDHA_MONITOR_INTERVAL":             "2s",
		"MSDHA_HOOK_TIMEOUT_MONITOR":         "5s",
		"MSDHA_HOOK_TIMEOUT_MASTER":          "10s",
		"MSDHA_PG_CONF":                      configPath + "postgresql.conf",
		"MSDHA_PG_PASSWORD_FILE":             configPath + "password",
		"MSDHA_PG_REPLICATION_PASSWORD_FILE": configPath + "password",
	})
	maps.Copy(env, c.Opts.Env)
	s := &spec{
		name: name, image: backendImage, env: env, restart: true, frozen: true, tmpfs: []string{"/run", "/tmp"},
		volumes: map[string]string{
			c.volumeName(name): "/var/lib/postgresql/data", c.volumeName("record"): "/record",
			c.volumeName("config"): configPath + ":ro",
		},
	}
	if c.Opts.Backend != "" {
		s.volumes[c.Opts.Backend] = "/usr/local/bin/msdha-backend:ro"
	}
	return s
}

func (c *Cluster) frontSpec(name string) *spec {
	env := c.agentEnv(name)
	env["MSDHA_PORT"] = "5432"
	return &spec{
		name: name, image: frontendImage, env: env, restart: true, frozen: true, tmpfs: []string{"/run"},
		volumes: map[string]string{c.volumeName("record"): "/record", c.volumeName("config"): configPath + ":ro"},
	}
}

// Node is the backend of that name.
func (c *Cluster) Node(name string) *Member {
	i := slices.IndexFunc(c.Nodes, func(m *Member) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return c.Nodes[i]
}

// Others are all backends but that one.
func (c *Cluster) Others(than *Member) (all []*Member) {
	for _, m := range c.Nodes {
		if m != than {
			all = append(all, m)
		}
	}
	return all
}

// Say prints a line under the time since the cluster began.
func (c *Cluster) Say(format string, args ...any) { c.lines.Say(format, args...) }

// Close removes all that the cluster consists of.
func (c *Cluster) Close(ctx context.Context) error {
	c.Clients.stop()
	if c.Observer != nil {
		c.Observer.Close()
	}
	c.lives.close()
	return c.Engine.removeCluster(ctx, c.name)
}

// Heading sets what follows apart.
func (c *Cluster) Heading(text string) { c.lines.Heading(text) }
