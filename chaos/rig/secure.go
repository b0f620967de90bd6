package rig

import (
	"context"
	"os"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"msdha/internal/runtime/etcdtest"
)

// Security is how etcd is protected: it speaks TLS to clients and demands logins.
type Security struct {
	// Tokens is etcd's --auth-token: "simple" ones live as long as they are used,
	// JWT end at their time.
	Tokens string
	// Idle is how long a simple token may be unused; whole seconds, not 0.
	Idle time.Duration
}

// JWT are tokens that end after that time, however much they are used. They are
// signed with the server's key.
func JWT(ttl time.Duration) string {
	return "jwt,sign-method=ES256,pub-key=" + configPath + tokenKey + ".crt,priv-key=" + configPath + tokenKey +
		".key,ttl=" + ttl.String()
}

// Files on the volume of the configuration.
const (
	caFile    = "ca.crt"
	serverKey = "server"
	tokenKey  = "token"
	etcdUser  = "msdha"
)

func (s *Security) flags() []string {
	return []string{
		"--cert-file=" + configPath + serverKey + ".crt", "--key-file=" + configPath + serverKey + ".key",
		"--auth-token=" + s.Tokens, "--auth-token-ttl=" + strconv.Itoa(int(s.Idle/time.Second)),
	}
}

// issue makes an authority, etcd's certificate, and the key of tokens.
func (c *Cluster) issue(ctx context.Context) error {
	if c.Opts.Secure == nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "msdha-ca-")
	if err != nil {
		return err
	}
	if c.ca, err = etcdtest.NewCA(dir, "ca"); err != nil {
		return err
	}
	if err := c.configureFile(ctx, caFile, c.ca.File); err != nil {
		return err
	}
	if err := c.issueFor(ctx, tokenKey); err != nil {
		return err
	}
	return c.NewCertificate(ctx)
}

// NewCertificate gives etcd's members a new one by the same authority. They read
// it at the next handshake.
func (c *Cluster) NewCertificate(ctx context.Context) error { return c.issueFor(ctx, serverKey) }

func (c *Cluster) issueFor(ctx context.Context, name string) error {
	cert, key, err := c.ca.Issue(name, "e1", "e2", "e3")
	if err != nil {
		return err
	}
	if err := c.configureFile(ctx, name+".crt", cert); err != nil {
		return err
	}
	return c.configureFile(ctx, name+".key", key)
}

func (c *Cluster) configureFile(ctx context.Context, file, from string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return c.configure(ctx, file, string(content))
}

// enableLogin waits for etcd, makes the users and demands their passwords.
func (c *Cluster) enableLogin(ctx context.Context) error {
	if c.Opts.Secure == nil {
		return nil
	}
	for _, m := range c.Etcds {
		if err := c.AwaitEtcd(ctx, m); err != nil {
			return err
		}
	}
	err := c.withEtcd(ctx, c.Etcds, func(ctx context.Context, cl *clientv3.Client) error {
		return etcdtest.EnableAuth(ctx, cl, password, etcdUser, password, Keys)
	})
	c.logins = err == nil
	return err
}

// Logins is how often anybody has logged in to etcd, by its members' own count.
func (c *Cluster) Logins(ctx context.Context) (count int, err error) {
	for _, m := range c.Etcds {
		n, err := c.metric(ctx, m, `grpc_server_handled_total{grpc_code="OK",grpc_method="Authenticate"`)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return count, nil
}
