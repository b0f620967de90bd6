package store

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsConfig gives nil where neither files nor options ask for TLS; an https
// endpoint then gets clientv3's default with the system's authorities.
func (c *Config) tlsConfig() (*tls.Config, error) {
	if c.CACert == "" && c.Cert == "" && c.Key == "" && !c.InsecureSkipVerify {
		return nil, nil
	}
	out := &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.InsecureSkipVerify,
	}
	var faults []error
	if c.CACert != "" {
		pool, err := readPool(c.CACert)
		if err != nil {
			faults = append(faults, err)
		}
		out.RootCAs = pool
	}
	switch {
	case c.Cert != "" && c.Key != "":
		if _, err := c.pair(); err != nil {
			faults = append(faults, err)
		}
		// Certificates live shorter than connections do: each handshake reads the
		// files anew.
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return c.pair()
		}
	case c.Cert != "":
		faults = append(faults, fmt.Errorf("cannot use the certificate %q without its key: "+
			"set ETCDCTL_KEY", c.Cert))
	case c.Key != "":
		faults = append(faults, fmt.Errorf("cannot use the key %q without its certificate: "+
			"set ETCDCTL_CERT", c.Key))
	}
	return out, errors.Join(faults...)
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificates of etcd's authority (ETCDCTL_CACERT): %w",
			err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("cannot use %q as certificates of etcd's authority (ETCDCTL_CACERT): "+
			"it has no certificate in PEM", file)
	}
	return pool, nil
}

func (c *Config) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the certificate %q with the key %q (ETCDCTL_CERT, "+
			"ETCDCTL_KEY): %w", c.Cert, c.Key, err)
	}
	return &pair, nil
}
