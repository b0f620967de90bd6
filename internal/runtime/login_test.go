package runtime

import (
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"msdha/internal/runtime/etcdtest"
)

const password = "correct-horse"

// loginGroup is a group in an etcd that demands a login.
func loginGroup(t *testing.T) *group {
	t.Helper()
	srv := etcdtest.MustStart(t, etcdtest.Options{TokenTTL: time.Second})
	plain, err := srv.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close() //nolint:errcheck // only used up to here
	err = etcdtest.EnableAuth(within(t), plain, "root-"+password, "msdha", password, "/msdha/")
	if err != nil {
		t.Fatal(err)
	}
	admin, err := clientv3.New(clientv3.Config{
		Endpoints: []string{srv.Endpoint()}, DialTimeout: patience, Logger: zap.NewNop(),
		Username: "root", Password: "root-" + password,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close() })
	return groupIn(t, 10*time.Second, srv.Endpoint(), admin)
}

func (p *program) expectSecret(secret string) {
	p.t.Helper()
	for _, line := range p.log() {
		if strings.Contains(line, secret) {
			p.t.Errorf("the password is in the log: %s", line)
		}
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	g := loginGroup(t)
	g.env = []string{"ETCDCTL_USER=msdha", "ETCDCTL_PASSWORD=" + password, "MSDHA_LOG_LEVEL=debug"}
	a, _ := g.pair(nodeOptions{})
	f := g.frontend("f")
	f.awaitLog("logged in to etcd", "login=2") // the first token has expired
	a.stop()
	g.awaitMaster("b")
	a.expectSecret(password)
	f.expectSecret(password)
}

// TestLoginRefused: waiting cures no wrong password.
func TestLoginRefused(t *testing.T) {
	t.Parallel()
	g := loginGroup(t)
	for name, c := range map[string]struct {
		env  []string
		says string
	}{
		"wrong": {
			[]string{"ETCDCTL_USER=msdha", "ETCDCTL_PASSWORD=wrong-" + password},
			"check ETCDCTL_USER",
		},
		"none":     {nil, "this etcd demands a login: set ETCDCTL_USER"},
		"no-right": {[]string{"ETCDCTL_USER=msdha:" + password, "MSDHA_PREFIX=/other"}, "grant the user"},
	} {
		n := g.start(name, nodeOptions{env: c.env})
		n.expectExit(78)
		n.expectLogged("msg=ends", "etcd refuses our requests", "last_error=", c.says)
		n.expectSecret(password)
		if got := g.hooks(name); len(got) != 0 {
			t.Errorf("%s: hooks ran: %v", name, got)
		}
	}
}

// TestTLS: certificates on both sides, and a wrong one on either.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := testDir(t)
	ca, other := etcdtest.MustCA(t, dir, "ca"), etcdtest.MustCA(t, dir, "other")
	serverCert, serverKey := ca.MustIssue(t, "server")
	cert, key := ca.MustIssue(t, "client")
	strangerCert, strangerKey := other.MustIssue(t, "stranger")
	srv := etcdtest.MustStart(t, etcdtest.Options{
		TLS: &etcdtest.ServerTLS{Cert: serverCert, Key: serverKey, ClientCA: ca.File},
	})
	files := func(ca, cert, key string) []string {
		return []string{
			"ETCDCTL_CACERT=" + ca, "ETCDCTL_CERT=" + cert, "ETCDCTL_KEY=" + key, "MSDHA_START_PATIENCE=2s",
		}
	}
	g := groupIn(t, 10*time.Second, srv.Endpoint(), nil)
	n := g.start("right", nodeOptions{env: files(ca.File, cert, key)})
	g.awaitHook("right", "ready", 1)
	for name, c := range map[string]struct {
		env  []string
		says string
	}{
		"authority": {files(other.File, cert, key), "signed by unknown authority"},
		"client":    {files(ca.File, strangerCert, strangerKey), "check ETCDCTL_CERT and ETCDCTL_KEY"},
	} {
		wrong := g.start(name, nodeOptions{env: c.env})
		wrong.expectExit(69)
		wrong.expectLogged("msg=ends", "etcd could not be reached at start", c.says)
	}
	n.stop()
}
