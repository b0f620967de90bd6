package rig

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/evidence"
	"msdha/internal/runtime/proc"
)

// patroniImage is what tools/bench-images.sh builds.
var patroniImage = "msdha-bench-patroni:" + cmp.Or(os.Getenv("MSDHA_CHAOS_TAG"), "latest")

// PatroniScope is where Patroni's keys are; the one that counts is below it.
const (
	PatroniScope  = "/service/chaos/"
	PatroniLeader = PatroniScope + "leader"
)

// PatroniSettings are Patroni's own and those of the HAProxy before it, in whole
// seconds.
type PatroniSettings struct {
	TTL, LoopWait, RetryTimeout time.Duration
	Check                       time.Duration // HAProxy's interval
	Fall, Rise                  int           // how many checks change its mind
}

// Patroni is a group of a peer, for comparison: three nodes under Patroni, HAProxy
// before them, on the same etcd, PostgreSQL and volumes as our own groups.
type Patroni struct {
	*Cluster
	Settings PatroniSettings
}

// timeline is how a server of Patroni's says under whose reign it accepts a row.
const timeline = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::bigint"

// StartPatroni runs one and waits until it is steady. If it fails, nothing is left
// but the logs that the error names.
func StartPatroni(ctx context.Context, e *Engine, opts Options, s PatroniSettings) (p *Patroni, err error) {
	p = &Patroni{Settings: s, Cluster: &Cluster{
		Opts: opts, Engine: e, name: "chaos-" + e.session + "-" + opts.Name, lines: evidence.NewTimeline(opts.Out),
	}}
	defer func() {
		if err != nil {
			dir, kept := p.Keep(context.WithoutCancel(ctx))
			err = errors.Join(fmt.Errorf("%w; logs are in %s", err, dir), kept, p.Close(context.WithoutCancel(ctx)))
		}
	}()
	for _, image := range []string{etcdImage, backendImage, patroniImage} {
		if !e.HasImage(ctx, image) {
			return p, fmt.Errorf("cannot start a group of Patroni without the image %s: run make images and "+
				"tools/bench-images.sh", image)
		}
	}
	begin := time.Now()
	if err := p.startMembers(ctx); err != nil {
		return p, err
	}
	var leader *Member
	err = evidence.Await(ctx, steadyLimit, func() string {
		if leader, err = p.Leader(ctx); err != nil {
			return err.Error()
		}
		if _, err := query[bool](ctx, leader, "select pg_is_in_recovery()"); err != nil {
			return err.Error()
		}
		return ""
	})
	if err != nil {
		return p, err
	}
	if p.Clients, err = startClients(ctx, p.Cluster, leader, timeline); err != nil {
		return p, err
	}
	if err := p.Steady(ctx, steadyLimit); err != nil {
		return p, err
	}
	p.Say("a group %s of Patroni is steady after %.1f s", opts.Name, time.Since(begin).Seconds())
	return p, nil
}

func (p *Patroni) startMembers(ctx context.Context) error {
	subnet, err := p.startEtcd(ctx)
	if err != nil {
		return err
	}
	var at []netip.Addr
	for i := range 3 {
		at = append(at, netip.MustParseAddr(reserved(subnet, 3+i).String()))
	}
	if err := p.configure(ctx, "haproxy.cfg", p.Settings.haproxy(at)); err != nil {
		return err
	}
	for i := range at {
		name := fmt.Sprintf("n%d", i+1)
		if err := p.configure(ctx, name+".yml", p.Settings.node(name, at[i])); err != nil {
			return err
		}
		m, err := p.Engine.run(ctx, p.name, p.nodeSpec(name, at[i]))
		if err != nil {
			return err
		}
		p.Nodes = append(p.Nodes, m)
	}
	m, err := p.Engine.run(ctx, p.name, &spec{
		name: "haproxy", image: patroniImage, restart: true,
		entry:   []string{"haproxy", "-db", "-f", configPath + "haproxy.cfg"},
		volumes: map[string]string{p.volumeName("config"): configPath + ":ro"},
	})
	p.Fronts = append(p.Fronts, m)
	return err
}

// nodeSpec: the container ends with Patroni, as with the engine's first process
// above it, and is started again, as its documentation's images are run.
func (p *Patroni) nodeSpec(name string, at netip.Addr) *spec {
	return &spec{
		name: name, image: patroniImage, entry: []string{"patroni"}, cmd: []string{configPath + name + ".yml"},
		ip: at, restart: true, init: true, tmpfs: []string{"/run", "/tmp"}, volumes: map[string]string{
			p.volumeName(name): "/var/lib/postgresql/data", p.volumeName("config"): configPath + ":ro",
		},
	}
}

// Leader is who holds Patroni's lock.
func (p *Patroni) Leader(ctx context.Context) (leader *Member, err error) {
	err = p.withEtcd(ctx, p.Etcds, func(ctx context.Context, cl *clientv3.Client) error {
		got, err := cl.Get(ctx, PatroniLeader)
		if err != nil {
			return err
		}
		if len(got.Kvs) == 0 {
			return errors.New("nobody holds Patroni's lock")
		}
		name := string(got.Kvs[0].Value)
		if leader = p.Node(name); leader == nil {
			return fmt.Errorf("%q holds Patroni's lock and is none of ours", name)
		}
		return nil
	})
	return leader, err
}

// Steady waits until there is a leader, both others stream from it, and writers get
// acknowledgements through HAProxy.
func (p *Patroni) Steady(ctx context.Context, limit time.Duration) error {
	return evidence.Await(ctx, limit, func() string {
		leader, err := p.Leader(ctx)
		if err != nil {
			return err.Error()
		}
		return p.unserved(ctx, leader.Name, time.Time{})
	})
}

// Agent is the process of Patroni itself, below the container's first one.
func (p *Patroni) Agent(ctx context.Context, m *Member) (proc.ID, error) {
	return m.find(ctx, "Patroni", func(_ string, e *proc.Entry) bool {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", e.PID))
		return err == nil && strings.Contains(string(line), "/patroni\x00")
	})
}

// Switchover asks for another leader, whoever that may be, and returns when Patroni
// has answered.
func (p *Patroni) Switchover(ctx context.Context, leader *Member) error {
	body, err := json.Marshal(map[string]string{"leader": leader.Name})
	if err != nil {
		return err
	}
	url := "http://" + leader.IP() + ":8008/switchover"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("cannot switch over from %s: %s: %s", leader.Name, resp.Status, quiet(text))
	}
	return err
}
