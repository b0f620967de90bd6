package store

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"msdha/internal/fsm/kv"
	"msdha/internal/runtime/etcdtest"
	"msdha/internal/testkit"
)

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	ca, wrong := etcdtest.MustCA(t, dir, "ca"), etcdtest.MustCA(t, dir, "wrong")
	cert, key := ca.MustIssue(t, "server")
	clientCert, clientKey := ca.MustIssue(t, "client")
	wrongCert, wrongKey := wrong.MustIssue(t, "stranger")
	plain := etcdtest.MustStart(t, etcdtest.Options{TLS: &etcdtest.ServerTLS{Cert: cert, Key: key}})
	mutual := etcdtest.MustStart(t, etcdtest.Options{
		TLS: &etcdtest.ServerTLS{Cert: cert, Key: key, ClientCA: ca.File},
	})
	tests := []struct {
		name string
		srv  *etcdtest.Server
		bend func(*Config)
		text []string // none: it works
	}{
		{"CA", plain, func(c *Config) { c.CACert = ca.File }, nil},
		{"CA, without scheme", plain, func(c *Config) {
			c.CACert, c.Endpoints = ca.File, []string{plain.Addr()}
		}, nil},
		{"skipped verification", plain, func(c *Config) { c.InsecureSkipVerify = true }, nil},
		{"system's CAs", plain, func(*Config) {}, []string{"unknown authority", "ETCDCTL_CACERT"}},
		{"wrong CA", plain, func(c *Config) { c.CACert = wrong.File }, []string{
			"unknown authority", "ETCDCTL_CACERT",
		}},
		{"certificate", mutual, func(c *Config) {
			c.CACert, c.Cert, c.Key = ca.File, clientCert, clientKey
		}, nil},
		// The refusal follows the handshake, and may come too late to be read.
		{"no certificate", mutual, func(c *Config) { c.CACert = ca.File }, []string{"ETCDCTL_CERT"}},
		{"stranger's certificate", mutual, func(c *Config) {
			c.CACert, c.Cert, c.Key = ca.File, wrongCert, wrongKey
		}, []string{"ETCDCTL_CERT"}},
		{"https to http", shared.server, func(c *Config) {
			c.CACert, c.Endpoints = ca.File, []string{"https://" + shared.server.Addr()}
		}, []string{"no answer in time", "write http://"}},
		{"http to https", plain, func(c *Config) {
			c.CACert, c.Endpoints = ca.File, []string{"http://" + plain.Addr()}
		}, []string{"no answer in time", "write https://"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(t)
			c.Endpoints = []string{tt.srv.Endpoint()}
			tt.bend(&c)
			s := open(t, c)
			if tt.text == nil {
				mustGrant(t, s, time.Second)
				return
			}
			_, _, outcome, err := s.Grant(within(t, time.Second), time.Second)
			expect(t, kv.Unknown, outcome, err, tt.text...)
		})
	}
}

// What a client reads when the other side hangs up depends on a race inside the
// kernel; the cure must not.
func TestCureWhicheverWayThePeerHangsUp(t *testing.T) {
	t.Parallel()
	s := &Store{}
	for _, end := range []string{
		"EOF", "read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer",
		"write tcp 127.0.0.1:1->127.0.0.1:2: write: broken pipe", "connection reset by peer",
	} {
		for _, tt := range []struct{ endpoint, why, cure string }{
			{"http://e:1", "no answer in time: error reading server preface: ", "write https://"},
			{"http://e:1", "transport: failed to write client preface: ", "write https://"},
			{"https://e:1", "transport: authentication handshake failed: ", "write http://"},
		} {
			if got := s.cure(tt.why+end, tt.endpoint, nil); !strings.Contains(got, tt.cure) {
				t.Errorf("%s%s: the cure is %q", tt.why, end, got)
			}
		}
		if end == "EOF" {
			continue // says nothing after the handshake
		}
		got := s.cure("error reading from server: "+end, "https://e:1", nil)
		if !strings.Contains(got, "ETCDCTL_CERT") {
			t.Errorf("%s after the handshake: the cure is %q", end, got)
		}
	}
}

func TestPlainEndpointWithCertificatesWarns(t *testing.T) {
	var l testkit.Output
	c := config(t)
	c.Logger, c.InsecureSkipVerify = loggerTo(&l), true
	mustGrant(t, open(t, c), time.Second)
	if !strings.Contains(l.String(), "used without TLS") {
		t.Errorf("logged: %s", &l)
	}
}

// A certificate is replaced while its user runs, the authority with it.
func TestCertificatesRotate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rotate := func() (ca *etcdtest.CA, o etcdtest.Options, cert, key string) {
		ca = etcdtest.MustCA(t, dir, "ca")
		o.TLS = &etcdtest.ServerTLS{ClientCA: ca.File}
		o.TLS.Cert, o.TLS.Key = ca.MustIssue(t, "server")
		cert, key = ca.MustIssue(t, "client")
		return ca, o, cert, key
	}
	ca, options, cert, key := rotate()
	srv := etcdtest.MustStart(t, options)
	c := config(t)
	c.Endpoints, c.CACert, c.Cert, c.Key = []string{srv.Endpoint()}, ca.File, cert, key
	s := open(t, c)
	lease := mustGrant(t, s, 60*time.Second)

	srv.Stop()
	rotate()
	if err := srv.Restart(); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func(ctx context.Context, attempt int) (kv.Outcome, error) {
		_, _, outcome, err := s.KeepAlive(ctx, lease, attempt)
		return outcome, err
	})

	// Files that cannot be read right now change nothing for what is connected.
	if err := os.Remove(ca.File); err != nil {
		t.Fatal(err)
	}
	_, _, outcome, err := s.KeepAlive(within(t, patience), lease, 0)
	expect(t, kv.OK, outcome, err)
}
