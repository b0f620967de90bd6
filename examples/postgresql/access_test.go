package postgresql_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// passwords writes the two files and returns the settings that name them.
func passwords(t *testing.T) []string {
	t.Helper()
	dir := readableDir(t)
	for name, text := range map[string]string{"own": "it's", "replication": `a:b\c'd`} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text+"\n"), 0o644))
	}
	return []string{
		"MSDHA_PG_PASSWORD_FILE=" + dir + "/own", "MSDHA_PG_REPLICATION_PASSWORD_FILE=" + dir + "/replication",
	}
}

// login is whether somebody is let in.
type login struct {
	user, password, database, sslmode string
	want                              bool
}

func (n *node) wantLogins(logins ...login) {
	t := n.g.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, l := range logins {
		config, err := pgx.ParseConfig("host=127.0.0.1 port=" + n.port + " sslmode=" + l.sslmode)
		must(t, err)
		config.User, config.Password, config.Database = l.user, l.password, l.database
		if l.database == "replication" {
			config.RuntimeParams["replication"] = "true"
			config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		}
		conn, err := pgx.ConnectConfig(ctx, config)
		if (err == nil) != l.want {
			t.Errorf("login as %s with %q to %s, sslmode %s: %v", l.user, l.password, l.database, l.sslmode, err)
		}
		if err == nil {
			must(t, conn.Close(ctx))
		}
	}
}

// TestPasswords: with password files nobody gets in without one, nor further than
// the role needs, and the nodes still reach each other.
func TestPasswords(t *testing.T) {
	g := newGroup(t, 2, passwords(t)...)
	n1, n2 := g.nodes[0], g.nodes[1]
	n1.create()
	n1.serve()
	g.reign(n1)
	n2.join()
	n2.serve()
	n1.followedBy(n2)
	n1.exec("create database other", "create role reader login replication password 'r'")
	const replication = `a:b\c'd`
	n1.wantLogins(
		login{"postgres", "it's", "postgres", "disable", true},
		login{"postgres", "wrong", "postgres", "disable", false},
		login{"postgres", "", "postgres", "disable", false},
		login{"msdha", "it's", "postgres", "disable", false},
		login{"msdha", "", "postgres", "disable", false},
		login{"msdha_replication", replication, "postgres", "disable", true},
		login{"msdha_replication", replication, "replication", "disable", true},
		login{"msdha_replication", replication, "other", "disable", false},
		login{"reader", "r", "other", "disable", true},
		login{"reader", "r", "replication", "disable", false},
		login{"postgres", "it's", "replication", "disable", false},
	)
}

// authority signs certificates for nodes.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: readableDir(t)}
	a.key = a.newKey()
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, a.key.Public(), a.key)
	must(t, err)
	a.write("ca", "CERTIFICATE", der)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(a.t, err)
	return key
}

func (a *authority) write(name, kind string, der []byte) {
	a.t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	must(a.t, os.WriteFile(filepath.Join(a.dir, name), text, 0o644))
}

// settings signs a certificate and returns what names it.
func (a *authority) settings() []string {
	a.t.Helper()
	key := a.newKey()
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: a.cert.NotBefore, NotAfter: a.cert.NotAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, a.cert, key.Public(), a.key)
	must(a.t, err)
	a.write("cert", "CERTIFICATE", der)
	der, err = x509.MarshalECPrivateKey(key)
	must(a.t, err)
	a.write("key", "EC PRIVATE KEY", der)
	return []string{
		"MSDHA_PG_TLS_CERT_FILE=" + a.dir + "/cert", "MSDHA_PG_TLS_KEY_FILE=" + a.dir + "/key",
		"MSDHA_PG_TLS_CA_FILE=" + a.dir + "/ca",
	}
}

// TestTLS: with certificates nobody gets in without TLS, and standbys want a master
// whose certificate their authority signed.
func TestTLS(t *testing.T) {
	g := newGroup(t, 2, append(passwords(t), newAuthority(t).settings()...)...)
	n1, n2 := g.nodes[0], g.nodes[1]
	n1.create()
	n1.serve()
	g.reign(n1)
	n2.join()
	n2.serve()
	n1.followedBy(n2)
	n1.eventuallyHas("select bool_and(ssl) from pg_stat_replication join pg_stat_ssl using (pid)", "t")
	n1.wantLogins(
		login{"postgres", "it's", "postgres", "require", true},
		login{"postgres", "it's", "postgres", "disable", false},
		login{"postgres", "wrong", "postgres", "require", false},
		login{"msdha_replication", `a:b\c'd`, "replication", "require", true},
		login{"msdha_replication", `a:b\c'd`, "replication", "disable", false},
	)
	n2.mustHook("detach")
	c := n2.following()
	c.Env = append(c.Env, newAuthority(t).settings()...)
	if _, err := n2.finish(c); exitCode(err) != 1 {
		t.Errorf("follow a master with another authority's certificate: %v", err)
	}
	n2.receivesNothing()
	n2.mustFollow()
	n1.followedBy(n2)
}
