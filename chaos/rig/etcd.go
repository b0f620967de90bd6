package rig

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/evidence"
	"msdha/internal/runtime/store"
)

// prefix and group are where the keys are.
const (
	prefix = "/msdha"
	group  = "chaos"
)

// Keys is where all keys of a group of ours are.
const Keys = prefix + "/" + group + "/"

func (c *Cluster) etcdSpec(name string) *spec {
	s := &spec{
		name: name, image: etcdImage, frozen: true, entry: []string{"/usr/local/bin/etcd"},
		volumes: map[string]string{c.volumeName(name): "/data", c.volumeName("config"): configPath + ":ro"},
		cmd: []string{
			"--name=" + name, "--data-dir=/data/etcd", "--log-level=warn", "--logger=zap",
			"--listen-client-urls=" + c.url("0.0.0.0"), "--advertise-client-urls=" + c.url(name),
			"--listen-peer-urls=http://0.0.0.0:2380", "--initial-advertise-peer-urls=" + peerURL(name),
			"--initial-cluster=" + initialCluster(), "--initial-cluster-state=new",
			"--initial-cluster-token=" + c.name,
		},
	}
	if c.Opts.Secure != nil {
		s.cmd = append(s.cmd, c.Opts.Secure.flags()...)
	}
	return s
}

func peerURL(name string) string { return "http://" + name + ":2380" }

func initialCluster() string {
	var peers []string
	for i := 1; i <= 3; i++ {
		name := fmt.Sprintf("e%d", i)
		peers = append(peers, name+"="+peerURL(name))
	}
	return strings.Join(peers, ",")
}

// url is how clients reach etcd at that host.
func (c *Cluster) url(host string) string {
	if c.Opts.Secure != nil {
		return "https://" + host + ":2379"
	}
	return "http://" + host + ":2379"
}

func (c *Cluster) urls(members []*Member) (all []string) {
	for _, m := range members {
		all = append(all, c.url(m.IP()))
	}
	return all
}

// tls is for those outside. They verify nothing: what is tried is the agents.
func (c *Cluster) tls() *tls.Config {
	if c.Opts.Secure == nil {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true} //nolint:gosec // see above
}

// etcd is a client of those members.
func (c *Cluster) etcd(members ...*Member) (*clientv3.Client, error) {
	cfg := clientv3.Config{Endpoints: c.urls(members), DialTimeout: 2 * time.Second, TLS: c.tls()}
	if c.logins {
		cfg.Username, cfg.Password = "root", password
	}
	return clientv3.New(cfg)
}

// Reobserve watches etcd anew, by way of all members but those: after it was
// restored to an older state, or its members' addresses have changed.
func (c *Cluster) Reobserve(except ...*Member) (err error) {
	if c.Observer != nil {
		c.Observer.Close()
	}
	members := slices.DeleteFunc(slices.Clone(c.Etcds), func(m *Member) bool { return slices.Contains(except, m) })
	cfg := store.Config{Endpoints: c.urls(members), Prefix: prefix, Group: group}
	if c.Opts.Secure != nil {
		cfg.Username, cfg.Password, cfg.InsecureSkipVerify = "root", password, true
	}
	c.Observer, err = evidence.Observe(cfg, c.Say)
	return err
}

// EtcdLeader is the member that leads, and those that do not.
func (c *Cluster) EtcdLeader(ctx context.Context) (leader *Member, followers []*Member, err error) {
	for _, m := range c.Etcds {
		leads, errMember := c.leads(ctx, m)
		switch {
		case errMember != nil:
			err = errMember
		case leads:
			leader = m
			continue
		}
		followers = append(followers, m)
	}
	if leader == nil {
		return nil, nil, fmt.Errorf("no member of etcd leads (%w)", err)
	}
	return leader, followers, nil
}

func (c *Cluster) leads(ctx context.Context, m *Member) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	cl, err := c.etcd(m)
	if err != nil {
		return false, err
	}
	defer cl.Close() //nolint:errcheck // only read
	s, err := cl.Status(ctx, c.url(m.IP()))
	if err != nil {
		return false, fmt.Errorf("%s does not say who leads: %w", m.Name, err)
	}
	return s.Leader == s.Header.MemberId, nil
}

// AwaitEtcd waits until that member answers linearizable reads, and so has caught
// up with the others.
func (c *Cluster) AwaitEtcd(ctx context.Context, m *Member) error {
	return evidence.Await(ctx, steadyLimit, func() string {
		err := c.withEtcd(ctx, []*Member{m}, func(ctx context.Context, cl *clientv3.Client) error {
			_, err := cl.Get(ctx, prefix)
			return err
		})
		if err != nil {
			return fmt.Sprintf("%s does not answer: %v", m.Name, err)
		}
		return ""
	})
}

// withEtcd runs f with a client of those members.
func (c *Cluster) withEtcd(ctx context.Context, members []*Member,
	f func(context.Context, *clientv3.Client) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cl, err := c.etcd(members...)
	if err != nil {
		return err
	}
	defer cl.Close() //nolint:errcheck // what matters was answered
	return f(ctx, cl)
}

// Compact makes etcd forget all that was before now; it is asked of that member.
func (c *Cluster) Compact(ctx context.Context, by *Member) error {
	return c.withEtcd(ctx, []*Member{by}, func(ctx context.Context, cl *clientv3.Client) error {
		now, err := cl.Get(ctx, prefix)
		if err != nil {
			return err
		}
		_, err = cl.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
		return err
	})
}

// Wipe deletes all keys of the group.
func (c *Cluster) Wipe(ctx context.Context) error {
	return c.withEtcd(ctx, c.Etcds, func(ctx context.Context, cl *clientv3.Client) error {
		_, err := cl.Delete(ctx, Keys, clientv3.WithPrefix())
		return err
	})
}

// Watchers is how many watches that member serves, by its own count.
func (c *Cluster) Watchers(ctx context.Context, m *Member) (int, error) {
	return c.metric(ctx, m, "etcd_debugging_mvcc_watcher_total")
}

// metric is what the member says of itself under a name that begins so.
func (c *Cluster) metric(ctx context.Context, m *Member, name string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url(m.IP())+"/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	// A connection that was kept would lead to whoever had the address before.
	web := http.Client{Transport: &http.Transport{TLSClientConfig: c.tls(), DisableKeepAlives: true}}
	resp, err := web.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if line := lines.Text(); strings.HasPrefix(line, name) {
			return strconv.Atoi(line[strings.LastIndexByte(line, ' ')+1:])
		}
	}
	return 0, nil // it has not counted anything yet
}

// Gather makes all agents and frontends talk to that member of etcd and to no
// other: the others refuse them for a while. Then they might go back to these, but
// nothing makes them.
func (c *Cluster) Gather(ctx context.Context, at *Member) error {
	agents := slices.Concat(c.Nodes, c.Fronts)
	if err := c.Reobserve(at); err != nil {
		return err
	}
	for _, m := range c.Etcds {
		if m == at {
			continue
		}
		if err := m.Filter(ctx, Refuse(agents...)); err != nil {
			return err
		}
		defer m.Unfilter(context.WithoutCancel(ctx)) //nolint:errcheck // Steady would tell
	}
	return evidence.Await(ctx, steadyLimit, func() string {
		n, err := c.Watchers(ctx, at)
		if err != nil || n < len(agents) {
			return fmt.Sprintf("%d of %d watch by way of %s (%v)", n, len(agents), at.Name, err)
		}
		return ""
	})
}

// EtcdAnswers asks etcd something that needs a majority.
func (c *Cluster) EtcdAnswers(ctx context.Context) error {
	return c.withEtcd(ctx, c.Etcds, func(ctx context.Context, cl *clientv3.Client) error {
		_, err := cl.Get(ctx, prefix)
		return err
	})
}
