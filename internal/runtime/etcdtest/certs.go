package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CA signs certificates for 127.0.0.1, localhost and what else is asked for.
type CA struct {
	// File holds the authority's own certificate.
	File string

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes an authority whose files are dir/name.crt and dir/name.key.
func NewCA(dir, name string) (*CA, error) {
	ca := &CA{dir: dir}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	var err error
	ca.File, _, err = ca.issue(name, template)
	return ca, err
}

// Issue writes dir/name.crt and dir/name.key, good for servers and clients, and
// for servers of those names, too.
func (ca *CA) Issue(name string, hosts ...string) (cert, key string, err error) {
	return ca.issue(name, &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:    append(hosts, "localhost"), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	})
}

// issue signs the template with the authority's key or, for the authority
// itself, with the new one.
func (ca *CA) issue(name string, template *x509.Certificate) (cert, key string, err error) {
	fail := func(err error) (string, string, error) {
		return "", "", fmt.Errorf("cannot make the certificate %q: %w", name, err)
	}
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		return fail(err)
	}
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(24 * time.Hour)
	if template.IsCA {
		ca.cert, ca.key = template, own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, own.Public(), ca.key)
	if err != nil {
		return fail(err)
	}
	if template.IsCA {
		if ca.cert, err = x509.ParseCertificate(der); err != nil {
			return fail(err)
		}
	}
	secret, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		return fail(err)
	}
	cert, key = filepath.Join(ca.dir, name+".crt"), filepath.Join(ca.dir, name+".key")
	if err := writePEM(cert, "CERTIFICATE", der); err != nil {
		return fail(err)
	}
	if err := writePEM(key, "EC PRIVATE KEY", secret); err != nil {
		return fail(err)
	}
	return cert, key, nil
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
