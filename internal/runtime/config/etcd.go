package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
)

// etcdPort is what an endpoint without a port means. Without it gRPC would take
// 443 for a name, which no etcd listens on.
const etcdPort = "2379"

// login is a user and password as one of several places gave them.
type login struct {
	user     string
	password Secret
}

type endpoint struct {
	scheme  string // http, https, or empty for a bare host:port
	address string // host:port
	login   login
}

// parseEndpoints reads a comma-separated list. Its reasons never quote the
// value, any part of which may be a password.
func parseEndpoints(s string) ([]endpoint, error) {
	parts := strings.Split(s, ",")
	out := make([]endpoint, 0, len(parts))
	for i, part := range parts {
		e, err := parseEndpoint(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("endpoint %d of %d: %w", i+1, len(parts), err)
		}
		out = append(out, e)
	}
	return out, nil
}

// parseEndpoint does not use url.Parse, whose errors print what they could not
// parse, password included.
func parseEndpoint(s string) (endpoint, error) {
	var e endpoint
	rest := s
	if before, after, ok := strings.Cut(s, "://"); ok {
		e.scheme, rest = strings.ToLower(before), after
		if e.scheme != "http" && e.scheme != "https" {
			return e, errors.New("the scheme is neither http nor https")
		}
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		if strings.Contains(rest[i:], "@") {
			return e, errors.New("user and password must have '/', '?' and '#' percent-encoded")
		}
		if rest[i:] != "/" {
			return e, errors.New("something follows the port")
		}
		authority = rest[:i]
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		var err error
		if e.login, err = parseUserinfo(authority[:i]); err != nil {
			return e, err
		}
		authority = authority[i+1:]
	}
	if authority == "" {
		return e, errors.New("the host is missing")
	}
	host, port, err := splitAddress(authority)
	if err != nil {
		if _, portErr := parsePort(port); port != "" && portErr != nil {
			return e, portErr
		}
		return e, errors.New("the host is neither a DNS name nor an IP address")
	}
	if port == "" {
		port = etcdPort
	}
	e.address = net.JoinHostPort(host, port)
	return e, nil
}

func parseUserinfo(s string) (login, error) {
	user, password, ok := strings.Cut(s, ":")
	if user == "" || password == "" || !ok {
		return login{}, errors.New("what is before '@' is not user:password")
	}
	user, err1 := url.PathUnescape(user)
	password, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return login{}, errors.New("user or password has a '%' that is not percent-encoded")
	}
	return login{user, Secret(password)}, nil
}

// showEndpoints hides everything that can be a password, also where a value is
// so malformed that it cannot be told what is one: all up to the last '@', and
// whatever stands where a port should and is no number.
func showEndpoints(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		s = s[:schemeLength(s[:at])] + redacted + s[at:]
	}
	parts := strings.Split(s, ",")
	for i, part := range parts {
		from := schemeLength(part)
		if j := strings.IndexByte(part[from:], ']'); j >= 0 {
			from += j
		}
		j := strings.IndexByte(part[from:], ':')
		if j < 0 {
			continue
		}
		port := part[from+j+1:]
		if strings.Trim(strings.TrimSuffix(port, "/"), "0123456789") != "" {
			parts[i] = part[:from+j+1] + redacted
		}
	}
	return strings.Join(parts, ",")
}

// schemeLength is the length of a scheme and "://" that an endpoint begins
// with. Only well-known ones are taken for a scheme: in `root:x://y@host` what
// is before "://" is half a password.
func schemeLength(s string) int {
	scheme, _, ok := strings.Cut(s, "://")
	switch strings.ToLower(scheme) {
	case "http", "https", "ftp", "tcp", "grpc", "unix", "unixs":
		if ok {
			return len(scheme) + len("://")
		}
	}
	return 0
}

// showUser hides the password of `user:password`.
func showUser(s string) string {
	if user, _, ok := strings.Cut(s, ":"); ok {
		return user + ":" + redacted
	}
	return s
}

// showPath prints a path, but not the key that somebody put in its place.
func showPath(s string) string {
	if strings.Contains(s, "-----") || strings.ContainsAny(s, "\r\n") {
		return redacted
	}
	return s
}

// checkPath reads a PEM file to find out at start whether it can be read. The
// common mistake is ETCDCTL_CACERT_FILE, which by the rule for X_FILE names a
// file that holds the *path* of the certificates.
func (c *settings) checkPath(path string) ([]byte, error) {
	if showPath(path) == redacted {
		return nil, errors.New("it is the text of a PEM file instead of its path " +
			"(a path belongs in the variable without _FILE)")
	}
	text, err := c.readFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", cause(err))
	}
	return text, nil
}

// cause drops the path from an error about a file, because the fault has it.
func cause(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

func setCACert(c *settings, v string) error {
	text, err := c.checkPath(v)
	if err != nil {
		return err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return errors.New("the file holds no certificate")
	}
	c.common.Etcd.CACert = v
	return nil
}

func setCert(c *settings, v string) error {
	text, err := c.checkPath(v)
	if err == nil {
		c.common.Etcd.Cert, c.certText = v, text
	}
	return err
}

func setKey(c *settings, v string) error {
	text, err := c.checkPath(v)
	if err == nil {
		c.common.Etcd.Key, c.keyText = v, text
	}
	return err
}

func setEndpoints(c *settings, v string) error {
	endpoints, err := parseEndpoints(v)
	c.endpoints = endpoints
	return err
}

// setUser reads `user` or `user:password`.
func setUser(c *settings, v string) error {
	user, password, ok := strings.Cut(v, ":")
	if user == "" || ok && password == "" {
		return errors.New("user or password is empty")
	}
	c.common.Etcd.User = user
	c.userPassword = Secret(password)
	return nil
}

// finishEtcd does what takes several variables at once.
func (l *loader) finishEtcd() {
	e := &l.settings.common.Etcd
	l.finishTLS(e)
	l.finishLogin(e)

	withTLS := e.CACert != "" || e.Cert != "" || e.InsecureSkipVerify
	bare := "http"
	if withTLS {
		bare = "https"
	}
	seen := ""
	for _, p := range l.settings.endpoints {
		scheme := p.scheme
		if scheme == "" {
			scheme = bare
		}
		if seen != "" && seen != scheme {
			l.fault("ETCDCTL_ENDPOINTS", "some endpoints are http and some https")
			return
		}
		seen = scheme
		e.Endpoints = append(e.Endpoints, scheme+"://"+p.address)
	}
	e.TLS = seen == "https"
	if seen == "http" && withTLS {
		l.warn("ETCDCTL_ENDPOINTS", "the endpoints are http, so the certificates and "+
			"ETCDCTL_INSECURE_SKIP_TLS_VERIFY have no effect; write https:// for TLS")
	}
}

func (l *loader) finishTLS(e *Etcd) {
	_, cert := l.found["ETCDCTL_CERT"]
	_, key := l.found["ETCDCTL_KEY"]
	switch {
	case l.faulted("ETCDCTL_CERT") || l.faulted("ETCDCTL_KEY"):
	case cert && !key:
		l.fault("ETCDCTL_KEY", "it is not set, but ETCDCTL_CERT is")
	case key && !cert:
		l.fault("ETCDCTL_CERT", "it is not set, but ETCDCTL_KEY is")
	case cert && key:
		_, err := tls.X509KeyPair(l.settings.certText, l.settings.keyText)
		if err != nil {
			l.fault("ETCDCTL_CERT", "it does not go with ETCDCTL_KEY: "+err.Error())
		}
	}
}

// finishLogin brings together the places a login can come from. Two that
// disagree are a fault: whichever won, half of the readers would expect the
// other.
func (l *loader) finishLogin(e *Etcd) {
	_, userFound := l.found["ETCDCTL_USER"]
	switch {
	case l.settings.userPassword != "" && e.Password != "":
		l.fault("ETCDCTL_PASSWORD", "ETCDCTL_USER holds a password too; set one of them")
	case l.settings.userPassword != "":
		e.Password = l.settings.userPassword
	case e.Password != "" && !userFound && !l.faulted("ETCDCTL_USER"):
		l.fault("ETCDCTL_PASSWORD", "ETCDCTL_USER is not set")
	}
	for _, p := range l.settings.endpoints {
		switch {
		case p.login == login{}:
			continue
		case e.User == "" && !userFound:
			e.User = p.login.user
		case e.User != p.login.user:
			l.fault("ETCDCTL_ENDPOINTS", "two different users are given, "+
				"here or in ETCDCTL_USER")
			return
		}
		switch {
		case e.Password == "":
			e.Password = p.login.password
		case e.Password != p.login.password:
			l.fault("ETCDCTL_ENDPOINTS", "two different passwords are given, "+
				"here, in ETCDCTL_USER or in ETCDCTL_PASSWORD")
			return
		}
	}
	if e.User != "" && e.Password == "" && !l.faulted("ETCDCTL_PASSWORD") {
		l.fault("ETCDCTL_USER", "there is no password; set ETCDCTL_PASSWORD or "+
			"ETCDCTL_PASSWORD_FILE")
	}
}
